"""Calibration errors of probability maps, from the number of pixels at each stored level.

**Conventions**

1. Levels are those of stored maps: uint16, p = level / 65535. Two pixels of one level are not told
   apart, so everything follows from the histograms of foreground and background pixels.
2. Foreground form: the predicted value is p, the outcome is whether the reference is foreground.
   Confidence form: the predicted value is max(p, 1 - p), the outcome is whether p >= 0.5 agrees
   with the reference. The latter is the form for classifiers, of two classes here.
3. ECE: 15 bins of equal width over [0, 1], [k / 15, (k + 1) / 15), the last with its end; the
   confidence form fills the upper ones alone. The gap of a bin is |mean predicted value - share of
   outcomes|; ECE is their mean, weighted by pixels; MCE is the largest.
4. Adaptive ECE: 15 bins of equally many pixels, in the order of the predicted value. A level that
   a bound cuts gives each of its pixels in part to both sides, so that the order of pixels that
   are equal changes nothing.
5. The box is the smallest one around the reference; each of its sides moves outwards by a tenth of
   the box's length in that direction, rounded up, and stops at the edge of the image.
6. Of no pixels (the box of an empty reference) all values are NaN.

**Sources** Guo et al., ICML 2017 (ECE and MCE of confidences); Nixon et al., CVPR Workshops 2019
(adaptive ECE); Brier 1950; Mehrtash et al., IEEE TMI 2020 (boxes around the reference).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation.maps import TOP

Ints = NDArray[np.int64]
BINS = 15
WIDTH = TOP // BINS  # levels a bin; 65535 = 15 * 4369
LEVELS = TOP + 1
HALF = LEVELS // 2  # the smallest level of p >= 0.5
GROWN = 10  # a side of the box grows by its length over this


@dataclass(frozen=True)
class Outcomes:
    """Pixels by their predicted value, without the levels that no pixel has.

    Attributes:
        levels: int64 (n,), rising; predicted value = level / 65535.
        pixels: int64 (n,), how many have it.
        hits: int64 (n,), for how many of these the outcome is true.
    """

    levels: Ints
    pixels: Ints
    hits: Ints

    @classmethod
    def of(cls, levels: Ints, pixels: Ints, hits: Ints) -> "Outcomes":
        """Leaves out the levels that no pixel has."""
        there = np.flatnonzero(pixels)
        return cls(levels[there], pixels[there], hits[there])

    @property
    def total(self) -> int:
        """All pixels."""
        return int(self.pixels.sum())

    def predicted(self) -> float:
        """Mean predicted value; NaN of no pixels."""
        return _share(int(self.levels @ self.pixels), TOP * self.total)

    def observed(self) -> float:
        """Share of pixels whose outcome is true; NaN of no pixels."""
        return _share(int(self.hits.sum()), self.total)


@dataclass(frozen=True)
class Bins:
    """Sums of pixels in bins.

    Attributes:
        pixels, predicted, observed: (15,) number of pixels, sum of their predicted values, and
            number of those whose outcome is true.
    """

    pixels: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    def ece(self) -> float:
        """Mean gap weighted by pixels: sum over bins of |predicted - observed| / all pixels."""
        return _share(float(np.abs(self.predicted - self.observed).sum()), self.pixels.sum())

    def mce(self) -> float:
        """Largest gap of a bin that holds a pixel."""
        there = self.pixels > 0
        if not there.any():
            return float("nan")
        return float((np.abs(self.predicted - self.observed)[there] / self.pixels[there]).max())


def histogram(levels: np.ndarray, reference: np.ndarray) -> Ints:
    """Pixels at each level.

    Args:
        levels: uint16 (H, W).
        reference: bool (H, W).

    Returns: int64 (2, 65536); background of the reference, then its foreground.
    """
    codes = levels.astype(np.int64) + LEVELS * reference.astype(np.int64)
    counts: Ints = np.bincount(codes.ravel(), minlength=2 * LEVELS).reshape(2, LEVELS)
    return counts


def box(reference: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the grown box around a reference; nothing of an empty one.

    Args:
        reference: bool (H, W).
    """
    sides = []
    for axis, size in enumerate(reference.shape):
        index = np.flatnonzero(reference.any(axis=1 - axis))
        if not len(index):
            return slice(0, 0), slice(0, 0)
        first, end = int(index[0]), int(index[-1]) + 1
        more = -(-(end - first) // GROWN)
        sides.append(slice(max(first - more, 0), min(end + more, size)))
    return sides[0], sides[1]


def foreground(counts: Ints) -> Outcomes:
    """Probability of foreground beside the reference.

    Args:
        counts: of `histogram`.
    """
    return Outcomes.of(np.arange(LEVELS), counts.sum(axis=0), counts[1])


def confidence(counts: Ints) -> Outcomes:
    """Confidence max(p, 1 - p) beside whether the decision at 0.5 is right.

    Args:
        counts: of `histogram`.
    """
    above, below = counts[:, HALF:], counts[:, HALF - 1 :: -1]  # by rising confidence
    pixels, right = (above + below).sum(axis=0), above[1] + below[0]
    return Outcomes.of(np.arange(HALF, LEVELS), pixels, right)


def equal_width(outcomes: Outcomes) -> Bins:
    """Pixels in 15 bins of equal width over [0, 1]."""
    index = np.minimum(outcomes.levels // WIDTH, BINS - 1)
    sums = (outcomes.pixels, outcomes.pixels * outcomes.levels, outcomes.hits)
    pixels, levels, hits = (np.bincount(index, each, BINS) for each in sums)  # exact below 2^53
    return Bins(pixels, levels / TOP, hits)


def equal_mass(outcomes: Outcomes) -> Bins:
    """Pixels in 15 bins that hold equally many, with parts of pixels where a level is cut."""
    bounds = outcomes.total * np.arange(BINS + 1) / BINS
    sums = (outcomes.pixels, outcomes.pixels * outcomes.levels, outcomes.hits)
    before = [np.concatenate([[0], np.cumsum(each)]) for each in sums]
    pixels, levels, hits = (np.diff(np.interp(bounds, before[0], each)) for each in before)
    return Bins(pixels, levels / TOP, hits)


def brier(counts: Ints) -> float:
    """Brier score, the mean of (p - y)² over pixels; NaN of no pixels.

    Args:
        counts: of `histogram`.
    """
    there = np.flatnonzero(counts.any(axis=0))
    background, hits = counts[:, there]
    errors = background * (there / TOP) ** 2 + hits * (1 - there / TOP) ** 2
    return _share(float(errors.sum()), int(counts.sum()))


def measures(counts: Ints) -> dict[str, float]:
    """All forms: see the conventions.

    Args:
        counts: of `histogram`, of a case or of several added up.
    """
    forms = {"foreground": foreground(counts), "confidence": confidence(counts)}
    widths = {name: equal_width(each) for name, each in forms.items()}
    return {
        **{f"ece_{name}": bins.ece() for name, bins in widths.items()},
        **{f"adaptive_{name}": equal_mass(each).ece() for name, each in forms.items()},
        **{f"mce_{name}": bins.mce() for name, bins in widths.items()},
        "brier": brier(counts),
        "confidence": forms["confidence"].predicted(),
        "accuracy": forms["confidence"].observed(),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
