"""Paired differences: by hand, in sign, against comparisons, and what is missing for one."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.compare import comparisons
from benchmark.statistics.contrasts import Contrast, Difference, combined, differences
from benchmark.statistics.differences import Missing, Side, side
from benchmark.statistics.intervals import MEAN, scores, set_weights
from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, MissingRun, Run, ScoreTable, TestSet

Array = np.ndarray
ON_A = {"a": 1.0}


def names(n: int) -> tuple[str, ...]:
    return tuple(f"c{i:04d}" for i in range(n))


def table_of(
    values: dict[str, dict[str, Array]],
    groups: tuple[str, ...] | None = None,
    missing: tuple[MissingRun, ...] = (),
) -> ScoreTable:
    """A table of one column, dsc: method to test set (its modality too) to (seeds, cases)."""
    entries, runs, sets = [], {}, {}
    for name, by_set in values.items():
        count = len(next(iter(by_set.values())))
        entries.append(Entry(name, name, "main", "none", tuple(range(count)), trained=True))
        for seed in range(count):
            found = {}
            for each, array in by_set.items():
                cases = names(array.shape[1])
                sets[each] = TestSet(each, each, cases, groups or cases)
                found[each] = SetScores(
                    each, cases, groups or cases, {"dsc": array[seed]}, 0, 0, len(cases)
                )
            runs[entries[-1].key, seed] = Run(entries[-1], seed, {}, found)
    return ScoreTable(tuple(sets.values()), tuple(entries), runs, missing)


def ask(table: ScoreTable, weights: dict[str, float]) -> Difference:
    """The first row minus the second."""
    (found,) = differences(table, [Contrast(*table.entries[:2], weights)])
    assert isinstance(found, Difference)
    return found


def test_difference_and_both_sides_by_hand() -> None:
    one = np.array([[0.8, 0.6], [0.9, 0.9]])  # seed means 0.7 and 0.9: mean 0.8, SD 0.1 sqrt(2)
    other = np.array([[0.5, 0.9]])  # one seed: mean 0.7, no SD
    found = ask(table_of({"m": {"a": one}, "n": {"a": other}}), ON_A)
    assert found.value == pytest.approx(0.1)
    assert (found.one.mean, found.one.seeds) == (pytest.approx(0.8), 2)
    assert found.one.seed_sd == pytest.approx(0.1 * math.sqrt(2))
    assert (found.other.mean, found.other.seeds) == (pytest.approx(0.7), 1)
    assert math.isnan(found.other.seed_sd)
    assert (found.cases, found.groups) == (2, 2)


def test_a_constant_gain_has_an_interval_of_no_width() -> None:
    other = np.random.default_rng(0).random((1, 15)).repeat(3, axis=0) * 0.5
    found = ask(table_of({"m": {"a": other + 0.25}, "n": {"a": other}}), ON_A)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_identical_methods_differ_by_nothing() -> None:
    values = np.random.default_rng(1).random((1, 20)).repeat(3, axis=0)
    found = ask(table_of({"m": {"a": values}, "n": {"a": values.copy()}}), ON_A)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_the_other_way_round_is_the_negative() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.random((4, 40)), rng.random((3, 40))
    there = ask(table_of({"m": {"a": one}, "n": {"a": other}}), ON_A)
    back = ask(table_of({"n": {"a": other}, "m": {"a": one}}), ON_A)
    assert back.value == pytest.approx(-there.value)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-12)
    assert (back.one, back.other) == (there.other, there.one)


def test_the_interval_is_the_one_of_the_comparisons() -> None:
    rng = np.random.default_rng(3)
    table = table_of(
        {m: {"a": rng.beta(6, 1, (3, 40)), "b": rng.beta(5, 1, (3, 30))} for m in "mn"}
    )
    m, n = table.entries
    for theirs in comparisons(table, m, [n]):
        weights = {"a": 0.5, "b": 0.5} if theirs.dataset == MEAN else {theirs.dataset: 1.0}
        found = ask(table, weights)
        ours = found.value, found.low, found.high, found.p
        assert ours == pytest.approx((theirs.value, theirs.low, theirs.high, theirs.p))


def test_other_trainings_widen_the_interval() -> None:
    rng = np.random.default_rng(4)
    hard = rng.random((1, 100))
    steady, shaky = (hard + rng.normal(0, sd, (5, 1)) for sd in (0.001, 0.05))
    noise = rng.normal(0, 0.01, (5, 100))
    widths = [
        (found := ask(table_of({"m": {"a": one + noise}, "n": {"a": hard + 0 * noise}}), ON_A)).high
        - found.low
        for one in (steady, shaky)
    ]
    assert widths[1] > 5 * widths[0]


def test_whole_groups_vary_together() -> None:
    rng = np.random.default_rng(5)
    one, other = (np.repeat(rng.random((1, 10)), 10, axis=1).repeat(3, axis=0) for _ in "ab")
    groups = tuple(f"g{i // 10}" for i in range(100))
    values = {"m": {"a": one}, "n": {"a": other}}
    by_group, by_case = ask(table_of(values, groups), ON_A), ask(table_of(values), ON_A)
    assert by_group.groups == 10
    assert by_group.high - by_group.low > 2.5 * (by_case.high - by_case.low)  # sqrt(10) in theory


@pytest.mark.parametrize(("seeds", "groups"), [(3, ("g", "g")), (2, ("g", "h"))])
def test_one_group_or_two_seeds_have_a_difference_and_no_interval(
    seeds: int, groups: tuple[str, ...]
) -> None:
    one, other = np.array([[0.5, 0.7]]), np.array([[0.4, 0.4]])
    values = {"m": {"a": one.repeat(seeds, axis=0)}, "n": {"a": other.repeat(seeds, axis=0)}}
    found = ask(table_of(values, groups), ON_A)
    assert found.value == pytest.approx(0.2)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not found.sure
    assert found.why


def test_a_difference_of_differences_by_hand() -> None:
    """(m - n) - (o - p) with no chance but that of m's seeds: its standard error is m's own."""
    level = np.random.default_rng(6).random((1, 30))
    m = level + np.array([[0.10], [0.12], [0.14]])  # SD 0.02, so SE 0.02 / sqrt(3), 2 df
    rows = {"m": m, "n": level, "o": level + 0.05, "p": level}
    table = table_of({k: {"a": v + np.zeros((3, 1))} for k, v in rows.items()})
    signs = (1.0, -1.0, -1.0, 1.0)
    found = combined(table, list(zip(signs, table.entries, strict=True)), ON_A)
    half = stats.t.ppf(0.975, 2) * 0.02 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((0.07, 0.07 - half, 0.07 + half))
    assert (found.seeds, found.cases) == ((3, 3, 3, 3), 30)


def test_the_mean_over_modalities_is_the_weighted_sum_and_agrees_with_the_means() -> None:
    rng = np.random.default_rng(6)
    values = {m: {"a": rng.random((3, 30)), "b": rng.random((3, 50))} for m in "mn"}
    table = table_of(values)
    weights = set_weights(table)
    found, cells = ask(table, weights), scores(table, ("dsc",), 0)
    means = [cells[f"main/{m}", MEAN, "dsc"] for m in "mn"]
    assert found.value == pytest.approx(means[0].mean - means[1].mean)
    assert (found.one.seed_sd, found.other.seed_sd) == pytest.approx([m.seed_sd for m in means])
    assert (found.cases, found.groups) == (80, 30)
    parts = [ask(table, {name: 1.0}) for name in "ab"]
    assert found.value == pytest.approx((parts[0].value + parts[1].value) / 2)
    half = [part.high - part.low for part in parts]  # widths of independent halves add in squares
    assert found.high - found.low == pytest.approx(math.hypot(*half) / 2, rel=0.1)


def test_other_contrasts_beside_it_change_nothing() -> None:
    rng = np.random.default_rng(7)
    table = table_of({m: {"a": rng.random((3, 25))} for m in "mno"})
    m, n, o = table.entries
    (alone,) = differences(table, [Contrast(m, n, ON_A)])
    _, beside = differences(table, [Contrast(o, n, ON_A), Contrast(m, n, ON_A)])
    assert isinstance(alone, Difference)
    assert isinstance(beside, Difference)
    assert (alone.low, alone.high) == pytest.approx((beside.low, beside.high), abs=1e-12)


def test_a_missing_run_on_either_side_leaves_no_number_and_is_named() -> None:
    values = {m: {"a": np.full((2, 4), 0.5), "b": np.full((2, 4), 0.5)} for m in "mn"}
    m, n = table_of(values).entries
    gone = MissingRun(n, 1, "b", "lacks case c0001 (1 in all)")
    table = table_of(values, missing=(gone,))
    asked = [Contrast(m, n, {"a": 0.5, "b": 0.5}), Contrast(n, m, {"b": 1.0}), Contrast(m, n, ON_A)]
    mean, on_b, on_a = differences(table, asked)
    assert mean == on_b == (Missing(n, (gone,)),)
    assert isinstance(on_a, Difference)  # the run is missing on the other test set alone
    both = table_of(
        values, missing=(MissingRun(m, 0, "", "not run"), MissingRun(n, 0, "", "not run"))
    )
    (found,) = differences(both, asked[2:])
    assert isinstance(found, tuple)
    assert [(each.entry, each.runs[0].why) for each in found] == [(m, "not run"), (n, "not run")]


def test_undefined_values_and_no_test_set_are_named() -> None:
    values = {"m": {"a": np.array([[0.5, np.nan]])}, "n": {"a": np.array([[0.5, 0.5]])}}
    table = table_of(values)
    m, n = table.entries
    undefined, nowhere = differences(table, [Contrast(m, n, ON_A), Contrast(n, n, {})])
    assert undefined == (Missing(m, why="dsc undefined in 1 case of a"),)
    assert nowhere == (Missing(n, why="no test set"),) * 2
    assert side(table, n, ON_A) == Side(0.5, pytest.approx(math.nan, nan_ok=True), 1)
    assert side(table, n, ON_A, "iou") == Missing(n, why="iou not scored on a")
