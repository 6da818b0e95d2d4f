"""Selective prediction against values worked by hand."""

import itertools

import numpy as np
import pytest

from benchmark.analyses.measures.risk import aurc, confidences, oracle_aurc, risk_by_coverage
from benchmark.evaluation.maps import TOP, quantise

RISK = np.array([0.0, 0.2, 0.4, 1.0])


def test_a_perfect_and_a_reversed_confidence_are_those_worked_by_hand() -> None:
    # 0, 0.2 / 2, 0.6 / 3, 1.6 / 4: mean (0 + 0.1 + 0.2 + 0.4) / 4.
    perfect = np.array([4.0, 3.0, 2.0, 1.0])
    np.testing.assert_allclose(risk_by_coverage(perfect, RISK), [0, 0.1, 0.2, 0.4])
    assert aurc(perfect, RISK) == oracle_aurc(RISK) == pytest.approx(0.175)
    # 1, 1.4 / 2, 1.6 / 3, 1.6 / 4: mean (1 + 0.7 + 0.5333 + 0.4) / 4.
    assert aurc(-perfect, RISK) == pytest.approx((1 + 0.7 + 1.6 / 3 + 0.4) / 4)


def test_a_constant_confidence_has_the_mean_risk() -> None:
    assert aurc(np.ones(4), RISK) == pytest.approx(RISK.mean())


def test_ties_are_the_mean_over_all_orders() -> None:
    confidence = np.array([0.9, 0.5, 0.5, 0.5])
    orders = [[0, *rest] for rest in itertools.permutations([1, 2, 3])]
    each = [np.cumsum(RISK[order]) / np.arange(1, 5) for order in orders]
    np.testing.assert_allclose(risk_by_coverage(confidence, RISK), np.mean(each, axis=0))


def test_of_one_case_the_area_is_its_risk() -> None:
    one = np.array([0.3])
    assert aurc(np.array([0.8]), one) == oracle_aurc(one) == pytest.approx(0.3)


def test_confidences_are_those_worked_by_hand() -> None:
    found = confidences(quantise(np.array([[0.75, 0.5], [0.25, 0.0]])))
    # Mask: 0.75 and 0.5 (level 32768). 2 * 1.25 / (1.5 + 2).
    assert found.sdc == pytest.approx(2.5 / 3.5, abs=1e-4)
    assert found.max_probability == pytest.approx((0.75 + 0.5 + 0.75 + 1) / 4, abs=1e-4)
    quarter = 0.25 * 2 + 0.75 * np.log2(4 / 3)  # bits of 0.25, and of 0.75
    assert found.entropy == pytest.approx(1 - (2 * quarter + 1) / 4, abs=1e-4)


def test_a_sure_map_has_full_confidence_and_a_map_without_mask_none() -> None:
    sure = np.array([[0, TOP], [TOP, 0]], np.uint16)
    assert set(vars(confidences(sure)).values()) == {1.0}
    empty = np.zeros((4, 4), np.uint16)
    assert set(vars(confidences(empty)).values()) == {1.0}
    assert confidences(np.full((4, 4), 9, np.uint16)).sdc == 0
