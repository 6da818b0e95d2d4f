"""Friedman and Nemenyi against SciPy and scikit-posthocs, and how little they can find."""

import math
import re

import numpy as np
import pytest
from made_tables import Made, oracle, table_of
from scipy import stats

from benchmark.statistics.complete_rows import CompleteRows, complete_rows
from benchmark.statistics.friedman import (
    chi_squared,
    cliques,
    critical_difference,
    friedman,
    nemenyi,
    power,
    power_note,
    smallest_holm,
)
from benchmark.statistics.ranking import ranks

Array = np.ndarray


def rows_of(means: Array) -> CompleteRows:
    """From means (test sets, rows)."""
    methods = [f"m{j}" for j in range(means.shape[1])]
    values = {
        m: {f"s{i}": np.full((1, 2), mean) for i, mean in enumerate(means[:, j])}
        for j, m in enumerate(methods)
    }
    table = table_of(values, Made(untrained=tuple(methods)))
    return complete_rows({"mix": table}, [f"main/{m}" for m in methods])


@pytest.mark.parametrize("case", oracle("nemenyi, scikit-posthocs"), ids=lambda c: len(c["p"]))
def test_nemenyi_agrees_with_scikit_posthocs(case: dict[str, list[list[float]]]) -> None:
    scores = np.array(case["scores"])
    found = nemenyi(ranks(scores).mean(axis=0), len(scores))
    assert np.array(found) == pytest.approx(np.array(case["p"]), abs=2e-6)


@pytest.mark.parametrize(("sets", "expected"), [(8, 5.34), (4, 7.55)])
def test_the_critical_difference_of_eleven_rows(sets: int, expected: float) -> None:
    assert round(critical_difference(11, sets), 2) == expected


def test_the_critical_difference_is_where_nemenyi_is_5_percent() -> None:
    cd = critical_difference(5, 8)
    assert nemenyi(np.array([1.0, 1.0 + cd, 3, 3, 3]), 8)[0][1] == pytest.approx(0.05, abs=1e-6)


def test_friedman_agrees_with_scipy() -> None:
    means = np.random.default_rng(0).normal(0.8, 0.02, (8, 6))
    found = friedman(rows_of(means))
    theirs = stats.friedmanchisquare(*means.T)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    chi = theirs.statistic  # Demsar 2006, page 11
    f = 7 * chi / (8 * 5 - chi)
    assert found.iman_davenport == pytest.approx(f)
    assert found.p_iman == pytest.approx(stats.f.sf(f, 5, 35))
    assert found.mean_ranks == pytest.approx(stats.rankdata(-means, axis=1).mean(axis=0))


# Demsar 2006, table 6: AUC of four variants of C4.5 on 14 data sets. Two values of «voting» print
# alike and have the ranks 2 and 3.
DEMSAR = """.763 .768 .771 .798  .599 .591 .590 .569  .954 .971 .968 .967  .628 .661 .654 .657
.882 .888 .886 .898  .936 .931 .916 .931  .661 .668 .609 .685  .583 .583 .563 .625
.775 .838 .866 .875  1 1 1 1  .940 .962 .965 .962  .619 .666 .614 .669
.972 .981 .9751 .975  .957 .978 .946 .970"""


def test_friedman_corrects_ties_and_demsars_example_does_not() -> None:
    means = np.array(DEMSAR.split(), dtype=float).reshape(14, 4)
    assert ranks(means).mean(axis=0) == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    found = friedman(rows_of(means))
    # three pairs (2^3 - 2 = 6 each) and one group of four (4^3 - 4 = 60): 1 - 78 / (14 * 4 * 15)
    assert found.statistic * (1 - 78 / 840) == pytest.approx(9.28, abs=5e-3)
    assert round(found.statistic, 2) == 10.23
    assert "corrected for ties" in power_note(found)


def test_sets_that_all_rank_alike_are_as_sure_as_can_be() -> None:
    chi, p, f, p_iman = chi_squared(np.tile([0.1, 0.2, 0.3], (4, 1)))
    assert (chi, p) == pytest.approx((8.0, stats.chi2.sf(8, 2)))
    assert (f, p_iman) == (math.inf, 0.0)


def test_cliques_by_hand() -> None:
    # 1.0 1.5 2.5 4.0 with a difference of 1.6: 1.0-2.5 (1.5 and 2.5 lie within), 2.5-4.0
    assert cliques(np.array([4.0, 1.0, 2.5, 1.5]), 1.6) == ((1, 3, 2), (2, 0))
    assert cliques(np.array([1.0, 3.0, 5.0]), 1.0) == ()
    assert cliques(np.array([2.0, 2.0, 2.0]), 1.0) == ((0, 1, 2),)


def test_the_smallest_p_after_holm() -> None:
    assert smallest_holm(11, 8) == pytest.approx(0.078, abs=5e-4)  # ten baselines, 8 test sets
    assert smallest_holm(11, 4) == 1.0
    p = stats.wilcoxon(np.arange(1, 9), method="exact").pvalue
    assert smallest_holm(11, 8) == pytest.approx(10 * p)


def test_power_grows_with_the_gain_and_falls_with_the_noise() -> None:
    rng = np.random.default_rng(1)
    means, cd = rng.normal(0.8, 0.01, (8, 6)), critical_difference(6, 8)
    by_gain = [power(means, gain, cd) for gain in (0.0, 0.02, 0.2)]
    assert by_gain[0] < 0.02
    assert by_gain[0] < by_gain[1] < by_gain[2]
    assert power(means * 4, 0.02, cd) < by_gain[1]


def test_the_note_says_what_cannot_be_found() -> None:
    rng = np.random.default_rng(2)
    some = friedman(rows_of(rng.normal(0.8, 0.02, (8, 6))))
    assert f"differ by {some.cd:.2f} to be significant. Power: with 8 test sets" in power_note(some)
    assert re.search(r"detects \d+ % of true differences of 2 points\.", power_note(some))
    assert "a p below 0.039" in power_note(some)
    none = friedman(rows_of(rng.normal(0.8, 0.02, (2, 4))))
    assert "so the test cannot reject" in power_note(none)
    assert none.power == 0
    assert "detects 0 % of" in power_note(none)  # as every percentage of the report is written


def test_too_few_rows_or_sets_and_equal_rows_say_why() -> None:
    few = friedman(rows_of(np.array([[0.5, 0.6], [0.4, 0.5]])))
    assert (few.why, few.mean_ranks) == ("fewer than three complete rows", ())
    assert power_note(few) == few.why
    assert friedman(rows_of(np.array([[0.5, 0.6, 0.7]]))).why == "fewer than two test sets"
    same = friedman(rows_of(np.full((4, 3), 0.5)))
    assert same.why == "all rows are equal"
    assert same.cliques == ((0, 1, 2),)
