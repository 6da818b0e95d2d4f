"""Headline metrics: masks drawn by hand, brute force, scikit-learn, and the empty cases."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from benchmark.core.errors import ShapeError
from benchmark.evaluation.maps import TOP, quantise
from benchmark.evaluation.metrics import Counts, first_level, stack, tally

HALF = first_level(0.5)


def drawn(text: str) -> np.ndarray:
    """A mask from rows of '#' and '.'."""
    return np.array([[sign == "#" for sign in row] for row in text.split()])


def counts(pred: np.ndarray, reference: np.ndarray) -> Counts:
    return tally(quantise(pred.astype(float)), reference, HALF).counts


def four(c: Counts) -> list[float]:
    return [float(value) for value in (c.dsc(), c.iou(), c.sensitivity(), c.precision())]


REFERENCE = drawn(
    """
    ......
    .###..
    .###..
    .###..
    ......
    ......
    """
)
PREDICTION = drawn(
    """
    ......
    ..###.
    ..###.
    ......
    ......
    ......
    """
)
EMPTY = np.zeros((6, 6), bool)


def test_drawn_by_hand():
    # Reference 9 pixels, prediction 6, common 4; false 2, missed 5, 36 - 4 - 2 - 5 = 25 left.
    c = counts(PREDICTION, REFERENCE)
    assert (c.tp, c.fp, c.fn, c.tn) == (4, 2, 5, 25)
    # DSC 2*4 / (9 + 6) = 8/15, IoU 4 / (9 + 6 - 4) = 4/11, sensitivity 4/9, precision 4/6.
    assert four(c) == pytest.approx([8 / 15, 4 / 11, 4 / 9, 4 / 6], abs=1e-15)


def test_transposed():
    # Exchanging the two exchanges sensitivity and precision and leaves DSC and IoU.
    assert four(counts(REFERENCE, PREDICTION)) == pytest.approx([8 / 15, 4 / 11, 4 / 6, 4 / 9])
    # Mirroring rows and columns of both moves every pixel and changes no count.
    assert counts(PREDICTION.T, REFERENCE.T) == counts(PREDICTION, REFERENCE)


def test_identity():
    assert four(counts(REFERENCE, REFERENCE)) == [1, 1, 1, 1]


def test_disjoint():
    assert four(counts(REFERENCE, ~REFERENCE)) == [0, 0, 0, 0]


def test_empty_both():
    assert four(counts(EMPTY, EMPTY)) == [1, 1, 1, 1]


def test_empty_prediction():
    assert four(counts(EMPTY, REFERENCE)) == [0, 0, 0, 0]


def test_empty_reference():
    assert four(counts(PREDICTION, EMPTY)) == [0, 0, 0, 0]


def test_empty_masks_show_in_the_counts():
    c = stack([tally(quantise(PREDICTION * 1.0), EMPTY, HALF)] * 2).counts
    assert list(c.tp + c.fn == 0) == [True, True]
    assert list(c.tp + c.fp == 0) == [False, False]


def test_mae_by_hand():
    # Four pixels: |0.2-0| + |0.4-1| + |1-1| + |0-0| = 0.8, a quarter of it 0.2; 65535 / 5 is whole.
    prob, reference = np.array([[0.2, 0.4], [1, 0]]), np.array([[False, True], [True, False]])
    assert float(tally(quantise(prob), reference, HALF).mae()) == pytest.approx(0.2, abs=1e-15)


def test_mae_takes_no_minmax():
    prob = np.full((6, 6), 0.001)
    prob[0, 0] = 0.002
    # 35 pixels of 66 levels (0.001 * 65535 = 65.5) and one of 131.
    expected = (35 * 66 + 131) / (36 * TOP)
    assert float(tally(quantise(prob), EMPTY, HALF).mae()) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_brute_force_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    prob, reference = rng.random((9, 7)), rng.random((9, 7)) < rng.random()
    reference[0, 0], prob[0, 0] = True, 1
    pred, levels = prob >= 0.5, quantise(prob)
    t = tally(levels, reference, HALF)
    pairs = list(zip(pred.ravel(), reference.ravel(), strict=True))
    wanted = [(True, True), (True, False), (False, True), (False, False)]
    assert [t.counts.tp, t.counts.fp, t.counts.fn, t.counts.tn] == [pairs.count(w) for w in wanted]
    by_sklearn = [
        of(reference.ravel(), pred.ravel())
        for of in (f1_score, jaccard_score, recall_score, precision_score)
    ]
    assert four(t.counts) == pytest.approx(by_sklearn, abs=1e-14)
    assert float(t.mae()) == pytest.approx(np.abs(levels / TOP - reference).mean(), abs=1e-14)


def test_counts_of_many_cases_are_those_of_each():
    rng = np.random.default_rng(3)
    cases = [tally(quantise(rng.random((5, 5))), rng.random((5, 5)) < 0.3, HALF) for _ in range(6)]
    together = stack(cases)
    assert list(together.counts.dsc()) == [float(case.counts.dsc()) for case in cases]
    assert list(together.mae()) == [float(case.mae()) for case in cases]


def test_threshold_is_reached_by_equality():
    assert quantise(np.array([0.5]))[0] == HALF == 32768
    assert quantise(np.array([np.nextafter(np.float32(0.5), np.float32(0))]))[0] == HALF - 1
    assert first_level(0.3) / TOP >= 0.3 > (first_level(0.3) - 1) / TOP


def test_shapes_that_differ_are_named():
    with pytest.raises(ShapeError, match=r"\(6, 5\).*\(6, 6\)"):
        tally(np.zeros((6, 5), np.uint16), EMPTY, HALF)
