"""Pictures of uncertainty of one drawn case a set; they show images, so no report holds them."""

import numpy as np

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import Case
from benchmark.core.files import write_atomic
from benchmark.data.cases import Cases
from benchmark.evaluation.overlays import GAP, overlay
from benchmark.evaluation.uncertainty import Uncertainty

PLACE = "uncertainty"  # below work/


def drawn(cases: Cases) -> set[tuple[str, str]]:
    """One case of each set, by the digest of its name: the same for every method and limit."""
    keys, table = cases.keys(), cases.table
    chosen = set()
    for dataset in table["dataset"].unique():
        index = np.flatnonzero(table["dataset"] == dataset)
        first = index[np.argmin(keys[index])]
        chosen.add((str(dataset), str(table["case"][first])))
    return chosen


def write_picture(job: Job, kind: str, case: Case, found: Uncertainty) -> None:
    """Writes work/uncertainty/<mix>/<kind>/<method>[-seed-N]/<dataset>.png."""
    from PIL import Image

    seed = f"-seed-{job.seeds[0]}" if len(job.seeds) == 1 else ""
    folder = job.paths.root / "work" / PLACE / job.name / kind / f"{job.method}{seed}"
    with write_atomic(folder / f"{case.dataset}.png") as temporary:
        Image.fromarray(picture(case, found)).save(temporary, format="PNG")


def picture(case: Case, found: Uncertainty) -> np.ndarray:
    """Image, reference, mean map, entropy and mutual information side by side.

    The maps are grey, white is 1; the mutual information is stretched to the largest of the case.

    Returns: uint8 (H, 5 W + 4 GAP, 3).
    """
    top = max(float(found.information.max()), 1e-6)
    maps = (found.mean, found.entropy, found.information / top)
    greys = [np.repeat(np.rint(255 * each).astype(np.uint8)[..., None], 3, axis=2) for each in maps]
    parts = [np.asarray(case.image), overlay(np.asarray(case.image), case.reference), *greys]
    gap = np.full((len(case.image), GAP, 3), 255, np.uint8)
    joined = [parts[0]] + [each for part in parts[1:] for each in (gap, part)]
    return np.concatenate(joined, axis=1)
