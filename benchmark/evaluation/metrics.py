"""The headline metrics: what is counted in a case, and the numbers made from the counts.

**Conventions**
1. Arrays: a reference is bool (H, W); a map is uint16 levels (H, W) as stored, p = level / 65535.
   P is the predicted mask, p >= threshold on the raw sigmoid; R the reference. No resizing.
2. Empty masks: both empty scores 1, one of two empty scores 0, for DSC, IoU, sensitivity and
   precision alike. `tp + fn == 0` marks an empty reference, `tp + fp == 0` an empty prediction.
3. MAE is of the soft map, without min-max.
4. Sums are of integers, so no order of summation changes a number.

Distances between contours: `benchmark.evaluation.boundary`.

**Sources** Dice 1945; Jaccard 1912; Maier-Hein et al., Nat. Methods 2024 (DSC, IoU).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import ShapeError
from benchmark.evaluation.maps import TOP

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
STEPS = 256
# Level u is k = round(255 u / 65535) = round(u / 257), so k begins at 257 k - 128.
RAW_STARTS = np.maximum(257 * np.arange(STEPS) - 128, 0)


@dataclass(frozen=True)
class Counts:
    """Pixels of one case, or of n cases as arrays (n,): true and false, positive and negative."""

    tp: Any
    fp: Any
    fn: Any
    tn: Any

    def dsc(self) -> Any:
        """Dice similarity coefficient, 2|P ∩ R| / (|P| + |R|)."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def iou(self) -> Any:
        """Intersection over union, |P ∩ R| / |P ∪ R|."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    def sensitivity(self) -> Any:
        """Found share of the reference, |P ∩ R| / |R|."""
        return self._ratio(self.tp, self.tp + self.fn)

    def precision(self) -> Any:
        """Right share of the prediction, |P ∩ R| / |P|."""
        return self._ratio(self.tp, self.tp + self.fp)

    def _ratio(self, part: Any, whole: Any) -> Any:
        both_empty = (self.tp + self.fp + self.fn) == 0
        return np.where(both_empty, 1.0, part / np.maximum(whole, 1))


def first_level(threshold: float) -> int:
    """The smallest level that counts as foreground: level / 65535 >= threshold."""
    return math.ceil(threshold * TOP)


@dataclass(frozen=True)
class Sweep:
    """Pixels at or above each of the 256 thresholds, in n cases or in one.

    Attributes:
        tp, fp: int64 (..., 256); at threshold 0 every pixel is counted.
    """

    tp: Ints
    fp: Ints

    def dsc(self) -> Floats:
        """Dice at each threshold (..., 256); 0 where nothing is hit, as in the tools that sweep."""
        dsc: Floats = 2 * self.tp / np.maximum(self.tp[..., :1] + self.tp + self.fp, 1)
        return dsc

    def iou(self) -> Floats:
        """IoU at each threshold (..., 256), 0 where nothing is hit."""
        iou: Floats = self.tp / np.maximum(self.tp[..., :1] + self.fp, 1)
        return iou

    def at(self, threshold: Ints | int) -> "Sweep":
        """The same at one threshold, which may differ between cases; (..., 256) becomes (..., 2).

        Threshold 0 is kept in front, because it holds the size of the reference.
        """
        rows = np.arange(len(self.tp))
        columns = np.broadcast_to(threshold, rows.shape)
        tp = np.stack([self.tp[:, 0], self.tp[rows, columns]], axis=-1)
        return Sweep(tp, np.stack([self.fp[:, 0], self.fp[rows, columns]], axis=-1))


@dataclass(frozen=True)
class Tally:
    """What the protocols need to know of a case, or of the n cases of a dataset as arrays (n, ...).

    Attributes:
        raw, minmax: sweeps of the map as it is and after min-max.
        counts: at the headline threshold.
        hit: sum of levels over the reference.
        mass: sum of levels over the image.
        low, high: smallest and largest level.
    """

    raw: Sweep
    minmax: Sweep
    counts: Counts
    hit: Ints
    mass: Ints
    low: Ints
    high: Ints

    def reference(self) -> Ints:
        """Pixels of the reference."""
        return np.asarray(self.raw.tp[..., 0])

    def pixels(self) -> Ints:
        """Pixels of the image."""
        return np.asarray(self.raw.tp[..., 0] + self.raw.fp[..., 0])

    def mae(self) -> Floats:
        """Mean absolute error of the soft map, mean |p - R|."""
        wrong = TOP * self.reference() - self.hit + self.mass - self.hit
        return wrong / (TOP * self.pixels())


def tally(levels: np.ndarray, reference: np.ndarray, first: int) -> Tally:
    """Counts one case, by one histogram of its levels inside and one outside the reference.

    Args:
        levels: uint16 (H, W).
        reference: bool (H, W).
        first: smallest level that is foreground under the headline threshold.

    Raises: ShapeError if the two differ in shape.
    """
    _check_shapes(levels, reference)
    index = levels.astype(np.int32)
    index += reference * np.int32(TOP + 1)
    outside, inside = np.bincount(index.ravel(), minlength=2 * (TOP + 1)).reshape(2, -1)
    # Pixels at or above a level; one place more than levels, for thresholds that nothing reaches.
    tp, fp = _at_or_above(inside), _at_or_above(outside)
    low, high = int(levels.min()), int(levels.max())
    starts = RAW_STARTS if low == high else _minmax_starts(low, high)
    positive, negative = int(tp[0]), int(fp[0])
    hits, alarms = int(tp[first]), int(fp[first])
    return Tally(
        raw=Sweep(tp[RAW_STARTS], fp[RAW_STARTS]),
        minmax=Sweep(tp[starts], fp[starts]),
        counts=Counts(hits, alarms, positive - hits, negative - alarms),
        hit=np.asarray(tp[1:].sum()),
        mass=np.asarray(tp[1:].sum() + fp[1:].sum()),
        low=np.asarray(low),
        high=np.asarray(high),
    )


def _at_or_above(histogram: Ints) -> Ints:
    return np.append(histogram[::-1].cumsum()[::-1], 0)


def _minmax_starts(low: int, high: int) -> Ints:
    # round(255 (u - low) / (high - low)) >= k  <=>  u >= low + (2 k - 1) (high - low) / 510
    steps = (2 * np.arange(STEPS) - 1) * (high - low)
    starts: Ints = np.maximum(low - (-steps // 510), 0)
    return starts


def stack(cases: Sequence[Tally]) -> Tally:
    """One tally of n cases from n tallies of one."""

    def sweeps(of: Sequence[Sweep]) -> Sweep:
        return Sweep(np.stack([sweep.tp for sweep in of]), np.stack([sweep.fp for sweep in of]))

    def column(name: str) -> Ints:
        return np.array([getattr(case, name) for case in cases], np.int64)

    names = ("tp", "fp", "fn", "tn")
    parts = [np.array([getattr(case.counts, name) for case in cases]) for name in names]
    return Tally(
        raw=sweeps([case.raw for case in cases]),
        minmax=sweeps([case.minmax for case in cases]),
        counts=Counts(*parts),
        hit=column("hit"),
        mass=column("mass"),
        low=column("low"),
        high=column("high"),
    )


def _check_shapes(pred: np.ndarray, reference: np.ndarray) -> None:
    if pred.shape != reference.shape:
        raise ShapeError(
            "a prediction", str(pred.shape), f"{reference.shape}, the reference", "Use one size."
        )
