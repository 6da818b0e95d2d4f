"""Measures where the networks of a row look: Seg-Grad-CAM against reference and prediction.

**Conventions** Energy inside an area is its share of the sum of the map. Pointing is the share of
the map's largest values that lie inside the reference: 0 or 1 where one is largest. A value is
undefined where the map is 0 throughout or the area is empty. A map that is even all over would have
the energy `area`, the share of the image that the reference covers.
"""

import numpy as np
import pandas as pd
import torch

from benchmark.analyses.kit.job import Job
from benchmark.data.augment import to_float
from benchmark.data.prompting import prompts_of
from benchmark.evaluation.gradcam import activation
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs
from benchmark.runs.predict import restored

AT_ONCE = 4


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case and layer, of one run."""
    cases = job.cases()
    weights = job.weights(job.seeds[0])
    method = to_device(restored(job.paths.root, job.method, weights, cases.size), job.device)
    rows, keys = [], cases.keys()
    with job.progress.task(f"activation of {job.method}", len(cases), "cases") as task:
        for start in range(0, len(cases), AT_ONCE):
            index = np.arange(start, min(start + AT_ONCE, len(cases)))
            images, masks = cases.pixels(index)
            image, mask = to_float(*(torch.from_numpy(x).to(job.device) for x in (images, masks)))
            prompts = prompts_of(method.card.prompt, mask, keys[index], 0)
            with torch.no_grad():
                inputs = Inputs(image, features=method.embed(image), **prompts)
            for layer, name in method.card.cam_layers.items():
                found = activation(method, inputs, name)
                for k, case in enumerate(cases.table.iloc[index].to_dict("records")):
                    rows.append(
                        {key: case[key] for key in ("dataset", "modality", "case", "group")}
                        | {"layer": layer, "target": "all" if found.empty[k] else "predicted"}
                        | shares(found.maps[k], masks[k] != 0, found.predicted[k])
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
