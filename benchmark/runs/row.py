"""All runs of one row on a mix, one seed after the other, and its cost."""

from collections.abc import Iterator

from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.data.answers import require
from benchmark.methods.discover import card_of
from benchmark.runs.execute import execute
from benchmark.runs.identity import RunSpec
from benchmark.runs.measure_cost import has_own_cost, measure
from benchmark.runs.settings import RunOptions


def run_row(
    paths: Paths,
    method: str,
    mix: str,
    seed: int | None,
    options: RunOptions,
    progress: Progress,
) -> Iterator[tuple[str, bool]]:
    """Executes one seed, or all seeds and then the measurement of cost; a failure stops no other.

    A row of the group single is its base trained on less: it costs the same, and is not measured.
    Neither is a row of which every run failed.

    Yields: a line for each, and whether it ended well.
    Raises: MixSegError of a run, where one seed is asked for; StaleDataError if the prepared data
        are not those that params.yaml asks for.
    """
    if seed is not None:
        spec = RunSpec(method, mix, seed)
        yield f"{spec}: {execute(paths, spec, options, progress)}", True
        return
    card, about = card_of(paths.root, method), load_params(paths.root).mix(mix)
    require(paths, mix, about)  # said once, not by each seed
    done = 0
    for each in about.seeds_of(card):
        spec = RunSpec(method, mix, each)
        try:
            yield f"{spec}: {execute(paths, spec, options, progress)}", True
            done += 1
        except MixSegError as error:
            yield f"FAILED  {spec}: {error}", False
    if not has_own_cost(card) or not done:
        return
    try:
        lines = measure(
            paths, method, mix, device=options.device, again=False, progress=progress
        ).splitlines()
        yield f"cost: {lines[-1]}", True
    except MixSegError as error:
        yield f"FAILED  cost of {method} on {mix}: {error}", False
