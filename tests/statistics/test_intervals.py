"""Means, seed spreads and bootstrap intervals, by hand and against SciPy."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics import intervals
from benchmark.statistics.intervals import MEAN, bootstrap, limits, scores
from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, MissingRun, Run, ScoreTable, TestSet

Array = np.ndarray


def names(n: int) -> list[str]:
    return [f"c{i:04d}" for i in range(n)]


def table_of(
    values: dict[str, dict[str, Array]],
    modalities: dict[str, str],
    groups: list[str] | None = None,
    missing: tuple[MissingRun, ...] = (),
) -> ScoreTable:
    """A table of one column, dsc: method to test set to (seeds, cases)."""
    entries, runs = [], {}
    for name, by_set in values.items():
        seeds = range(len(next(iter(by_set.values()))))
        entry = Entry(name, name, "main", "none", tuple(seeds), trained=True)
        entries.append(entry)
        for seed in seeds:
            found = {
                each: SetScores(
                    modalities[each],
                    tuple(names(array.shape[1])),
                    tuple(groups or names(array.shape[1])),
                    {"dsc": array[seed]},
                    0,
                    0,
                    array.shape[1],
                )
                for each, array in by_set.items()
            }
            runs[entry.key, seed] = Run(entry, seed, {}, found)
    first = next(iter(values.values()))
    sets = tuple(
        TestSet(
            each, modalities[each], tuple(names(a.shape[1])), tuple(groups or names(a.shape[1]))
        )
        for each, a in first.items()
    )
    return ScoreTable(sets, tuple(entries), runs, missing)


def test_mean_and_seed_sd_by_hand() -> None:
    # seed means: (0.8 + 0.6) / 2 = 0.7 and (0.9 + 0.9) / 2 = 0.9; their mean 0.8, SD 0.1 sqrt(2)
    table = table_of({"m": {"a": np.array([[0.8, 0.6], [0.9, 0.9]])}}, {"a": "fundus"})
    score = scores(table, ("dsc",), 100)["main/m", "a", "dsc"]
    assert score.mean == pytest.approx(0.8)
    assert score.seed_sd == pytest.approx(0.1 * math.sqrt(2))
    assert score.seed_means == pytest.approx((0.7, 0.9))
    assert (score.cases, score.groups, score.undefined) == (2, 2, 0)


def test_undefined_values_are_not_in_the_mean_of_their_seed_and_counted() -> None:
    # seed means: 2 over one case, (4 + 6) / 2 = 5 over two; their mean 3.5
    values = np.array([[2.0, np.nan, np.nan], [4.0, 6.0, np.nan]])
    score = scores(table_of({"m": {"a": values}}, {"a": "f"}), ("dsc",), 0)["main/m", "a", "dsc"]
    assert score.mean == pytest.approx(3.5)
    assert score.undefined == 3
    assert math.isnan(score.low)


def test_all_undefined_has_neither_mean_nor_interval() -> None:
    values = np.full((2, 4), np.nan)
    score = scores(table_of({"m": {"a": values}}, {"a": "f"}), ("dsc",), 200)["main/m", "a", "dsc"]
    assert all(math.isnan(number) for number in (score.mean, score.low, score.high))


def test_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).beta(5, 1, (3, 80))
    low, high = limits(bootstrap([values], names(80), 40_000, seed=1))
    theirs = stats.bootstrap(
        (values.mean(0),), np.mean, n_resamples=40_000, method="BCa", rng=2, vectorized=True
    ).confidence_interval
    assert low[0] == pytest.approx(theirs.low, abs=7e-4)
    assert high[0] == pytest.approx(theirs.high, abs=7e-4)


def test_interval_of_a_mean_over_two_sets_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.beta(5, 1, (1, 60)), rng.beta(2, 1, (1, 40))
    table = table_of({"m": {"a": one, "b": two}}, {"a": "fundus", "b": "dermoscopy"})
    score = scores(table, ("dsc",), 40_000)["main/m", MEAN, "dsc"]
    theirs = stats.bootstrap(
        (one[0], two[0]),
        lambda x, y, axis=-1: (x.mean(axis) + y.mean(axis)) / 2,
        n_resamples=40_000,
        method="BCa",
        rng=4,
        vectorized=True,
    ).confidence_interval
    assert score.mean == pytest.approx((one.mean() + two.mean()) / 2)
    assert score.low == pytest.approx(theirs.low, abs=7e-4)
    assert score.high == pytest.approx(theirs.high, abs=7e-4)


def test_resamples_by_brute_force_with_groups_and_undefined_values() -> None:
    rng = np.random.default_rng(5)
    groups = ["g1", "g1", "g1", "g2", "g3", "g3"]
    values = rng.random((2, 6))
    values[0, 1] = np.nan
    drawn = bootstrap([values], groups, 50, seed=9)
    again = np.random.default_rng(9).integers(0, 3, (50, 3))
    members = {0: [0, 1, 2], 1: [3], 2: [4, 5]}
    for sample, chosen in zip(drawn.samples[0], again, strict=True):
        cases = [case for group in chosen for case in members[group]]
        assert sample == pytest.approx(np.mean([np.nanmean(row[cases]) for row in values]))


def test_whole_groups_give_a_wider_interval_than_their_cases() -> None:
    values = np.repeat(np.random.default_rng(6).random((1, 10)), 10, axis=1)
    groups = [f"g{i // 10}" for i in range(100)]
    (low,), (high,) = limits(bootstrap([values], groups, 2000, seed=1))
    (low_c,), (high_c,) = limits(bootstrap([values], names(100), 2000, seed=1))
    assert high - low > 2.5 * (high_c - low_c)  # sqrt(10) in theory


def test_equal_values_give_an_interval_of_no_width() -> None:
    (low,), (high,) = limits(bootstrap([np.full((2, 9), 0.7)], names(9), 500, seed=1))
    assert low == high == pytest.approx(0.7)


def test_one_group_has_no_interval() -> None:
    table = table_of({"m": {"a": np.array([[0.5, 0.7]])}}, {"a": "f"}, groups=["g", "g"])
    score = scores(table, ("dsc",), 100)["main/m", "a", "dsc"]
    assert score.mean == pytest.approx(0.6)
    assert math.isnan(score.low)
    assert math.isnan(score.seed_sd)


def test_a_value_defined_in_one_case_alone_has_no_interval() -> None:
    values = np.array([[1.0, *[np.nan] * 7]])
    (low,), (high,) = limits(bootstrap([values], names(8), 500, seed=1))
    assert math.isnan(low)
    assert math.isnan(high)


def test_the_same_numbers_twice_and_beside_other_rows() -> None:
    rng = np.random.default_rng(8)
    one, two = rng.random((3, 30)), rng.random((3, 30))
    alone = scores(table_of({"m": {"a": one}}, {"a": "f"}), ("dsc",), 300)
    both = scores(table_of({"n": {"a": two}, "m": {"a": one}}, {"a": "f"}), ("dsc",), 300)
    here, there = alone["main/m", "a", "dsc"], both["main/m", "a", "dsc"]
    assert (here.mean, here.seed_means) == (there.mean, there.seed_means)
    assert (here.low, here.high) == pytest.approx((there.low, there.high), abs=1e-12)


def test_an_undefined_row_takes_no_interval_from_another() -> None:
    good, undefined = np.random.default_rng(1).random((2, 9)), np.full((2, 9), np.nan)
    low, high = limits(bootstrap([undefined, good, undefined], names(9), 400, seed=1))
    alone = limits(bootstrap([good], names(9), 400, seed=1))
    assert np.isnan(low).tolist() == [True, False, True]
    assert (low[1], high[1]) == pytest.approx((alone[0][0], alone[1][0]))


def test_mean_over_modalities_weighs_modalities_and_not_test_sets() -> None:
    values = {"a": np.full((1, 3), 0.2), "b": np.full((1, 3), 0.4), "c": np.full((1, 3), 0.9)}
    table = table_of({"m": values}, {"a": "fundus", "b": "fundus", "c": "ultrasound"})
    # ((0.2 + 0.4) / 2 + 0.9) / 2 = 0.6
    assert scores(table, ("dsc",), 100)["main/m", MEAN, "dsc"].mean == pytest.approx(0.6)
    assert intervals.set_weights(table) == {"a": 0.25, "b": 0.25, "c": 0.5}


def test_a_row_with_a_missing_run_has_no_mean_over_modalities() -> None:
    values = {"a": np.full((1, 3), 0.2), "b": np.full((1, 3), 0.4)}
    whole = table_of({"m": values}, {"a": "x", "b": "y"})
    gone = MissingRun(whole.entries[0], 0, "b", "not scored")
    cells = scores(table_of({"m": values}, {"a": "x", "b": "y"}, missing=(gone,)), ("dsc",), 100)
    assert set(cells) == {("main/m", "a", "dsc")}


def test_coverage_of_the_interval_is_near_nominal() -> None:
    """300 data sets of 60 skewed values: 95 % give or take three standard errors (1.3 %)."""
    rng = np.random.default_rng(10)
    values = [rng.beta(6, 1.5, (1, 60)) for _ in range(300)]
    low, high = limits(bootstrap(values, names(60), 1000, seed=2))
    inside = np.mean((low < 0.8) & (high > 0.8))  # the mean of beta(6, 1.5) is 6 / 7.5
    assert inside > 0.91


@pytest.mark.slow
def test_a_large_study_takes_seconds() -> None:
    """14 methods, 8 test sets, 5 seeds, 1350 cases, 7 columns, 10,000 resamples."""
    rng = np.random.default_rng(0)
    values = [rng.beta(5, 1, (5, 1350)) for _ in range(14 * 7)]
    start = time.process_time()
    for seed in range(8):
        limits(bootstrap(values, names(1350), 10_000, seed))
    assert time.process_time() - start < 20
