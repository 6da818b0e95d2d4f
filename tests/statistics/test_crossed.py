"""The crossed-variance t: by hand, against SciPy and statsmodels at its borders."""

import math

import numpy as np
import pytest
from made_tables import names, oracle
from scipy import stats

from benchmark.statistics.crossed import Estimate, Grouping, Part, estimate, satterthwaite

Array = np.ndarray


def alone(n: int) -> Grouping:
    return Grouping.of(names(n))


def numbers(found: Estimate) -> tuple[float, ...]:
    return tuple(float(each) for each in (found.value, found.se, found.df))


def test_one_untrained_side_is_the_t_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).beta(5, 1, (1, 40))
    found = estimate([Part(values, None, alone(40))], (False, False))
    theirs = stats.ttest_1samp(values[0], 0)
    assert found.df == pytest.approx(39)
    assert found.limits(0.95) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert found.p()[1] == pytest.approx(theirs.pvalue)


def test_two_untrained_sides_are_the_paired_t() -> None:
    one, other = np.random.default_rng(1).beta(5, 1, (2, 1, 30))
    found = estimate([Part(one, other, alone(30))], (False, False))
    theirs = stats.ttest_rel(one[0], other[0])
    assert tuple(map(float, found.p())) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.limits(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)))


def test_cases_all_alike_leave_welch_on_the_seed_means() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.8, 0.01, (5, 1)), rng.normal(0.79, 0.03, (3, 1))
    parts = [Part(np.repeat(one, 6, axis=1), np.repeat(other, 6, axis=1), alone(6))]
    found = estimate(parts, (True, True))
    theirs = stats.ttest_ind(one[:, 0], other[:, 0], equal_var=False)
    assert tuple(map(float, found.p())) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.df == pytest.approx(theirs.df)


def test_groups_of_unequal_size_agree_with_statsmodels() -> None:
    theirs = oracle("clusters, statsmodels")
    values = np.array(theirs["values"])[None]
    found = estimate([Part(values, None, Grouping.of(theirs["groups"]))], (False, False))
    assert float(found.value) == pytest.approx(theirs["mean"], rel=1e-9)
    assert float(found.se) == pytest.approx(theirs["se"], rel=1e-8)
    assert float(found.df) == pytest.approx(5)
    assert float(found.p()[1]) == pytest.approx(theirs["p"], rel=1e-6)


def test_the_sum_of_the_terms_by_hand() -> None:
    # One: seed means 0.7, 0.9, 0.8: variance 0.01 over 3 seeds. Other: 0.5, 0.6: 0.005 over 2.
    # Cases: means over seeds 0.75 0.85 and 0.5 0.6, differences 0.25 0.25: no variance.
    one = np.array([[0.65, 0.75], [0.85, 0.95], [0.75, 0.85]])
    other = np.array([[0.45, 0.55], [0.55, 0.65]])
    found = estimate([Part(one, other, alone(2))], (True, True))
    a, b = 0.01 / 3, 0.005 / 2
    assert found.value == pytest.approx(0.25)
    assert found.se == pytest.approx(math.sqrt(a + b))
    assert found.df == pytest.approx((a + b) ** 2 / (a**2 / 2 + b**2 / 1))


def test_the_case_term_by_hand() -> None:
    # groups of 1 and 3 cases with means 0.6 and 0.8, mean 0.75, shares 1/4 and 3/4:
    # (0.25 x -0.15)^2 + (0.75 x 0.05)^2 = 2 x 0.0375^2, times G / (G - 1) = 2
    values = np.array([[0.6, 0.7, 0.8, 0.9]])
    found = estimate([Part(values, None, Grouping.of(["a", "b", "b", "b"]))], (False, False))
    assert found.value == pytest.approx(0.75)
    assert found.se == pytest.approx(2 * 0.0375)
    assert found.df == pytest.approx(1)


def test_groups_may_lie_anywhere_in_the_file() -> None:
    values = np.random.default_rng(3).random((2, 6))
    there = Grouping.of(["a", "b", "a", "c", "b", "a"])
    sorted_values = values[:, [0, 2, 5, 1, 4, 3]]
    again = estimate([Part(sorted_values, None, Grouping.of(list("aaabbc")))])
    found = estimate([Part(values, None, there)])
    assert numbers(found) == pytest.approx(numbers(again))


def test_parts_add_by_weight_and_share_their_seeds_within_a_mix() -> None:
    rng = np.random.default_rng(4)
    up = np.array([[0.1], [0.2], [0.3]])
    a, b = up + np.zeros((3, 4)), -up + np.zeros((3, 5))  # a seed good on a is bad on b
    together = [Part(a, None, alone(4), 0.5, "m"), Part(b, None, alone(5), 0.5, "m")]
    assert float(estimate(together).se) == pytest.approx(0)
    apart = [Part(a, None, alone(4), 0.5, "m"), Part(b, None, alone(5), 0.5, "n")]
    found = estimate(apart)  # variance of each: 0.01 / 3, times 0.25
    assert float(found.se) == pytest.approx(math.sqrt(2 * 0.25 * 0.01 / 3))
    assert float(found.df) == pytest.approx(4)
    one = rng.random((1, 9))
    halves = [Part(one, None, alone(9), 0.5, "m"), Part(one, None, alone(9), 0.5, "m")]
    assert estimate(halves, (False, False)).value == pytest.approx(one.mean())


def test_leading_axes_are_data_sets_of_their_own() -> None:
    one, other = np.random.default_rng(5).random((2, 7, 3, 12))
    grouping = Grouping.of([f"g{i // 3}" for i in range(12)])
    found = estimate([Part(one, other, grouping)], (True, True))
    for i in range(7):
        single = estimate([Part(one[i], other[i], grouping)], (True, True))
        at = Estimate(found.value[i], found.se[i], found.df[i])
        assert numbers(at) == pytest.approx(numbers(single))


def test_the_other_way_round_is_the_negative() -> None:
    one, other = np.random.default_rng(6).random((2, 3, 12))
    there, back = (
        estimate([Part(*sides, alone(12))], (True, True)) for sides in ((one, other), (other, one))
    )
    value, *spread = numbers(there)
    assert numbers(back) == pytest.approx((-value, *spread))
    assert float(back.p()[1]) == pytest.approx(float(there.p()[1]))


def test_identical_rows_differ_by_nothing_for_sure() -> None:
    values = np.random.default_rng(7).random((1, 9)) + np.zeros((3, 1))
    found = estimate([Part(values, values.copy(), alone(9))], (True, True))
    assert tuple(map(float, (found.value, found.se, *found.p()))) == (0, 0, 0, 1)
    assert tuple(map(float, found.limits(0.95))) == (0, 0)


def test_rounding_is_no_difference() -> None:
    values = np.random.default_rng(8).random((3, 9))
    found = estimate([Part(values, values[[2, 0, 1]], alone(9))], (False, False))
    assert (values.mean(0) - values[[2, 0, 1]].mean(0)).any()  # the order of a sum tells
    assert tuple(map(float, (found.value, found.se, *found.p()))) == (0, 0, 0, 1)


def test_a_gain_in_which_nothing_varies_has_no_p() -> None:
    values = np.full((3, 5), 0.3)
    found = estimate([Part(values + 0.1, values, alone(5))], (True, True))
    assert math.isnan(float(found.p()[1]))
    assert tuple(map(float, found.limits(0.95))) == pytest.approx((0.1, 0.1))


def test_satterthwaite_of_equal_terms_adds_the_degrees_of_freedom() -> None:
    variance, df = satterthwaite([(np.array(0.5), 4), (np.array(0.5), 4)])
    assert (float(variance), float(df)) == (1.0, 8.0)
    assert float(satterthwaite([(np.array(1.0), 4), (np.array(0.0), 99)])[1]) == 4.0
