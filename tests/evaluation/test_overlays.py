"""Overlays: which pixel has which colour."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from benchmark.core.errors import ShapeError
from benchmark.evaluation.overlays import FALSE, GAP, MISSED, TRUE, WHITE, lay_over, overlay, panel

IMAGE = np.full((12, 14, 3), 100, np.uint8)
MASK = np.zeros((12, 14), np.uint8)
MASK[2:8, 2:8] = 1
REFERENCE = np.zeros((12, 14), bool)
REFERENCE[2:8, 5:13] = True


def half(colour):
    return [(100 + value) // 2 for value in colour]


def test_without_a_reference():
    picture = overlay(IMAGE, MASK)
    assert picture.dtype == np.uint8
    assert picture.shape == IMAGE.shape
    assert list(picture[4, 4]) == half(TRUE)
    assert tuple(picture[2, 4]) == TRUE
    assert list(picture[10, 10]) == [100, 100, 100]
    assert (IMAGE == 100).all()


def test_true_missed_and_false():
    picture = overlay(IMAGE, MASK, REFERENCE)
    assert list(picture[4, 6]) == half(TRUE)
    assert list(picture[4, 10]) == half(MISSED)
    assert list(picture[4, 3]) == half(FALSE)
    assert tuple(picture[2, 9]) == WHITE
    assert tuple(picture[4, 2]) == FALSE
    assert len({TRUE, MISSED, FALSE}) == 3


@pytest.mark.parametrize("fill", [0, 1])
def test_empty_and_full(fill):
    mask = np.full((12, 14), fill)
    picture = overlay(IMAGE, mask, mask)
    assert list(picture[6, 6]) == (half(TRUE) if fill else [100, 100, 100])


def test_panel():
    picture = panel(IMAGE, MASK, REFERENCE)
    assert picture.shape == (12, 3 * 14 + 2 * GAP, 3)
    assert np.array_equal(picture[:, :14], IMAGE)
    assert np.array_equal(picture[:, 14 + GAP : 28 + GAP], overlay(IMAGE, REFERENCE))
    assert np.array_equal(picture[:, 28 + 2 * GAP :], overlay(IMAGE, MASK, REFERENCE))
    assert (picture[:, 14 : 14 + GAP] == 255).all()


def test_the_contour_grows_with_the_picture():
    large = np.zeros((1000, 1100), bool)
    large[100:900, 100:900] = True
    picture = overlay(np.zeros((1000, 1100, 3), np.uint8), large)
    # 1000 / 352 is 3 pixels wide.
    assert [tuple(picture[500, 100 + k]) == TRUE for k in range(5)] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("rows", [1, 64, 530])
@pytest.mark.parametrize("fill", ["disc", "full", "empty", "noise"])
def test_a_photograph_in_bands_of_rows(rows, fill):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:530, :560]
    masks = {
        "disc": (y - 200) ** 2 + (x - 550) ** 2 < 150**2,  # over the edge
        "full": np.ones((530, 560), bool),
        "empty": np.zeros((530, 560), bool),
        "noise": rng.random((530, 560)) < 0.9,
    }
    image = rng.integers(200, 256, (530, 560, 3), np.uint8)
    expected = overlay(image, masks[fill])
    # The contour is what erosion by a diamond of its width takes away.
    inner = ndimage.binary_erosion(masks[fill], iterations=2, border_value=0)
    assert np.array_equal((expected == TRUE).all(axis=2), masks[fill] & ~inner)
    picture = Image.fromarray(image)
    lay_over(picture, masks[fill], rows)
    assert np.array_equal(np.asarray(picture), expected)


def test_sizes_that_differ_are_named():
    with pytest.raises(ShapeError, match=r"reference: \(5, 5\), expected \(12, 14\)"):
        overlay(IMAGE, MASK, np.zeros((5, 5)))
    with pytest.raises(ShapeError, match="mask"):
        overlay(IMAGE, MASK[:5])
