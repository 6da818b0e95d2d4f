"""Overlays: which pixel has which colour."""

import numpy as np
import pytest

from benchmark.core.errors import ShapeError
from benchmark.evaluation.overlays import FALSE, GAP, MISSED, TRUE, WHITE, overlay, panel

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


def test_sizes_that_differ_are_named():
    with pytest.raises(ShapeError, match=r"reference: \(5, 5\), expected \(12, 14\)"):
        overlay(IMAGE, MASK, np.zeros((5, 5)))
    with pytest.raises(ShapeError, match="mask"):
        overlay(IMAGE, MASK[:5])
