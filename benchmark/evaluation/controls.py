"""Controls: maps made from the reference or from nothing, whose scores are known by arithmetic.

A control that does not score what it must shows a fault of the scoring, and the mean training
mask and the centre disc say what a network must beat that has not looked at the image.

**Conventions** Controls go the way of every run: their maps are written, read back and scored.
The maps are temporary, for they can be made again at any time. They are no methods: nothing is
trained, and they are never ranked.
"""

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.digests import digest_of
from benchmark.core.files import Paths, digest, write_json
from benchmark.core.params import Params
from benchmark.core.progress import Progress
from benchmark.core.recorded import note
from benchmark.data.cases import Cases, load_cases
from benchmark.data.manifest import data_digest
from benchmark.evaluation.maps import MapWriter
from benchmark.evaluation.score import score_maps, write_scores

GROUP = "controls"
# Masks of the training set that are summed at once.
CHUNK = 256


@dataclass(frozen=True)
class Control:
    """One control.

    Attributes:
        title: as tables name it.
        why: what its scores are for.
        map: reference mask and mean training mask, both (H, W), to a probability map (H, W).
    """

    title: str
    why: str
    map: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _centre_disc(reference: np.ndarray, _: np.ndarray) -> np.ndarray:
    height, width = reference.shape
    y, x = np.ogrid[:height, :width]
    inside: np.ndarray = (2 * y + 1 - height) ** 2 + (2 * x + 1 - width) ** 2 <= (
        min(height, width) / 2
    ) ** 2
    return inside


CONTROLS: dict[str, Control] = {
    "oracle": Control(
        "Reference itself", "must score 1 everywhere, MAE 0", lambda reference, _: reference != 0
    ),
    "empty": Control(
        "Empty mask",
        "must score 0 on every reference that is not empty",
        lambda reference, _: np.zeros(reference.shape),
    ),
    "full": Control(
        "Full mask",
        "must score DSC 2f / (1 + f) and IoU f at foreground share f",
        lambda reference, _: np.ones(reference.shape),
    ),
    "mean-mask": Control(
        "Mean training mask",
        "what is known from the training masks, all modalities together, without any image",
        lambda _, mean: mean,
    ),
    "centre-disc": Control(
        "Centre disc", "a disc in the middle, half as wide as the image", _centre_disc
    ),
}


def run_controls(
    mix: str,
    paths: Paths,
    params: Params,
    progress: Progress,
) -> list[Path]:
    """Writes run.json and scores.csv of every control of a mix.

    Args:
        mix: its name.
        paths: the folders of the project.
        params: for the threshold.
        progress: told of every case.

    Returns: the folders written.
    Raises: MissingDataError if the mix is not prepared.
    """
    prepared = paths.prepared(mix)
    test, train = load_cases(prepared, ("test",)), load_cases(prepared, ("train", "val"))
    mean = mean_mask(train)
    folders = []
    for name, control in CONTROLS.items():
        with tempfile.TemporaryDirectory(prefix="mixseg-control-") as folder:
            maps = Path(folder) / "probs.npz"
            _write(maps, control, test, mean)
            scores = score_maps(maps, prepared, params.threshold, progress)
        out = paths.run(mix, GROUP, name, 0)
        write_scores(out / "scores.csv", scores)
        record = _record(name, mix, test, data_digest(prepared))
        record["data"]["train"] = len(train) if name == "mean-mask" else 0
        record["files"] = {"scores.csv": digest_of(out / "scores.csv")}
        write_json(out / "run.json", record)
        folders.append(out)
    note(paths, mix, *(folder / "run.json" for folder in folders))
    return folders


def mean_mask(cases: Cases) -> np.ndarray:
    """Share of the cases in which a pixel is foreground, float64 (H, W); 0 without cases."""
    total = np.zeros((cases.size, cases.size), np.int64)
    for dataset, rows in cases.table.groupby("dataset", sort=False)["row"]:
        for start in range(0, len(rows), CHUNK):
            part = cases.masks[str(dataset)][rows.iloc[start : start + CHUNK].to_numpy()]
            total += (part != 0).sum(axis=0)
    return total / max(len(cases), 1)


def _write(path: Path, control: Control, cases: Cases, mean: np.ndarray) -> None:
    with MapWriter(path) as writer:
        for dataset, case, row in zip(
            *(cases.table[key] for key in ("dataset", "case", "row")), strict=True
        ):
            writer.add(dataset, case, control.map(cases.masks[dataset][row], mean))


def _record(name: str, mix: str, test: Cases, data: str) -> dict[str, Any]:
    control = CONTROLS[name]
    counts = test.table.groupby("dataset", sort=False).size()
    return {
        "schema": 2,
        "method": name,
        "title": control.title,
        "mix": mix,
        "group": GROUP,
        "seed": 0,
        "size": test.size,
        "prompt": "none",
        "pretrained_on": [],
        "initialisation": "none",
        "weights": {},
        "recipe": {},
        "deviations": {},
        "why": control.why,
        "identity": {
            "run": digest({"control": name, "data": data}),
            "method_code": "none",
            "training_code": "none",
            "data": data,
        },
        "prediction_code": "none",
        "scoring_code": "none",
        "parameters": {"total": 0, "trainable": 0},
        "data": {"train": 0, "test": {str(key): int(n) for key, n in counts.items()}},
        "hardware": {"device": "cpu"},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "commit": None,
    }
