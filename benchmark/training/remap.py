"""Maps from stored weights: the third depth at which a number can be checked."""

from collections.abc import Iterator

from safetensors.torch import load_file

from benchmark import discover
from benchmark.data.cases import load_cases
from benchmark.errors import MissingDataError
from benchmark.evaluation.predict import predict_cases
from benchmark.files import Places, read_json
from benchmark.params import load_params
from benchmark.progress import Progress
from benchmark.training.run import pick_device


def remap(places: Places, mix: str, device: str, progress: Progress) -> Iterator[str]:
    """Writes the maps of every run of a mix from its stored weights; names each file.

    Raises: MissingDataError if no run of the mix has weights here.
    """
    size, device = load_params(places.root).mix(mix).size, pick_device(device)
    cases = load_cases(places.prepared(mix), ("test",))
    found = False
    for path in sorted(places.results(mix).glob("*/*/seed-*/run.json")):
        record = read_json(path)
        artefacts = places.artefacts(mix, record["method"], int(record["seed"]))
        weights = artefacts / "weights.safetensors"
        if not weights.is_file():
            continue
        found = True
        method = discover.method_entry(places.root, record["method"]).cls(size=size)
        method.load_state_dict(load_file(weights))
        predict_cases(method, cases, artefacts / "probs.npz", progress, device)
        yield str((artefacts / "probs.npz").relative_to(places.root))
    if not found:
        raise MissingDataError(
            places.results(mix), "no run with stored weights", "artefacts of its runs",
            "Run `dvc pull`, or train with `mixseg run`.",
        )  # fmt: skip
