"""DSC against IoU: which conventions a pair of printed means could come from.

**Conventions**

1. DSC D and IoU J of one case satisfy J = g(D) = D / (2 - D), which is convex. So means over the
   same cases satisfy g(D) <= J <= D (Jensen; the chord from 0 to 1), whether they are of the
   foreground or of all classes. Over n cases J is at most (k + g(r)) / n, where n D = k + r: k
   cases at 1, one at r, the others at 0. For one case, and for pooled pixels, J = g(D).
2. An IoU that averages the background in is (J + B) / 2 with the IoU B of the background, 0 to 1. A
   DSC that averages it in is likewise at most (2 J / (1 + J) + 1) / 2.
3. With foreground share p, B is largest where nothing outside is predicted and smallest where all
   of the lesion is. The mean over cases with known p is bounded by Lagrange's dual.
4. A soft DSC of maps whose masks, cut at one half, have the IoU J is at most 2 (1 + J) / (3 + J):
   probability 1 where the mask hits, one half where it misses and where it is wrong. It can be as
   small as one likes, for low probabilities all over the background.
5. Single precision moves a score by up to one in a million. A number may have been rounded before
   it was averaged, or have a constant against division by zero: that moves it by a unit of its last
   digit, or by one in ten thousand.
6. F1 that is made from the mean precision P and sensitivity S is 2 P S / (P + S), and at least D.

**Sources** Jensen 1906; Conventions 2 to 4 are counting.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmark.audit.cells import Cell
from benchmark.audit.finding import TINY, show

STEPS = 401  # of the grid over one case's score
SINGLE = 1e-6  # of single precision
CONSTANT = 1e-4  # of a constant against division by zero
FINE = 1e-3  # what the grid may be off by
Array = np.ndarray
NAMES = {
    "soft": "if DSC were computed from probabilities (soft)",
    "f1 of means": "if DSC were computed from the mean precision and the mean sensitivity",
}


@dataclass(frozen=True)
class Pair:
    """A printed DSC and IoU.

    Attributes:
        n: cases behind them; None where unknown.
        p: foreground share of every case; None where unknown.
        share: foreground share of all cases together; None where unknown.
        harmonic: 2 P S / (P + S) of the printed precision and sensitivity, lowest and highest.
    """

    dsc: Cell
    iou: Cell
    n: int | None = None
    p: Array | None = None
    share: float | None = None
    harmonic: tuple[float, float] | None = None

    @property
    def side(self) -> str:
        """Where the pair leaves what one convention allows: "low", "high" or ""."""
        low, high = self.one_convention()
        if self.iou.high < low - SINGLE:
            return "low"
        return "high" if self.iou.low > high + SINGLE else ""

    @property
    def is_clear(self) -> bool:
        """Whether it leaves them by more than rounding twice, or a constant, explains."""
        return bool(replace(self, dsc=_wider(self.dsc), iou=_wider(self.iou)).side)

    def one_convention(self) -> tuple[float, float]:
        """The range of the mean IoU (Conventions, 1)."""
        return least(max(self.dsc.low, 0)), most(min(self.dsc.high, 1), self.n)

    def fits(self) -> list[str]:
        """Which conventions that differ between DSC and IoU the pair fits."""
        return [name for name, test in TESTS.items() if test(self)]


def _wider(cell: Cell) -> Cell:
    return replace(cell, half=max(2 * cell.half, CONSTANT * cell.scale))


def least(dsc: float) -> float:
    """g(D), the smallest mean IoU."""
    return dsc / (2 - dsc)


def most(dsc: float, n: int | None) -> float:
    """The largest mean IoU over n cases, or over any number."""
    if n is None:
        return dsc
    whole = math.floor(n * dsc + TINY)
    return (whole + least(max(n * dsc - whole, 0))) / n


def _overlaps(cell: Cell, low: float, high: float) -> bool:
    return cell.high >= low - TINY and cell.low <= high + TINY


def _iou_background(pair: Pair) -> bool:
    low, high = iou_with_background(pair)
    return _overlaps(pair.iou, low, high)


def iou_with_background(pair: Pair) -> tuple[float, float]:
    """The range of an IoU that averages the background in, for a DSC that does not."""
    low, high = pair.one_convention()
    low, high = low / 2, (high + 1) / 2
    if pair.p is None:
        return low, high
    best = _bound(lambda d, p: _both(d, p, best=True), pair.p, pair.dsc)
    worst = _bound(lambda d, p: -_both(d, p, best=False), pair.p, pair.dsc)
    return max(low, -worst - FINE), min(high, best + FINE)


def _both(dsc: Array, p: Array, *, best: bool) -> Array:
    """The IoU of both classes for a foreground DSC."""
    return np.asarray((dsc / (2 - dsc) + background(dsc, p, best=best)) / 2)


def _dsc_background(pair: Pair) -> bool:
    low = max(pair.iou.low, 0) / 2
    high = min(pair.iou.high, 1)
    high = (2 * high / (1 + high) + 1) / 2
    if pair.p is not None:
        best = _bound(_dsc_of_iou, pair.p, pair.iou)
        high = min(high, best + FINE)
    return _overlaps(pair.dsc, low, high)


def _dsc_of_iou(iou: Array, p: Array) -> Array:
    """The largest DSC of both classes for a foreground IoU."""
    dsc = 2 * iou / (1 + iou)
    other = background(dsc, p, best=True)
    return np.asarray((dsc + 2 * other / (1 + other)) / 2)


def _soft(pair: Pair) -> bool:
    high = min(pair.iou.high, 1)
    return pair.dsc.low <= 2 * (1 + high) / (3 + high) + TINY


def _f1_of_means(pair: Pair) -> bool:
    return pair.side == "low" and pair.harmonic is not None and _overlaps(pair.dsc, *pair.harmonic)


TESTS: dict[str, Callable[[Pair], bool]] = {
    "f1 of means": _f1_of_means,
    "iou background": _iou_background,
    "dsc background": _dsc_background,
    "soft": _soft,
}


def background(dsc: Array, p: Array, *, best: bool) -> Array:
    """The largest or smallest IoU of the background of one case (Conventions, 3).

    Args:
        dsc: of the foreground, (steps, 1).
        p: foreground share, (cases,).

    Returns: (steps, cases).
    """
    overlap = dsc / (2 - dsc)
    hit = overlap * p if best else np.minimum(overlap, p)  # pixels, as a share of all
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = np.where(dsc > 0, 2 * hit * (1 - dsc) / dsc, p if best else 1.0)
        return np.clip(1 - np.where(hit < 1, wrong / (1 - hit), 0), 0, 1)


def _bound(score: Callable[[Array, Array], Array], p: Array, given: Cell) -> float:
    """The largest mean of a score over cases whose mean D (or J) is given (Conventions, 3).

    The dual is an upper bound for any multiplier; the best of a range is taken.
    """
    grid = np.linspace(0, 1, STEPS)
    shares, counts = np.unique(np.round(p, 3), return_counts=True)
    values, weights = score(grid[:, None], shares), counts / counts.sum()
    found = math.inf
    for slope in np.linspace(-3, 3, 121):
        free = float((values - slope * grid[:, None]).max(axis=0) @ weights)
        ends = (min(max(end, 0), 1) * slope for end in (given.low, given.high))
        found = min(found, free + max(ends))
    return found


def told(pair: Pair) -> str:
    """What one convention allows, with the printed numbers."""
    low, high = pair.one_convention()
    narrowed = pair.n is not None and pair.iou.low <= pair.dsc.high + TINY
    cases = f" over {pair.n} cases" if narrowed else ""
    if pair.side == "low":
        bound = f"IoU is at least D/(2−D) = {show(low, pair.iou)}"
    elif pair.n == 1:
        bound = f"IoU of one case is D/(2−D) = {show(high, pair.iou)}"
    else:
        bound = f"IoU is at most {f'{show(high, pair.iou)}{cases}' if cases else 'DSC'}"
    return bound


def could_come_from(pair: Pair) -> str:
    """The conventions that the pair fits, with what each would imply."""
    words = [_implied(pair, name) for name in pair.fits()]
    if not words:
        return (
            "no convention fits: not foreground, both classes or pooled pixels for both, not the"
            " background included in one of them, not a soft DSC"
        )
    *most_of, last = words
    listed = f"{', '.join(most_of)}, or {last}" if most_of else last
    return f"it would fit {listed}{_one_matrix(pair)}"


def _implied(pair: Pair, name: str) -> str:
    """A convention, with the background that it needs."""
    if name == "iou background":
        low, high = pair.one_convention()
        ends = 2 * pair.iou.low - high, 2 * pair.iou.high - low
        return f"if IoU alone included the background (background IoU {_range(ends, pair.iou)})"
    if name == "dsc background":
        low, high = pair.iou.low, 2 * pair.iou.high / (1 + pair.iou.high)
        ends = 2 * pair.dsc.low - high, 2 * pair.dsc.high - low
        return f"if DSC alone included the background (background DSC {_range(ends, pair.dsc)})"
    return NAMES[name]


def _range(ends: tuple[float, float], like: Cell) -> str:
    return " to ".join(show(min(max(end, 0), 1), like) for end in ends)


def _one_matrix(pair: Pair) -> str:
    """What a stated foreground share makes of an IoU of both classes, in one confusion matrix."""
    if pair.share is None:
        return ""
    p = np.array([pair.share])
    ends = [
        float(_both(np.array([[min(max(d, 0), 1)]]), p, best=best)[0, 0])
        for d, best in ((pair.dsc.low, False), (pair.dsc.high, True))
    ]
    return (
        f"; in one confusion matrix with foreground share {pair.share:g} the IoU of both classes is"
        f" {show(ends[0], pair.iou)} to {show(ends[1], pair.iou)}"
    )
