"""Focus against others: Holm, verdicts, effect, the paired Wilcoxon, and what is missing."""

import math

import numpy as np
import pytest
from made_tables import Made, oracle, table_of
from scipy import stats

from benchmark.statistics.compare import Comparison, comparisons, holm
from benchmark.statistics.crossed import Grouping, Part, estimate
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.table import ScoreTable
from benchmark.statistics.wilcoxon import COMMON_PRACTICE, paired_wilcoxon, wilcoxon

RNG = np.random.default_rng(0)
LEVEL = RNG.beta(5, 2, (1, 80)) * 0.8


def runs(gain: float, seeds: int = 5, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return LEVEL + gain + rng.normal(0, 0.004, (seeds, 1)) + rng.normal(0, 0.03, (seeds, 80))


def compare(table: ScoreTable, column: str = "dsc") -> dict[tuple[str, str], Comparison]:
    found = comparisons(table, table.entries[0], table.entries, column)
    return {(each.other.name, each.dataset): each for each in found}


@pytest.mark.parametrize("case", oracle("holm, statsmodels"), ids=lambda c: str(len(c["p"])))
def test_holm_agrees_with_statsmodels(case: dict[str, list[float]]) -> None:
    assert holm(case["p"]) == pytest.approx(case["holm"], rel=1e-9)


def test_holm_counts_what_has_no_p() -> None:
    found = holm([0.01, math.nan, 0.02])
    assert found[0] == pytest.approx(0.03)
    assert found[2] == pytest.approx(0.04)
    assert math.isnan(found[1])
    assert holm([]) == []


def test_numbers_are_those_of_the_crossed_t() -> None:
    one, other = runs(0.02), runs(0.0, 3, 2)
    found = compare(table_of({"f": {"a": one}, "m": {"a": other}}))["m", "a"]
    grouping = Grouping.of([str(i) for i in range(1000, 1080)])
    own = estimate([Part(one, other, grouping)], (True, True))
    low, high = own.limits(0.95)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert (found.low, found.high) == pytest.approx((float(low), float(high)))
    assert (found.t, found.p) == pytest.approx(tuple(map(float, own.p())))
    assert (found.p_holm, found.seeds) == (found.p, (5, 3))
    assert found.verdict == "better"
    assert found.false_claim == pytest.approx(found.p / 2)


def test_holm_is_within_a_test_set_and_the_focus_is_no_row() -> None:
    gains = {"f": 0.02, "m": 0.0, "n": 0.015, "o": 0.019}
    values = {
        m: {s: runs(gain, seed=k) for k, s in enumerate("ab", 10 * i)}
        for i, (m, gain) in enumerate(gains.items())
    }
    found = compare(table_of(values))
    assert len(found) == 3 * 3  # a, b and the mean
    for name in ("a", "b", MEAN):
        family = [found[m, name] for m in "mno"]
        assert [each.p_holm for each in family] == pytest.approx(holm([e.p for e in family]))
    assert found["m", "a"].verdict == "better"


def test_less_is_better_for_mae() -> None:
    made = Made(columns={"mae": lambda dsc: 1 - dsc})
    table = table_of({"f": {"a": runs(0.03)}, "m": {"a": runs(0.0, 5, 2)}}, made)
    dsc, mae = compare(table)["m", "a"], compare(table, "mae")["m", "a"]
    assert (dsc.verdict, mae.verdict) == ("better", "better")
    assert mae.value == pytest.approx(-dsc.value)
    assert mae.wins == pytest.approx(dsc.wins)
    back = compare(table_of({"f": {"a": runs(0.0, 5, 2)}, "m": {"a": runs(0.03)}}))["m", "a"]
    assert back.verdict == "worse"


def test_effect_and_wins_by_hand() -> None:
    # differences 0.1, -0.1, 0, 0.4: mean 0.1, SD sqrt((0 + 4 + 1 + 9) / 3) / 10; 2.5 of 4 won
    one = np.array([[0.6, 0.4, 0.5, 0.9]])
    made = Made(untrained=("f", "m"))
    found = compare(table_of({"f": {"a": one}, "m": {"a": np.full((1, 4), 0.5)}}, made))["m", "a"]
    assert found.effect == pytest.approx(0.1 / (math.sqrt(14 / 3) / 10))
    assert found.wins == pytest.approx(0.625)
    assert found.seeds == (1, 1)
    assert found.verdict == "undecided"  # no seeds needed


def test_the_published_probability_of_a_false_claim() -> None:
    """100 cases, a gap of 1 point, SD 12 points each, r = 0.6: 0.18 by the closed form."""
    x, y = np.linalg.qr(np.column_stack([np.ones(100), RNG.normal(size=(100, 2))]))[0][:, 1:].T
    x, y = (each * math.sqrt(99) * 0.12 for each in (x, y))  # mean 0, SD 0.12, no correlation
    one, other = 0.81 + x, 0.80 + 0.6 * x + 0.8 * y
    made = Made(untrained=("f", "m"))
    found = compare(table_of({"f": {"a": one[None]}, "m": {"a": other[None]}}, made))["m", "a"]
    closed = stats.t.sf(math.sqrt(100) * 0.01 / (0.12 * math.sqrt(2 - 1.2)), 99)
    assert found.false_claim_cases == pytest.approx(closed)
    assert round(found.false_claim_cases, 2) == 0.18
    assert found.false_claim == pytest.approx(closed)  # no seed term: the same


def test_seeds_make_a_false_claim_likelier_than_cases_alone_say() -> None:
    one, other = (LEVEL + np.array([[-0.03], [0.0], [d]]) for d in (0.04, 0.03))
    one = one + RNG.normal(0, 0.001, (3, 80))
    found = compare(table_of({"f": {"a": one}, "m": {"a": other}}))["m", "a"]
    assert found.false_claim_cases < 0.001
    assert found.false_claim > 0.3
    assert found.wilcoxon is not None
    assert found.wilcoxon.p < 0.001  # and the paired Wilcoxon calls it a discovery
    assert found.verdict == "undecided"


def test_the_paired_wilcoxon_is_that_of_scipy() -> None:
    one, other = RNG.random((3, 60)), RNG.random((2, 60))
    found = paired_wilcoxon(one, other)
    single = [stats.wilcoxon(a, b, method="approx").pvalue for a in one for b in other]
    assert found.p == pytest.approx(stats.wilcoxon(one.mean(0), other.mean(0), method="approx")[1])
    assert (found.p_low, found.p_high) == pytest.approx((min(single), max(single)))
    assert "no verdict" in COMMON_PRACTICE


def test_the_paired_wilcoxon_without_any_difference_is_one() -> None:
    assert wilcoxon(np.zeros((2, 5))).tolist() == [1, 1]
    assert wilcoxon(np.array([[0.0, 0.1, 0.2, -0.05, 0.4, 0.3, 0.2]]))[0] == pytest.approx(
        stats.wilcoxon([0.1, 0.2, -0.05, 0.4, 0.3, 0.2], method="approx").pvalue
    )


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_on_either_side_make_no_claim(seeds: int) -> None:
    for counts in ((seeds, 5), (5, seeds)):
        one, other = (runs(g, s, s) for g, s in zip((0.3, 0.0), counts, strict=True))
        found = compare(table_of({"f": {"a": one}, "m": {"a": other}}))["m", "a"]
        assert (found.verdict, found.value) == ("no claim", pytest.approx(0.3, abs=0.02))
        assert "no method-level claim below 3" in found.why
        assert all(math.isnan(x) for x in (found.low, found.p, found.p_holm, found.false_claim))


def test_a_zero_shot_row_is_exempt() -> None:
    values = {"f": {"a": runs(0.02)}, "m": {"a": runs(0.0, 1)}}
    assert compare(table_of(values, Made(untrained=("m",))))["m", "a"].verdict == "better"
    assert compare(table_of(values))["m", "a"].verdict == "no claim"


def test_a_missing_run_leaves_no_number_and_the_others_stand() -> None:
    values = {m: {"a": runs(0.0, seed=i), "b": runs(0.0, seed=i)} for i, m in enumerate("fmn")}
    found = compare(table_of(values, Made(missing=(("m", 2, "b", "lacks case c0001"),))))
    assert found["m", "a"].verdict == "undecided"
    for name in ("b", MEAN):
        gone = found["m", name]
        assert (gone.verdict, gone.missing[0].runs[0].why) == ("missing", "lacks case c0001")
        assert math.isnan(gone.value)
        assert found["n", name].p_holm == pytest.approx(min(1, 2 * found["n", name].p))


def test_identical_methods_all_equal_values_and_one_case() -> None:
    same = runs(0.0)
    twin = compare(table_of({"f": {"a": same}, "m": {"a": same.copy()}}))["m", "a"]
    assert (twin.value, twin.p, twin.wins, twin.effect) == (0, 1, 0.5, 0)
    level = {"f": {"a": np.full((3, 9), 0.8)}, "m": {"a": np.full((3, 9), 0.7)}}
    flat = compare(table_of(level))["m", "a"]
    assert (flat.value, flat.low, flat.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (flat.verdict, flat.why) == ("undecided", "nothing varies, so no test can weigh it")
    assert math.isnan(flat.p_holm)
    single = {"f": {"a": np.full((3, 1), 0.8)}, "m": {"a": np.full((3, 1), 0.7)}}
    one = compare(table_of(single))["m", "a"]
    assert (one.value, one.verdict) == (pytest.approx(0.1), "no claim")
    assert one.why == "one group of cases: their spread is unknown"


def test_undefined_values_are_named() -> None:
    made = Made(columns={"hd95_px": lambda dsc: np.where(dsc > dsc.min(), dsc, np.nan)})
    table = table_of({"f": {"a": runs(0.0)}, "m": {"a": runs(0.0)}}, made)
    found = compare(table, "hd95_px")["m", "a"]
    assert found.verdict == "missing"
    assert "undefined" in found.missing[0].why


def test_groups_count_and_not_cases() -> None:
    rng = np.random.default_rng(5)
    gain = np.repeat(rng.normal(0.01, 0.03, 8), 10)
    values = {"f": {"a": runs(0.0) + gain}, "m": {"a": runs(0.0, seed=9)}}
    groups = tuple(f"g{i // 10}" for i in range(80))
    by_case = compare(table_of(values))["m", "a"]
    by_group = compare(table_of(values, Made(groups={"a": groups})))["m", "a"]
    assert by_group.groups == 8
    assert by_group.se > 1.5 * by_case.se
