"""Calibration errors against libraries, and against values worked by hand."""

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from benchmark.analyses.measures.reliability import (
    BINS,
    box,
    brier,
    confidence,
    equal_mass,
    equal_width,
    foreground,
    histogram,
    measures,
)
from benchmark.evaluation.maps import TOP, quantise


def drawn(seed: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Levels off the bounds of bins, where float32 of the libraries could decide, and outcomes."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, TOP, (size, size)).astype(np.uint16)
    levels[levels % (TOP // BINS) == 0] += 7
    return levels, rng.uniform(size=levels.shape) < (levels / TOP) ** 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_foreground_form_is_that_of_torchmetrics(seed: int) -> None:
    levels, reference = drawn(seed)
    prob, target = torch.tensor(levels / TOP).ravel(), torch.tensor(reference).int().ravel()
    bins = equal_width(foreground(histogram(levels, reference)))
    assert bins.ece() == pytest.approx(float(binary_calibration_error(prob, target, 15, "l1")))
    assert bins.mce() == pytest.approx(float(binary_calibration_error(prob, target, 15, "max")))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_confidence_form_is_that_of_torchmetrics(seed: int) -> None:
    levels, reference = drawn(seed)
    prob, target = torch.tensor(levels / TOP).ravel(), torch.tensor(reference).int().ravel()
    both = torch.stack([1 - prob, prob], dim=1)
    bins = equal_width(confidence(histogram(levels, reference)))
    for norm, own in (("l1", bins.ece()), ("max", bins.mce())):
        theirs = multiclass_calibration_error(both, target, 2, 15, norm)
        assert own == pytest.approx(float(theirs), abs=1e-5)  # theirs is of float32


def test_bins_and_brier_are_those_of_scikit_learn() -> None:
    levels, reference = drawn(3)
    counts = histogram(levels, reference)
    prob, target = (levels / TOP).ravel(), reference.ravel()
    share, mean = calibration_curve(target, prob, n_bins=BINS)
    bins = equal_width(foreground(counts))
    np.testing.assert_allclose(bins.observed / bins.pixels, share)
    np.testing.assert_allclose(bins.predicted / bins.pixels, mean)
    assert brier(counts) == pytest.approx(brier_score_loss(target, prob))
    share, mean = calibration_curve(target, prob, n_bins=BINS, strategy="quantile")
    mass = equal_mass(foreground(counts))  # theirs cut between pixels, ours within them
    np.testing.assert_allclose(mass.predicted / mass.pixels, mean, atol=2e-3)
    np.testing.assert_allclose(mass.observed / mass.pixels, share, atol=2e-2)


def test_values_are_those_worked_by_hand() -> None:
    # p:  0.9  0.9  0.1  0.4  with the reference 1 0 0 1.
    levels = quantise(np.array([[0.9, 0.9], [0.1, 0.4]]))
    found = measures(histogram(levels, np.array([[True, False], [False, True]])))
    # Bins: {0.1}: gap 0.1; {0.4}: 0.6; {0.9, 0.9}: |1.8 - 1| / 2 = 0.4. (0.1 + 0.6 + 0.8) / 4.
    assert found["ece_foreground"] == pytest.approx(0.375, abs=1e-4)
    assert found["mce_foreground"] == pytest.approx(0.6, abs=1e-4)
    # Confidences 0.9 0.9 0.9 0.6, right 1 0 1 0. {0.9 x 3}: |2.7 - 2|; {0.6}: 0.6. 1.3 / 4.
    assert found["ece_confidence"] == pytest.approx(0.325, abs=1e-4)
    assert found["mce_confidence"] == pytest.approx(0.6, abs=1e-4)
    # (0.01 + 0.81 + 0.01 + 0.36) / 4.
    assert found["brier"] == pytest.approx(0.2975, abs=1e-4)
    assert found["confidence"] == pytest.approx(0.825, abs=1e-4)
    assert found["accuracy"] == 0.5


def test_adaptive_bins_share_a_level_that_a_bound_cuts() -> None:
    # 15 pixels a bin would be one each; here 30 pixels: 20 of p = 0 (5 of them hits), 10 of p = 1.
    levels = np.array([[0] * 20 + [TOP] * 10], np.uint16)
    hits = np.array([[True] * 5 + [False] * 15 + [True] * 10])
    outcomes = foreground(histogram(levels, hits))
    bins = equal_mass(outcomes)
    np.testing.assert_allclose(bins.pixels, 2)
    np.testing.assert_allclose(bins.observed, [0.5] * 10 + [2.0] * 5)
    assert bins.ece() == pytest.approx(5 / 30)  # 10 bins of gap 0.25 and weight 1 / 15
    shuffled = np.random.default_rng(0).permutation(30)
    again = foreground(histogram(levels[:, shuffled], hits[:, shuffled]))
    assert equal_mass(again).ece() == bins.ece()


def test_a_calibrated_model_reads_near_zero_and_a_sure_one_what_arithmetic_gives() -> None:
    rng = np.random.default_rng(0)
    prob = rng.uniform(0, 1, (1000, 1000))
    reference = rng.uniform(size=prob.shape) < prob
    found = measures(histogram(quantise(prob), reference))
    forms = ("ece_foreground", "ece_confidence", "adaptive_foreground", "adaptive_confidence")
    assert max(found[form] for form in forms) < 0.002  # a million pixels: noise of about 0.001
    assert found["brier"] == pytest.approx(1 / 6, abs=0.001)  # the mean of p (1 - p)
    # Always 0.95 or 0.05, right in 7 of 10 pixels: confidence 0.95 against 0.7.
    sure = np.where(np.arange(1000) % 2 == 0, 0.95, 0.05)
    right = np.arange(1000) % 10 < 7
    found = measures(histogram(quantise(sure[None]), ((sure > 0.5) == right)[None]))
    assert found["ece_confidence"] == pytest.approx(0.25, abs=1e-4)
    assert found["adaptive_confidence"] == pytest.approx(0.25, abs=1e-4)
    assert found["mce_confidence"] == pytest.approx(0.25, abs=1e-4)
    assert found["brier"] == pytest.approx(0.7 * 0.05**2 + 0.3 * 0.95**2, abs=1e-4)


def test_bins_hold_their_lower_bound_and_the_last_both() -> None:
    width = TOP // BINS
    levels = np.array([[0, width - 1, width, 14 * width, TOP]], np.uint16)
    bins = equal_width(foreground(histogram(levels, np.zeros((1, 5), bool))))
    assert bins.pixels.tolist() == [2, 1, *[0] * 12, 2]
    half = np.array([[32767, 32768]], np.uint16)  # the two levels beside one half
    outcomes = confidence(histogram(half, np.array([[False, True]])))
    assert (outcomes.observed(), outcomes.predicted()) == (1.0, 32768 / TOP)


def test_boxes_grow_by_a_tenth_and_stop_at_the_edge() -> None:
    reference = np.zeros((50, 60), bool)
    reference[10:31, 40:60] = True  # 21 rows, 20 columns at the right edge
    rows, columns = box(reference)
    assert (rows.start, rows.stop) == (7, 34)  # 2.1 rounded up
    assert (columns.start, columns.stop) == (38, 60)
    one = np.zeros((5, 5), bool)
    one[2, 0] = True
    assert box(one) == (slice(1, 4), slice(0, 2))


def test_of_no_pixels_every_value_is_undefined() -> None:
    empty = np.zeros((8, 8), bool)
    levels = np.zeros((8, 8), np.uint16)
    inside = box(empty)
    found = measures(histogram(levels[inside], empty[inside]))
    assert all(np.isnan(value) for value in found.values())
    whole = measures(histogram(levels, empty))  # all background, and surely so
    assert whole["brier"] == whole["ece_foreground"] == whole["ece_confidence"] == 0
    assert (whole["confidence"], whole["accuracy"]) == (1, 1)


def test_pooled_counts_are_those_of_all_pixels_together() -> None:
    (one, first), (two, second) = drawn(4), drawn(5)
    together = histogram(np.stack([one, two]), np.stack([first, second]))
    assert (histogram(one, first) + histogram(two, second) == together).all()
