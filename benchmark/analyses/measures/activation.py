"""Measures where the networks of a row look: Seg-Grad-CAM against reference and prediction.

**Conventions** Energy inside an area is its share of the sum of the map. Pointing is the share of
the map's largest values that lie inside the reference: 0 or 1 where one is largest. A value is
undefined where the map is 0 throughout or the area is empty. A map that is even all over would have
the energy `area`, the share of the image that the reference covers.
"""

import numpy as np
import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.networks import batches, network
from benchmark.evaluation.gradcam import activation

AT_ONCE = 4


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case and layer, of one run."""
    cases = job.cases()
    method, rows = network(job, cases.size), []
    with job.progress.task(f"activation of {job.method}", len(cases), "cases") as task:
        for index, inputs, references in batches(job, method, cases, AT_ONCE):
            for layer, name in method.card.cam_layers.items():
                found = activation(method, inputs, name)
                for k, case in enumerate(cases.table.iloc[index].to_dict("records")):
                    rows.append(
                        {key: case[key] for key in ("dataset", "modality", "case", "group")}
                        | {"layer": layer, "target": "all" if found.empty[k] else "predicted"}
                        | shares(found.maps[k], references[k], found.predicted[k])
                    )
            task.advance(len(index))
    return pd.DataFrame(rows)


def shares(cam: np.ndarray, reference: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Energies and pointing game of one map.

    Args:
        cam: (H, W), at least 0.
        reference, predicted: bool (H, W).
    """
    return {
        "energy": _inside(cam, reference),
        "pointing": _inside((cam == cam.max()) & (cam > 0), reference),
        "energy_predicted": _inside(cam, predicted),
        "area": float(reference.mean()) if reference.any() else float("nan"),
    }


def _inside(cam: np.ndarray, area: np.ndarray) -> float:
    total = float(cam.sum(dtype=float))
    return float(cam[area].sum(dtype=float)) / total if total > 0 and area.any() else float("nan")
