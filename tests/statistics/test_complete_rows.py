"""Which rows are whole, over one mix or several; the signed-rank test on them."""

import math

import numpy as np
import pytest
from made_tables import Made, oracle, table_of

from benchmark.statistics.complete_rows import complete_rows
from benchmark.statistics.signed_rank import ROPE, probabilities, signed_ranks

RNG = np.random.default_rng(0)
KEYS = ("main/m", "main/n")


def two(seeds: int = 3) -> dict[str, dict[str, np.ndarray]]:
    return {m: {"a": RNG.random((seeds, 5)), "b": RNG.random((seeds, 7))} for m in "mn"}


def test_whole_rows_are_in_with_their_values_and_weights() -> None:
    values = {m: {s: RNG.random((3, 4)) for s in "abc"} for m in "mn"}
    made = Made(modalities={"a": "x", "b": "x", "c": "y"})
    found = complete_rows({"mix": table_of(values, made)}, KEYS)
    assert (found.keys, found.titles, found.incomplete) == (KEYS, ("M", "N"), ())
    assert [each.name for each in found.sets] == ["a", "b", "c"]
    assert found.weights == (0.25, 0.25, 0.5)
    assert found.means()[2, 1] == pytest.approx(values["n"]["c"].mean())


def test_less_is_better_changes_the_sign() -> None:
    table = table_of(two(), Made(columns={"mae": lambda dsc: dsc / 2}))
    up, down = complete_rows({"x": table}, KEYS), complete_rows({"x": table}, KEYS, "mae")
    assert down.means() == pytest.approx(-up.means() / 2)


def test_several_mixes_stand_side_by_side() -> None:
    found = complete_rows({"x": table_of(two()), "y": table_of(two(4))}, KEYS)
    assert [each.name for each in found.sets] == ["x: a", "x: b", "y: a", "y: b"]
    assert found.weights == (0.25,) * 4
    assert [values.shape for values in found.sets[3].values] == [(4, 7)] * 2


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (Made(missing=(("n", 1, "", "not run"),)), "seed 1: not run"),
        (Made(missing=(("n", 2, "b", "lacks case x"),)), "seed 2 on b: lacks case x"),
    ],
)
def test_a_row_with_a_missing_run_is_named(made: Made, why: str) -> None:
    found = complete_rows({"x": table_of(two(), made)}, KEYS)
    assert (found.keys, found.incomplete) == (("main/m",), (("N", why),))


def test_too_few_seeds_and_what_is_not_planned_are_named() -> None:
    few = complete_rows({"x": table_of(two(2), Made(untrained=("m",)))}, (*KEYS, "main/gone"))
    assert few.keys == ("main/m",)
    assert few.incomplete == (
        ("N", "2 seeds, no method-level claim below 3"),
        ("main/gone", "not planned on x"),
    )
    other = {m: {"a": RNG.random((3, 4))} for m in "m"}
    apart = complete_rows({"x": table_of(two()), "y": table_of(other)}, KEYS)
    assert apart.incomplete == (("N", "not planned on y"),)


@pytest.mark.parametrize("case", oracle("signed rank, baycomp"), ids=lambda c: c["differences"][0])
def test_the_signed_rank_test_agrees_with_baycomp(case: dict[str, list[float]]) -> None:
    """200,000 draws there, 50,000 here: three standard errors of the difference are 0.0075."""
    found = probabilities(np.array(case["differences"]), 0.01, 50_000)
    assert found == pytest.approx(case["probabilities"], abs=0.0075)
    assert sum(found) == pytest.approx(1)


def test_the_reverse_question_has_the_reverse_answer() -> None:
    z = np.array([0.03, -0.04, 0.002, -0.001, 0.015, -0.022])
    worse, equal, better = probabilities(z, ROPE, 20_000)
    back = probabilities(-z, ROPE, 20_000)
    assert back == pytest.approx((better, equal, worse), abs=0.02)


def test_one_row_against_others_over_two_mixes() -> None:
    base = two()
    base["f"] = {name: values + 0.05 for name, values in base["m"].items()}
    tables = {mix: table_of(base) for mix in ("x", "y")}
    m, n = signed_ranks(tables, "main/f", ("main/f", "main/m", "main/n"))
    assert (m.other, m.title, n.title) == ("main/m", "M", "N")
    assert m.differences == pytest.approx((0.05,) * 4)
    assert m.better > 0.95
    assert m.sets == ("x: a", "x: b", "y: a", "y: b")


def test_a_missing_run_or_a_single_test_set_has_no_probability() -> None:
    gone = table_of(two(), Made(missing=(("n", 1, "b", "not scored"),)))
    (found,) = signed_ranks({"x": gone}, "main/m", ("main/n",))
    assert (found.why, found.title) == ("N: seed 1 on b: not scored", "N")
    assert math.isnan(found.better)
    single = table_of({m: {"a": RNG.random((3, 4))} for m in "mn"})
    (alone,) = signed_ranks({"x": single}, "main/m", ("main/n",))
    assert alone.why == "fewer than two test sets"
