"""Prompts: inside, uniform, the same each time, and what an empty reference gives."""

import numpy as np
import pytest
import torch
from scipy import stats

from benchmark.data.prompting import prompts_of
from benchmark.data.prompts import box, centre_point, point

# An L: its box is 6 x 5, its centroid lies outside, and so do most (x, y) drawn apart.
L = np.zeros((9, 8), np.uint8)
L[1:7, 2] = 1
L[6, 2:7] = 1


def inside(mask, xy):
    x, y = xy
    return bool(mask[y, x])


def test_points_lie_inside_an_l():
    assert all(inside(L, point(L, key, draw)) for key in range(40) for draw in range(5))


def test_points_are_uniform():
    # 10 pixels, 5000 draws: 500 each; the chi-squared test has 9 degrees of freedom.
    draws = [tuple(point(L, key, draw)) for key in range(1000) for draw in range(5)]
    counts = [draws.count((x, y)) for y, x in np.argwhere(L)]
    assert len(counts) == 10
    assert sum(counts) == 5000
    assert stats.chisquare(counts).pvalue > 0.001


def test_a_draw_depends_on_case_and_repetition_alone():
    assert np.array_equal(point(L, 2**63 + 5, 3), point(L.astype(bool), 2**63 + 5, 3))
    seen = {tuple(point(np.ones((300, 300)), key, draw)) for key in range(10) for draw in range(5)}
    assert len(seen) == 50


def test_key_and_draw_do_not_run_together():
    large = np.ones((300, 300))
    assert tuple(point(large, 1, 11)) != tuple(point(large, 11, 1))


def test_the_draw_stays_what_it_was():
    # A stored run must be drawable again: these values must never change.
    assert [tuple(map(int, point(np.ones((352, 352)), 7, draw))) for draw in range(3)] == KNOWN


KNOWN = [(332, 249), (22, 302), (37, 59)]


def test_centre_of_a_square_with_a_tail():
    mask = np.zeros((20, 20), bool)
    mask[5:12, 3:10] = True
    mask[8, 10:19] = True
    assert tuple(centre_point(mask)) == (6, 8)


def test_centre_lies_inside_where_the_centroid_does_not():
    ring = np.hypot(*(np.mgrid[:21, :21] - 10)).round() == 8
    assert not ring[10, 10]
    assert inside(ring, centre_point(ring))
    assert inside(L, centre_point(L))


def test_centre_counts_the_edge_as_background():
    # Without the edge as background the deepest pixel of the left half would lie on the edge.
    mask = np.zeros((11, 20), bool)
    mask[:, :11] = True
    assert tuple(centre_point(mask)) == (5, 5)


def test_box_is_tight():
    assert list(box(L)) == [2, 1, 6, 6]
    one = np.zeros((9, 8), bool)
    one[3, 5] = True
    assert list(box(one)) == [5, 3, 5, 3]


@pytest.mark.parametrize("draw", [0, 4])
def test_an_empty_reference_tells_nothing(draw):
    empty = np.zeros((9, 8))
    assert list(point(empty, 1, draw)) == [4, 4]
    assert list(centre_point(empty)) == [4, 4]
    assert list(box(empty)) == [0, 0, 7, 8]


def test_axes_are_not_exchanged():
    rng = np.random.default_rng(0)
    mask = rng.random((6, 11)) < 0.3
    assert list(box(mask.T)) == list(box(mask)[[1, 0, 3, 2]])
    assert tuple(point(mask, 1, 0)) in {(x, y) for y, x in np.argwhere(mask)}


def test_a_batch_is_shown_what_its_card_asks_for():
    masks = torch.from_numpy(np.stack([L, L[:, ::-1].copy()]))[:, None]
    keys = np.array([3, 4], np.uint64)
    assert prompts_of("none", masks, keys, 0) == {}
    boxes = prompts_of("box", masks, keys, 0)["boxes"]
    assert boxes.tolist() == [[2, 1, 6, 6], [1, 1, 5, 6]]
    for draw in (0, 1):
        drawn, centre = (prompts_of(p, masks, keys, draw) for p in ("point", "centre"))
        for k, mask in enumerate(masks[:, 0].numpy()):
            assert drawn["points"][k, 0].tolist() == list(point(mask, int(keys[k]), draw))
            assert centre["points"][k, 0].tolist() == list(centre_point(mask))
        assert drawn["point_labels"].tolist() == centre["point_labels"].tolist() == [[1], [1]]
