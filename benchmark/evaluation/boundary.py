"""The boundary metrics: how far the contours of two masks lie apart, and how much they share.

**Conventions**
1. The contour of a mask is the corners between pixels at which the 2 x 2 pixels around differ. Each
   carries the length of contour that a marching square gives it. Outside the image is background,
   so a mask that touches the image's edge has its contour there.
2. HD95 and ASSD are in pixels (spacing 1) and NaN, an empty cell, when a mask is empty. NSD and
   boundary IoU are shares as DSC is: both masks empty scores 1, one of two empty scores 0.
3. NSD counts contour within 2 px of the other at 352 pixels; the tolerance grows with the longer
   side. Boundary IoU compares the bands of the masks' own pixels within d of the background, d =
   2 % of the image's diagonal, rounded, at least 1 px; distances in it are of the chessboard.
4. Distances are exact. Few contour points are looked up in a tree; many are near each other, so a
   search outwards from each ends soon, and a distance transform gives the rest.

**Sources** Maier-Hein et al., Nat. Methods 2024 (HD95, ASSD, NSD); Nikolov et al., JMIR 2021
(surface distances and NSD); Cheng et al., CVPR 2021 (boundary IoU, d of 2 %).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from benchmark.core.errors import ShapeError

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TOLERANCE = 2 / 352  # of the longer side
DILATION = 0.02  # of the diagonal
PERCENT = 0.95
FEW = 6000  # contour points of both masks up to which a tree is quicker
REACH = 32  # columns to each side that are searched where there are more
WORTH = 300_000  # steps of the search after which a distance transform is quicker
FAR = 1 << 14  # further than any pixel; its square fits an int32
# What the 2 x 2 pixels around a corner say: a bit a pixel, by rows. No contour at 0 and 15.
# One pixel, or all but one, cut a corner; two neighbours are a side; two on a diagonal, two cuts.
LENGTHS = np.array([math.sqrt(0.5), 1.0, math.sqrt(2)])
RANKS = np.array([-1, 0, 0, 1, 0, 1, 2, 0, 0, 2, 1, 0, 1, 0, 0, -1], np.int8)


@dataclass(frozen=True)
class Boundary:
    """The boundary metrics of one case.

    Attributes:
        hd95_px: the larger of the two directed 95th percentiles of the distance.
        assd_px: mean distance over both contours together, each piece weighted by its length.
        nsd: share of both contours, by length, that lies within the tolerance of the other.
        boundary_iou: intersection over union of the two bands along the contours.
    """

    hd95_px: float
    assd_px: float
    nsd: float
    boundary_iou: float


@dataclass(frozen=True)
class _Contour:
    """The n contour points of a mask, by rows.

    Attributes:
        at: bool (H + 1, W + 1), where there is one.
        y, x: int (n,).
        ranks: int (n,), into LENGTHS.
    """

    at: Mask
    y: Ints
    x: Ints
    ranks: Ints


def tolerance_px(shape: tuple[int, ...]) -> float:
    """The tolerance of NSD for an image (H, W): 2 px at 352."""
    return TOLERANCE * max(shape)


def band_px(shape: tuple[int, ...]) -> int:
    """The width of the band of boundary IoU for an image (H, W): 10 px at 352."""
    return max(round(DILATION * math.hypot(*shape)), 1)


def boundary(pred: Mask, reference: Mask) -> Boundary:
    """All boundary metrics of one case.

    Args:
        pred: predicted mask, bool (H, W).
        reference: bool (H, W).

    Raises: ShapeError if the two differ in shape.
    """
    if pred.shape != reference.shape:
        raise ShapeError(
            "a prediction", str(pred.shape), f"{reference.shape}, the reference", "Use one size."
        )
    some = pred.any(), reference.any()
    if not all(some):
        share = 0.0 if any(some) else 1.0
        return Boundary(math.nan, math.nan, share, share)
    window = _window(pred | reference)
    both = np.stack([reference[window], pred[window]])
    one, other = _contour(both[0]), _contour(both[1])
    sides = [_sorted(one, _squared(one, other)), _sorted(other, _squared(other, one))]
    distances, lengths = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    total = lengths.sum()
    return Boundary(
        hd95_px=max(_percentile(*side) for side in sides),
        assd_px=float((distances * lengths).sum() / total),
        nsd=float(lengths[distances <= tolerance_px(pred.shape)].sum() / total),
        boundary_iou=_bands_iou(both, band_px(pred.shape)),
    )


def _window(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _contour(mask: Mask) -> _Contour:
    pixels = np.pad(mask, 1).view(np.uint8)
    above = pixels[:, :-1] << 1 | pixels[:, 1:]
    ranks = RANKS[above[:-1] << 2 | above[1:]]
    at = ranks >= 0
    places = np.flatnonzero(at)
    return _Contour(at, *np.divmod(places, at.shape[1]), ranks.ravel()[places].astype(np.int64))


def _sorted(contour: _Contour, squared: Ints) -> tuple[Floats, Floats]:
    """Distances in ascending order, the shorter pieces of equal ones first, and their lengths."""
    keys = np.sort(4 * squared + contour.ranks)
    return np.sqrt(keys >> 2), LENGTHS[keys & 3]


def _percentile(distances: Floats, lengths: Floats) -> float:
    """The distance within which 95 % of the length of a contour lies."""
    reached = np.searchsorted(lengths.cumsum() / lengths.sum(), PERCENT)
    return float(distances[min(int(reached), len(distances) - 1)])


def _squared(of: _Contour, to: _Contour) -> Ints:
    """Squared distance from each point of one contour to the nearest of another."""
    if len(of.y) + len(to.y) > FEW:
        return _search(of.y, of.x, to.at)
    tree = cKDTree(np.column_stack([to.y, to.x]), balanced_tree=False, compact_nodes=False)
    found: Ints = np.rint(tree.query(np.column_stack([of.y, of.x]))[0] ** 2).astype(np.int64)
    return found


def _search(y: Ints, x: Ints, to: Mask) -> Ints:
    """The same for many points: column by column to both sides, until none can be nearer."""
    height, width = to.shape
    in_column = np.where(to, np.int32(0), np.int32(FAR))
    for one, after in (*pairwise(range(height)), *pairwise(reversed(range(height)))):
        np.minimum(in_column[after], in_column[one] + 1, out=in_column[after])
    in_column **= 2
    padded = np.pad(in_column, ((0, 0), (REACH, REACH)), constant_values=FAR**2).ravel()
    places = y * (width + 2 * REACH) + x + REACH
    squared = padded[places]
    left, worth = np.flatnonzero(squared > 1), WORTH
    for step in range(1, REACH + 1):
        worth -= len(left)
        if worth < 0:
            break
        here, best = places[left], squared[left]
        best = np.minimum(best, np.minimum(padded[here - step], padded[here + step]) + step**2)
        squared[left] = best
        left = left[best > (step + 1) ** 2]
    if len(left) * width < WORTH:
        aside = (x[left, None] - np.arange(width)) ** 2
        squared[left] = (in_column[y[left]] + aside).min(axis=1, initial=2 * FAR**2)
    else:
        squared[left] = np.rint(distance_transform_edt(~to)[y[left], x[left]] ** 2)
    found: Ints = squared.astype(np.int64)
    return found


def _bands_iou(masks: Mask, width: int) -> float:
    """Intersection over union of the masks' pixels that lie within `width` of the background.

    Args:
        masks: bool (2, H, W), none empty.
    """
    first, second = masks & ~_eroded(masks, width)
    return float(np.count_nonzero(first & second) / np.count_nonzero(first | second))


def _eroded(masks: Mask, width: int) -> Mask:
    """Pixels around which a square of 2 width + 1 lies in the mask; (2, H, W).

    Windows of one, two, four and more pixels are joined, first along the rows.
    """
    inside = np.pad(masks, ((0, 0), (width, width), (width, width)))
    for _ in range(2):
        covered = 1
        while covered < 2 * width + 1:
            step = min(covered, 2 * width + 1 - covered)
            inside = inside[:, :-step] & inside[:, step:]
            covered += step
        inside = inside.transpose(0, 2, 1)
    return inside
