"""Resampled ranks, ties, and rankings under other metrics."""

import math

import numpy as np
import pytest
from made_tables import Made, table_of
from scipy import stats

from benchmark.core.text import letter
from benchmark.statistics.compare import comparisons, holm
from benchmark.statistics.complete_rows import CompleteRows, complete_rows
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.ranking import (
    _taus,
    rankings,
    ranks,
    resample,
    tied_sets,
    told_apart,
)
from benchmark.statistics.stability import AGGREGATIONS, stability

RNG = np.random.default_rng(0)
LEVEL = RNG.beta(5, 2, (1, 60)) * 0.8


def runs(gain: float, seed: int, seeds: int = 5, seed_sd: float = 0.004) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return LEVEL + gain + rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, 0.02, (seeds, 60))


def rows_of(gains: dict[str, float], sets: str = "a", made: Made | None = None) -> CompleteRows:
    values = {
        m: {s: runs(gain, 100 * i + j) for j, s in enumerate(sets)}
        for i, (m, gain) in enumerate(gains.items())
    }
    return complete_rows({"mix": table_of(values, made)}, [f"main/{m}" for m in gains])


def test_a_clear_order_is_found_and_is_sure() -> None:
    found = rankings(rows_of({"x": 0.0, "y": 0.1, "z": 0.05}, "ab"), 500)
    assert set(found) == {"a", "b", MEAN}
    for ranking in found.values():
        assert [row.key for row in ranking.rows] == ["main/y", "main/z", "main/x"]
        assert [(row.rank, row.low, row.high) for row in ranking.rows] == [
            (1, 1, 1), (2, 2, 2), (3, 3, 3),
        ]  # fmt: skip
        assert [(row.first, row.last, row.letters) for row in ranking.rows] == [
            (1, 1, "a"), (2, 2, "b"), (3, 3, "c"),
        ]  # fmt: skip
        assert (ranking.tau, ranking.tau_low) == (1, 1)
        assert ranking.rows[0].shares == (1, 0, 0)


def test_what_cannot_be_told_apart_shares_a_letter() -> None:
    found = rankings(rows_of({"w": 0.0, "x": 0.0005, "y": 0.1, "z": 0.101}), 500)["a"]
    assert [row.ties for row in found.rows] == [(1,), (1,), (2,), (2,)]
    assert [(row.first, row.last) for row in found.rows] == [(1, 2), (1, 2), (3, 4), (3, 4)]
    assert found.rows[0].shares[2:] == (0, 0)
    assert 0.1 < found.rows[0].shares[1] < 0.9
    assert found.tau < 1


def test_shares_are_probabilities_and_scores_are_as_in_the_file() -> None:
    gains = {"x": 0.0, "y": 0.003, "z": 0.002}
    found = rankings(rows_of(gains, "ab"), 400)[MEAN]
    for row in found.rows:
        assert sum(row.shares) == pytest.approx(1)
    assert sum(np.array([row.shares for row in found.rows])) == pytest.approx(1)
    made = Made(columns={"mae": lambda dsc: 1 - dsc})
    values = {m: {"a": runs(g, i)} for i, (m, g) in enumerate(gains.items())}
    table = table_of(values, made)
    up, down = (
        rankings(complete_rows({"x": table}, [f"main/{m}" for m in gains], column), 100)["a"]
        for column in ("dsc", "mae")
    )
    assert [r.key for r in up.rows] == [r.key for r in down.rows]
    assert [r.score for r in down.rows] == pytest.approx([1 - r.score for r in up.rows])
    assert down.column == "mae"


def test_a_tie_shares_its_ranks() -> None:
    same = runs(0.0, 1)
    values = {"x": {"a": same}, "y": {"a": same.copy()}, "z": {"a": runs(-0.2, 3)}}
    found = rankings(complete_rows({"m": table_of(values)}, ["main/x", "main/y", "main/z"]), 200)[
        "a"
    ]
    assert [row.rank for row in found.rows] == [1.5, 1.5, 3]
    assert [row.ties for row in found.rows] == [(1,), (1,), (2,)]


def test_the_seed_level_is_widened_to_the_variance_of_the_mean() -> None:
    seeds = np.array([[0.7], [0.72], [0.77]])
    values = {"x": {"a": seeds + np.zeros((3, 8))}, "y": {"a": np.full((3, 8), 0.7)}}
    whole = complete_rows({"m": table_of(values)}, ["main/x", "main/y"])
    drawn = resample(whole.sets[0], whole.keys, 20_000)[:, 0]
    assert drawn.mean() == pytest.approx(seeds.mean(), abs=1e-3)
    assert drawn.std() == pytest.approx(seeds.std(ddof=1) / math.sqrt(3), rel=0.02)


def test_cases_are_resampled_by_group_and_alike_for_all_rows() -> None:
    one = RNG.random((1, 60))
    values = {"x": {"a": one}, "y": {"a": one + 0.1}}
    groups = {"a": tuple(f"g{i // 10}" for i in range(60))}
    whole = complete_rows(
        {"m": table_of(values, Made(groups=groups, untrained=("x", "y")))}, ["main/x", "main/y"]
    )
    drawn = resample(whole.sets[0], whole.keys, 20_000)
    assert drawn[:, 1] - drawn[:, 0] == pytest.approx(0.1)
    means = one.reshape(6, 10).mean(axis=1)
    assert drawn[:, 0].std() == pytest.approx(means.std() / math.sqrt(6), rel=0.03)


def test_a_seed_keeps_its_luck_on_all_test_sets_of_its_mix() -> None:
    luck = np.array([[-0.1], [0.0], [0.1]])
    values = {m: {"a": luck + np.full((3, 5), 0.5), "b": luck + np.full((3, 4), 0.5)} for m in "xy"}
    keys = ["main/x", "main/y"]
    same = complete_rows({"m": table_of(values)}, keys)
    a, b = (resample(each, same.keys, 2000)[:, 0] for each in same.sets)
    assert a == pytest.approx(b)
    other = complete_rows({"m": table_of(values), "n": table_of(values)}, keys)
    a, b = (resample(each, other.keys, 2000)[:, 0] for each in (other.sets[0], other.sets[2]))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


def test_another_row_changes_no_resample() -> None:
    few, more = rows_of({"x": 0.0, "y": 0.1}), rows_of({"x": 0.0, "y": 0.1, "z": 0.2})
    a, b = (resample(each.sets[0], each.keys, 300) for each in (few, more))
    assert a == pytest.approx(b[:, :2])


def test_ties_are_no_equivalence() -> None:
    """A = B and B = C and A > C: B is tied with both, and A and C are in no common set."""
    found = rankings(rows_of({"a": 0.010, "b": 0.005, "c": 0.0}), 200)["a"]
    assert [(row.title, row.ties, row.letters) for row in found.rows] == [
        ("A", (1,), "a"), ("B", (1, 2), "a b"), ("C", (2,), "b"),
    ]  # fmt: skip


def test_tied_sets_are_all_largest_sets_without_a_pair_apart() -> None:
    rng = np.random.default_rng(5)
    for k in (1, 2, 5, 9):
        upper = np.triu(rng.random((k, k)) < 0.4, 1)
        apart = upper | upper.T
        sets = tied_sets(apart)
        assert sets == sorted(set(sets))
        for rows in sets:
            assert not apart[np.ix_(rows, rows)].any()
            others = [row for row in range(k) if row not in rows]
            assert all(apart[row, list(rows)].any() for row in others)
        for i in range(k):
            for j in range(i + 1, k):  # a common set exactly where not told apart
                assert any({i, j} <= set(rows) for rows in sets) == (not apart[i, j])
    assert tied_sets(np.zeros((3, 3), dtype=bool)) == [(0, 1, 2)]
    assert tied_sets(~np.eye(2, dtype=bool)) == [(0,), (1,)]
    assert [letter(n) for n in (1, 26, 27, 52, 53)] == ["a", "z", "aa", "az", "ba"]


def test_pairs_are_told_apart_by_the_headline_test() -> None:
    gains = {"x": 0.0, "y": 0.006, "z": 0.02}
    values = {m: {s: runs(g, i + j) for j, s in enumerate("ab", 5)}
              for i, (m, g) in enumerate(gains.items())}  # fmt: skip
    table = table_of(values)
    whole = complete_rows({"m": table}, [f"main/{m}" for m in gains])
    p = {}
    for i, focus in enumerate(table.entries):
        for each in comparisons(table, focus, table.entries[i + 1 :]):
            p[each.dataset, i, table.entries.index(each.other)] = each.p
    for name, weights in (("a", [1, 0]), ("b", [0, 1]), (MEAN, whole.weights)):
        found = told_apart(whole, np.array(weights, dtype=float))
        pairs = [(0, 1), (0, 2), (1, 2)]
        adjusted = holm([p[name, i, j] for i, j in pairs])
        assert [bool(found[i, j]) for i, j in pairs] == [each < 0.05 for each in adjusted]


def test_one_group_of_cases_tells_nothing_apart() -> None:
    made = Made(groups={"a": ("g",) * 60})
    with np.errstate(all="raise"):
        found = rankings(rows_of({"x": 0.0, "y": 0.5}, "a", made), 50)["a"]
    assert [(row.first, row.last, row.ties) for row in found.rows] == [(1, 2, (1,))] * 2


def test_rows_that_are_never_trained_are_told_apart_by_their_cases() -> None:
    values = {m: {"a": runs(gain, i, 1)} for i, (m, gain) in enumerate((("x", 0.0), ("y", 0.1)))}
    whole = complete_rows({"m": table_of(values, Made(untrained=("x", "y")))}, ["main/x", "main/y"])
    assert told_apart(whole, np.array([1.0])).tolist() == [[False, True], [True, False]]


def test_one_row_or_none_has_no_ranking_and_says_why() -> None:
    for gains in ({"x": 0.0}, {}):
        for ranking in rankings(rows_of({**gains}), 50).values():
            assert (ranking.rows, ranking.why) == ((), "fewer than two rows are complete")


def test_ranks_share_and_round() -> None:
    assert ranks(np.array([[0.3, 0.5, 0.5 + 1e-15, 0.1]])).tolist() == [[3, 1.5, 1.5, 4]]


def test_stability_by_hand() -> None:
    # x has the better mean, y the better median and more cases
    x, y = np.array([[0.9, 0.5, 0.5]]), np.array([[0.0, 0.6, 0.6]])
    made = Made(untrained=("x", "y"), columns={"mae": lambda dsc: dsc})
    table = table_of({"x": {"a": x}, "y": {"a": y}}, made)
    found = stability({"m": table}, ["main/x", "main/y"], ("dsc", "mae"))
    by_name = {(v.column, v.aggregation): v for v in found.variants}
    assert found.variants[0].label == "dsc, mean over cases"
    assert by_name["dsc", "mean"].ranks == (1, 2)
    assert by_name["dsc", "median"].ranks == (2, 1)
    assert by_name["dsc", "cases"].ranks == (2, 1)
    assert by_name["dsc", "worst"].ranks == (1, 2)
    assert by_name["mae", "mean"].ranks == (2, 1)  # less is better
    assert [v.tau for v in found.variants[:2]] == [1, -1]
    assert (found.best, found.worst) == ((1, 1), (2, 2))
    assert len(found.variants) == 2 * len(AGGREGATIONS)


def test_stability_over_two_test_sets() -> None:
    # means: x 0.9, 0.2; y 0.5, 0.5; z 0.4, 0.4
    means = {"x": (0.9, 0.2), "y": (0.5, 0.5), "z": (0.4, 0.4)}
    values = {m: {"a": np.full((1, 3), a), "b": np.full((1, 3), b)} for m, (a, b) in means.items()}
    table = table_of(values, Made(untrained=tuple(means)))
    found = stability({"m": table}, [f"main/{m}" for m in means], ("dsc",))
    by_name = {v.aggregation: v for v in found.variants}
    assert by_name["mean"].ranks == (1, 2, 3)
    assert by_name["ranks"].ranks == (2, 1, 3)  # x 1 and 3, y 2 and 1, z 3 and 2
    assert by_name["worst"].ranks == (3, 1, 2)
    assert by_name["worst"].tau == pytest.approx(stats.kendalltau((1, 2, 3), (3, 1, 2)).statistic)


def test_stability_without_two_whole_rows_or_a_column() -> None:
    table = table_of({"x": {"a": runs(0, 1)}, "y": {"a": runs(0, 2, 2)}})
    found = stability({"m": table}, ["main/x", "main/y"])
    assert (found.variants, found.keys) == ((), ("main/x",))
    assert ("Y", "2 seeds, no method-level claim below 3") in found.excluded
    assert ("iou", "iou not scored on a") in found.excluded


def test_all_rows_equal_have_no_tau() -> None:
    same = {m: {"a": np.full((3, 4), 0.5)} for m in "xy"}
    found = stability({"m": table_of(same)}, ["main/x", "main/y"], ("dsc",))
    assert found.variants[0].why == "all rows are equal"
    assert math.isnan(found.variants[0].tau)


def test_tau_by_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.statistics.ranking.CHUNK", 7)  # the last piece is shorter
    rng = np.random.default_rng(3)
    point = np.sort(rng.random(6))[::-1]
    point[2] = point[1] + 2e-13  # equal after rounding to twelve digits
    samples = np.round(rng.random((20, 6)), 1)
    one, other = np.triu_indices(6, 1)
    own, drawn = (np.sign(np.round(x[..., one] - x[..., other], 12)) for x in (point, samples))
    assert _taus(point, samples).tolist() == (drawn @ own / len(one)).tolist()


def test_rows_of_other_numbers_of_seeds_are_told_apart_as_pairs_are() -> None:
    values = {m: {"a": runs(gain, k, seeds)} for k, (m, gain, seeds) in enumerate(
        [("w", 0.0, 5), ("x", 0.004, 3), ("y", 0.008, 4), ("z", 0.05, 5)])}  # fmt: skip
    table = table_of(values)
    whole = complete_rows({"mix": table}, [entry.key for entry in table.entries])
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    p = [
        next(c.p for c in comparisons(table, table.entries[i], [table.entries[j]]))
        for i, j in pairs
    ]
    found = told_apart(whole, np.array([1.0]))
    assert [bool(found[pair]) for pair in pairs] == [each < 0.05 for each in holm(p)]
