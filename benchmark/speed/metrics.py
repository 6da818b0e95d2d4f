"""The boundary metrics of a pair of masks at 352 x 352: ours, surface-distance, one transform.

The masks are drawn. `before` is how ours was computed before: the package on the box around both
masks, for HD95 and ASSD; `package` is the same on the whole masks, and NSD too. `transform` is one
SciPy distance transform. Ours gives all four metrics. Those of the counts come last. Times are of
the processor.
"""

import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from benchmark.core.errors import MissingDataError
from benchmark.evaluation.boundary import boundary, tolerance_px
from benchmark.evaluation.maps import quantise
from benchmark.evaluation.metrics import first_level, tally

SIZE, MARGIN, RUNS = 352, 2, 15
Mask = np.ndarray


def _disc(y: float, x: float, radius: float) -> Mask:
    rows, columns = np.ogrid[:SIZE, :SIZE]
    inside: Mask = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return inside


def _blobs(seed: int, share: float, smooth: float) -> Mask:
    """Random pieces of about a size that cover a share of the image."""
    noise = np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    noise = gaussian_filter(noise, smooth)
    above: Mask = noise > np.quantile(noise, 1 - share)
    return above


PAIRS: dict[str, Callable[[], tuple[Mask, Mask]]] = {
    "a lesion, nearly found": lambda: (_disc(180, 172, 63), _disc(176, 176, 60)),
    "a large lesion, nearly found": lambda: (_disc(170, 176, 155), _disc(176, 176, 150)),
    "two ragged shapes": lambda: (_blobs(1, 0.2, 12), _blobs(2, 0.2, 12)),
    "a lesion, found elsewhere": lambda: (_disc(60, 60, 50), _disc(290, 290, 50)),
    "a lesion and false alarms": lambda: (
        _disc(180, 172, 63) | _blobs(1, 0.05, 3),
        _disc(176, 176, 60),
    ),
    "hundreds of pieces": lambda: (_blobs(1, 0.3, 3), _blobs(2, 0.3, 3)),
    "noise": lambda: (_blobs(1, 0.3, 0), _blobs(2, 0.3, 0)),
}


def _measure(pair: Callable[[], tuple[Mask, Mask]], _: str) -> dict[str, Any]:
    """Milliseconds of each way, the best of several runs, and the largest difference."""
    pred, reference = pair()
    rows, columns = (np.flatnonzero((pred | reference).any(axis)) for axis in (1, 0))
    box = tuple(slice(max(at[0] - MARGIN, 0), at[-1] + MARGIN + 1) for at in (rows, columns))
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: boundary(pred, reference),
        "before": lambda: _package(pred[box], reference[box])[:2],
        "package": lambda: _package(pred, reference),
        "transform": lambda: distance_transform_edt(~pred),
    }
    found, expected = boundary(pred, reference), _package(pred, reference)
    off = np.abs(np.subtract((found.hd95_px, found.assd_px, found.nsd), expected)).max()
    took = {f"{name}, ms": _best_ms(way) for name, way in ways.items()}
    return {**took, "differs by": float(off)}


def _best_ms(work: Callable[[], object]) -> float:
    """The best of some runs, in milliseconds of the processor: other work does not count."""
    took = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return 1000 * min(took)


def _package(pred: Mask, reference: Mask) -> tuple[float, float, float]:
    """HD95, ASSD and NSD of the package surface-distance.

    Raises: MissingDataError where it is not installed.
    """
    try:
        import surface_distance as other
    except ImportError as error:
        do = "Install the extra `dev`."
        raise MissingDataError("bench metrics", "no surface-distance", "it", do) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it uses old names of SciPy
        surfaces = other.compute_surface_distances(reference, pred, (1, 1))
    sides = [surfaces[f"surfel_areas_{side}"].sum() for side in ("gt", "pred")]
    assd = np.average(other.compute_average_surface_distance(surfaces), weights=sides)
    nsd = other.compute_surface_dice_at_tolerance(surfaces, tolerance_px((SIZE, SIZE)))
    return float(other.compute_robust_hausdorff(surfaces, 95)), float(assd), float(nsd)


def _others(_: str) -> dict[str, Any]:
    """Milliseconds of counting a map, from which all other metrics and protocols are made."""
    reference, noise = _disc(176, 176, 60), np.random.default_rng(1).random((SIZE, SIZE))
    levels, first = quantise(0.6 * reference + 0.4 * noise), first_level(0.5)
    return {"counts, ms": _best_ms(lambda: tally(levels, reference, first))}


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    **{name: functools.partial(_measure, pair) for name, pair in PAIRS.items()},
    "all other metrics": _others,
}
