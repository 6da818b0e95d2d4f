"""Boundary metrics: drawn by hand, the definition, and the package surface-distance."""

import itertools
import math
import warnings

import numpy as np
import pytest
import surface_distance
from scipy.ndimage import binary_erosion, gaussian_filter

from benchmark.core.errors import ShapeError
from benchmark.evaluation.boundary import FEW, band_px, boundary, tolerance_px

EMPTY, SQUARE = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
SQUARE[1:4, 1:4] = True


def both_px(pred: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    found = boundary(pred, reference)
    return found.hd95_px, found.assd_px


def test_shapes_that_differ_are_named():
    with pytest.raises(ShapeError, match=r"\(5, 6\).*\(6, 6\)"):
        boundary(SQUARE[:5], SQUARE)


@pytest.mark.parametrize("mask", [SQUARE, np.ones((6, 6), bool)])
def test_identical_masks_agree_wholly(mask):
    found = boundary(mask, mask)
    assert (found.hd95_px, found.assd_px, found.nsd, found.boundary_iou) == (0, 0, 1, 1)


def test_empty_masks_have_no_distances_and_shares_as_dsc():
    for pred, reference, share in ((EMPTY, EMPTY, 1), (EMPTY, SQUARE, 0), (SQUARE, EMPTY, 0)):
        found = boundary(pred, reference)
        assert math.isnan(found.hd95_px)
        assert math.isnan(found.assd_px)
        assert (found.nsd, found.boundary_iou) == (share, share)


def test_distances_by_hand():
    # Two single pixels 3 apart in a row. The contour of a pixel is its four corners, so from each
    # corner to the nearest corner of the other pixel: two corners at 2, two at 3.
    left, right = np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    left[2, 1] = right[2, 4] = True
    # Each corner carries the same length, so ASSD is (2 + 2 + 3 + 3) / 4 and HD95 is 3.
    assert both_px(left, right) == pytest.approx((3, 2.5), abs=1e-12)


def test_nsd_by_hand():
    # A tolerance of 2 px needs 352 pixels. Half of the corners of each pixel lie at 2, half at 3.
    left, right = np.zeros((352, 352), bool), np.zeros((352, 352), bool)
    left[2, 1] = right[2, 4] = True
    assert tolerance_px(left.shape) == 2
    assert boundary(left, right).nsd == pytest.approx(0.5, abs=1e-12)
    assert boundary(np.roll(left, 2, 1), right).nsd == 1  # at 0 and 1
    assert boundary(np.roll(left, -1, 1), right).nsd == 0  # at 3 and 4
    assert tolerance_px((96, 96)) == pytest.approx(96 * 2 / 352)


def test_boundary_iou_by_hand():
    # Diagonal sqrt(2) 50 = 70.7, of which 2 % is 1.4: bands of one pixel. Squares of 10 x 10, one
    # moved by a pixel in a row: each band has 36 pixels. They share the top row and the bottom row
    # but for one pixel at each end (9 each), and no column.
    one, other = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    one[20:30, 20:30] = other[20:30, 21:31] = True
    assert band_px(one.shape) == 1
    assert boundary(one, other).boundary_iou == pytest.approx(18 / (36 + 36 - 18))
    # At the image's edge too the band is on the inside, along the edge: 36 pixels again.
    corner, moved = np.roll(one, (-20, -20), (0, 1)), np.roll(other, (-20, -20), (0, 1))
    assert boundary(corner, moved).boundary_iou == pytest.approx(18 / (36 + 36 - 18))
    assert [band_px((side, side)) for side in (8, 96, 352)] == [1, 3, 10]


@pytest.mark.parametrize("size", [40, 96, 352])
def test_boundary_iou_is_that_of_repeated_erosion(size):
    pred, reference = blobs(1, size, 0.3, size / 20), blobs(2, size, 0.4, size / 20)
    ring = np.ones((3, 3), bool)
    bands = [
        mask & ~binary_erosion(mask, ring, iterations=band_px(mask.shape))
        for mask in (pred, reference)
    ]
    expected = (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()
    assert boundary(pred, reference).boundary_iou == pytest.approx(expected, abs=1e-15)


def blobs(seed: int, size: int, share: float, smooth: float) -> np.ndarray:
    """A random mask that covers a share of the image, in pieces of about a size."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((size, size)), smooth)
    return noise > np.quantile(noise, 1 - share)


def pixel(size: int, *at: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[tuple(np.transpose(at))] = True
    return mask


def half(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask of which one half of the image is left."""
    mask = mask.copy()
    middle = mask.shape[1] // 2
    mask[:, slice(0, middle - 40) if side else slice(middle + 40, None)] = False
    return mask


PAIRS = {
    "one": (blobs(1, 120, 0.2, 9), blobs(2, 120, 0.2, 9)),
    "single pixels": (pixel(60, (0, 0)), pixel(60, (59, 59))),
    "a pixel and all": (pixel(60, (20, 30)), np.ones((60, 60), bool)),
    "along the edge": (~np.pad(np.ones((58, 58), bool), 1), pixel(60, (9, 9))),
    "diagonal": (np.eye(50, dtype=bool), np.eye(50, dtype=bool)[::-1]),
    "many": (blobs(3, 220, 0.3, 1.5), blobs(4, 220, 0.3, 1.5)),
    "noise": (blobs(5, 120, 0.5, 0), blobs(6, 120, 0.5, 0)),
    "noise and a disc": (blobs(5, 220, 0.05, 0), blobs(6, 220, 0.05, 30)),
    "noise that is apart": (half(blobs(5, 280, 0.4, 0), 0), half(blobs(6, 280, 0.4, 0), 1)),
    "few that are far": (half(blobs(5, 200, 0.4, 0), 0), half(blobs(5, 200, 0.4, 0), 0) | pixel(
        200, (3, 190), (150, 199), (199, 199))),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_as_the_package_says(name):
    for pred, reference in (PAIRS[name], PAIRS[name][::-1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it uses old names of SciPy
            surfaces = surface_distance.compute_surface_distances(reference, pred, (1, 1))
        there, back = surface_distance.compute_average_surface_distance(surfaces)
        weight = [surfaces[f"surfel_areas_{side}"].sum() for side in ("gt", "pred")]
        tolerance = tolerance_px(pred.shape)
        expected = (
            surface_distance.compute_robust_hausdorff(surfaces, 95),
            np.average([there, back], weights=weight),
            surface_distance.compute_surface_dice_at_tolerance(surfaces, tolerance),
        )
        found = boundary(pred, reference)
        assert (found.hd95_px, found.assd_px, found.nsd) == pytest.approx(expected, abs=1e-9)


def test_few_and_many_points_are_both_tried():
    points = {
        name: sum((np.pad(m, 1)[1:] != np.pad(m, 1)[:-1]).sum() for m in pair)
        for name, pair in PAIRS.items()
    }
    assert points["one"] < FEW / 2
    assert min(points[name] for name in ("many", "noise", "noise that is apart")) > FEW


def brute_boundary(pred: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """HD95 and ASSD by all pairs of corners between pixels, from the definition."""

    def contour(mask: np.ndarray) -> list[tuple[int, int, float]]:
        around = np.pad(mask, 1)
        found = []
        for y, x in itertools.product(range(mask.shape[0] + 1), range(mask.shape[1] + 1)):
            square = around[y : y + 2, x : x + 2]
            inside = int(square.sum())
            if inside in (1, 3):
                found.append((y, x, math.sqrt(0.5)))
            elif inside == 2:
                diagonal = square[0, 0] == square[1, 1]
                found.append((y, x, math.sqrt(2) if diagonal else 1.0))
        return found

    def directed(a: list, b: list) -> list[tuple[float, float]]:
        return sorted((min(math.dist(p[:2], q[:2]) for q in b), p[2]) for p in a)

    def percentile(distances: list[tuple[float, float]]) -> float:
        total, so_far = sum(length for _, length in distances), 0.0
        for distance, length in distances:
            so_far += length
            if so_far / total >= 0.95 - 1e-12:
                return distance
        raise AssertionError

    p, r = contour(pred), contour(reference)
    there, back = directed(p, r), directed(r, p)
    both = there + back
    assd = sum(d * length for d, length in both) / sum(length for _, length in both)
    return max(percentile(there), percentile(back)), assd


@pytest.mark.parametrize("seed", range(12))
def test_distances_from_the_definition(seed):
    rng = np.random.default_rng(seed)
    pred, reference = rng.random((9, 11)) < 0.2, rng.random((9, 11)) < 0.2
    if seed % 2:
        pred, reference = np.pad(pred[3:6, 3:6], 5), np.pad(reference[3:6, 3:6], 5)
        pred[7, 7] = reference[6, 6] = True
    else:
        pred[0, 0] = reference[-1, -1] = True
    assert both_px(pred, reference) == pytest.approx(brute_boundary(pred, reference), abs=1e-9)
