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
SQUARES = (np.arange(LEVELS) / TOP) ** 2  # p²; from behind it is (1 - p)²
GROWN = 10  # a side of the box grows by its length over this


@dataclass(frozen=True)
class Outcomes:
    """Pixels in the order of their predicted value, as sums up to each level.

    Attributes:
        first: the lowest level; predicted value = level / 65535.
        sums: int64 (3, n + 1), from 0 on: pixels below a level, the sum of their levels, and how
            many of their outcomes are true.
    """

    first: int
    sums: Ints

    @classmethod
    def of(cls, first: int, pixels: Ints, hits: Ints) -> "Outcomes":
        """From the pixels at each level from `first` on, (n,)."""
        sums = np.zeros((3, len(pixels) + 1), np.int64)
        levels = pixels * np.arange(first, first + len(pixels))
        for each, values in zip(sums, (pixels, levels, hits), strict=True):
            np.cumsum(values, out=each[1:])
        return cls(first, sums)

    def predicted(self) -> float:
        """Mean predicted value; NaN of no pixels."""
        return _share(int(self.sums[1, -1]), TOP * int(self.sums[0, -1]))

    def observed(self) -> float:
        """Share of pixels whose outcome is true; NaN of no pixels."""
        return _share(int(self.sums[2, -1]), int(self.sums[0, -1]))


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
    return Outcomes.of(0, counts.sum(axis=0), counts[1])


def confidence(counts: Ints) -> Outcomes:
    """Confidence max(p, 1 - p) beside whether the decision at 0.5 is right.

    Args:
        counts: of `histogram`.
    """
    above, below = counts[:, HALF:], counts[:, HALF - 1 :: -1]  # by rising confidence
    return Outcomes.of(HALF, (above + below).sum(axis=0), above[1] + below[0])


def equal_width(outcomes: Outcomes) -> Bins:
    """Pixels in 15 bins of equal width over [0, 1]."""
    bounds = np.append(WIDTH * np.arange(BINS), LEVELS)
    pixels, levels, hits = np.diff(outcomes.sums[:, np.maximum(bounds - outcomes.first, 0)])
    return Bins(pixels, levels / TOP, hits)


def equal_mass(outcomes: Outcomes) -> Bins:
    """Pixels in 15 bins that hold equally many, with parts of pixels where a level is cut."""
    below = outcomes.sums[0]
    bounds = below[-1] * np.arange(BINS + 1) / BINS
    pixels, levels, hits = (np.diff(np.interp(bounds, below, each)) for each in outcomes.sums)
    return Bins(pixels, levels / TOP, hits)


def brier(counts: Ints) -> float:
    """Brier score, the mean of (p - y)² over pixels; NaN of no pixels.

    Args:
        counts: of `histogram`.
    """
    background, hits = counts.astype(float)
    return _share(float(background @ SQUARES + hits @ SQUARES[::-1]), float(counts.sum()))


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
