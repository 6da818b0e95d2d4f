"""Measures the frequencies of the images and masks of a mix.

**Conventions** A row a case for its image and one for its reference, with the shares of the energy
by bin (`spectra`); of images also by level of the contourlet transform, finest first, and its
low-pass. The energies of an image's subbands are those of its samples, the detail of which is kept
as often as the level has directions: the transform is redundant, so they are shares of their own
sum, not of the image's energy. A row of a whole set for each subband holds the mean share.
"""

import functools
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.spectra import centroid, grey, spectrum

# By its path, not imported by name: parts of networks stand outside the benchmark.
CONTOURLET = Path(__file__).parents[3] / "baselines" / "_shared" / "contourlet.py"
LEVELS, DEPTH = 4, 3  # eight directions a level, as the network under test has
LOW = "low"


def measure(job: Job, part: str) -> pd.DataFrame:
    """Two rows a test case, and a row a set and subband."""
    cases, rows = job.cases(), []
    bands: dict[tuple[str, str], list[dict[str, float]]] = {}
    with job.progress.task("spectra", len(cases), "cases") as task:
        for about in cases.table.to_dict("records"):
            dataset, row = about["dataset"], about["row"]
            keys = {key: about[key] for key in ("dataset", "modality", "case", "group")}
            mask = cases.masks[dataset][row] != 0
            image = grey(cases.images[dataset][row])
            found = subbands(image)
            bands.setdefault((dataset, about["modality"]), []).append(found)
            size = {"lesion": float(mask.mean()) if mask.any() else float("nan")}
            rows.append({**keys, "of": "image", **shares(image), **size, **levels(found)})
            rows.append({**keys, "of": "reference", **shares(mask.astype(float))})
            task.advance()
    rows += _of_sets(bands)
    return pd.DataFrame(rows)


def shares(picture: np.ndarray) -> dict[str, float]:
    """The spectrum as columns, and its centroid in cycles per image."""
    found = spectrum(picture)
    columns = {f"f{k:02}": float(share) for k, share in enumerate(found)}
    return {"centroid": centroid(found), **columns}


def subbands(image: np.ndarray) -> dict[str, float]:
    """The share of the energy in each contourlet subband, by "level.direction", and in LOW.

    Args:
        image: (H, W), square; its mean is taken off, so that LOW holds no constant.

    Returns: shares that sum to 1; NaN of an even image.
    """
    module = _contourlet()
    x = torch.from_numpy(image - image.mean()).double()[None, None]
    transform = module.Contourlet(LEVELS, DEPTH, border="reflect")
    low, bands, _ = transform(x).cropped()
    energy = {LOW: float((low**2).sum())}
    for k, level in enumerate(bands, 1):
        energy |= {f"{k}.{d}": float((band**2).sum()) for d, band in enumerate(level, 1)}
    total = sum(energy.values())
    even = total <= 1e-20 * image.size
    return {name: float("nan") if even else value / total for name, value in energy.items()}


@functools.cache
def _contourlet() -> Any:
    spec = importlib.util.spec_from_file_location("mixseg_contourlet", CONTOURLET)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def levels(found: dict[str, float]) -> dict[str, float]:
    """The shares of the levels, finest first, and of the low-pass."""
    sums = {
        f"level{k}": sum(share for name, share in found.items() if name.startswith(f"{k}."))
        for k in range(1, LEVELS + 1)
    }
    return {**sums, LOW: found[LOW]}


def _of_sets(
    bands: dict[tuple[str, str], list[dict[str, float]]],
) -> Iterator[dict[str, object]]:
    for (dataset, modality), found in bands.items():
        keys = {"dataset": dataset, "modality": modality, "case": "", "group": ""}
        for name in found[0]:
            mean = float(np.nanmean([each[name] for each in found]))
            yield {**keys, "of": f"subband {name}", "energy": mean}
