"""Each kind of predicate on made scores, and the file of claims itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made import SETS, begun_from, card, params, results_of
from support import ROOT, mixseg

from benchmark.claims.judge import Judged, judge, quantity_rows, summary
from benchmark.claims.quantity import Quantity, combined, whole
from benchmark.claims.spec import CLAIMS, Claim, load_claims
from benchmark.claims.text import claims_text
from benchmark.core.errors import ParamsError
from benchmark.core.params import load_params
from benchmark.methods.discover import cards
from benchmark.statistics.results import MixResults

NO_WINNER = {"a": 0.80, "b": 0.80, "z": 0.60}


def claim(*predicates: dict[str, Any], **more: Any) -> Claim:
    about = {"id": "it", "paper": "MMSNet", "source": "tests", "sentence": "It is so.",
             "mixes": ["mix1"], "predicates": list(predicates), **more}  # fmt: skip
    return Claim.model_validate(about)


def ask(results: MixResults, *predicates: dict[str, Any], **more: Any) -> Judged:
    (found,) = judge([claim(*predicates, **more)], results)
    return found


def better(one: str, *than: str, **more: Any) -> dict[str, Any]:
    return {"kind": "better", "one": [one], "than": list(than), **more}


def no_better(one: str, *than: str, **more: Any) -> dict[str, Any]:
    return {**better(one, *than, **more), "kind": "no better"}


# ---- pairs


def test_better_by_far_is_supported_and_the_reverse_contradicted() -> None:
    results = results_of({"a": 0.85, "b": 0.75})
    found = ask(results, better("a", "b"))
    assert (found.verdict, found.reads, found.scope) == ("supported", "supported", "")
    assert [quantity.where.split()[0] for quantity in found.quantities] == list(SETS.values())
    first = found.quantities[0]
    assert first.what == "A − B"
    assert first.value == pytest.approx(0.1, abs=0.01)
    assert first.low is not None
    assert first.high is not None
    assert 0 < first.low < first.value < first.high
    assert first.note == "4 and 4 seeds, 40 cases"
    assert first.text().startswith("+")
    assert "points [" in first.text()
    back = ask(results, better("b", "a"))
    assert back.verdict == "contradicted"
    assert back.quantities[0].value == pytest.approx(-first.value)
    assert back.quantities[0].text().startswith("−")


def test_equal_methods_are_undecided() -> None:
    assert ask(results_of(NO_WINNER), better("a", "b", where=["mean"])).verdict == "undecided"


def test_one_pair_the_other_way_round_contradicts_all_and_not_most() -> None:
    results = results_of({"a": 0.85, "b": {"f": 0.75, "c": 0.75, "u": 0.75, "d": 0.95}})
    assert ask(results, better("a", "b")).verdict == "contradicted"
    assert ask(results, better("a", "b", need="most")).verdict == "supported"
    assert ask(results, better("a", "b", where=["fundus", "ultrasound"])).verdict == "supported"
    split = results_of({"a": 0.85, "b": {"f": 0.75, "c": 0.75, "u": 0.95, "d": 0.95}})
    assert ask(split, better("a", "b", need="most")).verdict == "undecided"


def test_for_distances_less_is_better() -> None:
    results = results_of({"a": 0.85, "b": 0.75})
    found = ask(results, better("a", "b", metric="assd_px"))
    assert found.verdict == "supported"
    assert found.quantities[0].value == pytest.approx(-1, abs=0.1)
    assert found.quantities[0].text().endswith("]")
    assert " px [" in found.quantities[0].text()
    assert ask(results, no_better("a", "b", metric="assd_px")).verdict == "contradicted"


def test_cases_without_a_distance_are_not_compared_and_counted() -> None:
    results = results_of({"a": 0.85, "b": 0.75})
    results.table.runs["main/a", 1].scores["f"].values["assd_px"][3] = np.nan
    found = ask(results, better("a", "b", metric="assd_px", where=["fundus"]))
    assert found.verdict == "supported"
    assert "39 cases" in found.quantities[0].note
    assert "without 1 case that has no value" in found.quantities[0].note


def test_two_seeds_make_no_claim_and_three_do_unless_more_are_asked() -> None:
    two, three = (results_of({"a": 0.85, "b": 0.75}, seeds=n) for n in (2, 3))
    few = ask(two, better("a", "b"), no_better("b", "a"))
    assert few.verdict == "undecided"
    assert "2 seeds" in few.quantities[0].note
    assert few.quantities[0].low is None
    assert ask(three, better("a", "b")).verdict == "supported"
    five = ask(three, better("a", "b"), seeds=5)
    assert five.verdict == "undecided"
    assert "claim needs 5" in five.quantities[0].note


def test_what_never_trains_needs_no_seeds() -> None:
    results = results_of({"a": 0.85, "b": 0.75}, seeds=1)
    table = results.table
    fixed = {entry: replace(entry, trained=False) for entry in table.entries}
    runs = {key: replace(run, entry=fixed[run.entry]) for key, run in table.runs.items()}
    still = replace(table, entries=tuple(fixed.values()), runs=runs)
    assert ask(replace(results, table=still), better("a", "b")).verdict == "supported"


def test_no_better_needs_an_interval_below_the_margin() -> None:
    results = results_of({**NO_WINNER, "ahead": 0.83})
    mean = {"where": ["mean"]}
    assert ask(results, no_better("a", "b", margin=0.05, **mean)).verdict == "supported"
    assert ask(results, no_better("a", "b", margin=0.0001, **mean)).verdict == "undecided"
    assert ask(results, no_better("z", "a", **mean)).verdict == "supported"  # it is worse
    assert ask(results, no_better("ahead", "a", margin=0.5, **mean)).verdict == "contradicted"


def test_the_modality_stands_in_a_name() -> None:
    singles = {f"a-{modality}": 0.9 for modality in SETS.values()}
    found = ask(results_of({"a": 0.8, **singles}), better("a-{modality}", "a"))
    assert found.verdict == "supported"
    assert [quantity.what for quantity in found.quantities][:2] == [
        "A-FUNDUS − A",
        "A-COLONOSCOPY − A",
    ]


# ---- what is missing


def test_an_unplanned_method_is_not_run_and_named() -> None:
    found = ask(results_of({"a": 0.8}), better("a", "ghost"))
    assert (found.verdict, found.scope) == ("not run", "")
    assert found.why == "Not run: ghost is not planned on this mix."
    assert found.quantities[0].value is None
    assert found.quantities[0].text() == "–"


def test_a_missing_run_is_never_averaged_over() -> None:
    results = results_of({"a": 0.85, "b": 0.75}, missing=(("b", 2),))
    found = ask(results, better("a", "b"))
    assert found.verdict == "not run"
    assert "b, seeds 2: not run" in found.why


def test_part_of_the_evidence_decides_only_against() -> None:
    results = results_of({"a": 0.85, "b": 0.75, "c": 0.95})
    assert ask(results, better("a", "b", "ghost")).verdict == "undecided"
    assert ask(results, better("a", "c", "ghost")).verdict == "contradicted"


def test_a_modality_without_a_test_set_is_not_run() -> None:
    found = ask(results_of({"a": 0.85, "b": 0.75}), better("a", "b", where=["cardiac"]))
    assert found.verdict == "not run"
    assert "no test set of cardiac" in found.why


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["supported", "supported"], "supported"),
        (["supported", "undecided"], "undecided"),
        (["supported", "not run"], "undecided"),
        (["not run", "not run"], "not run"),
        (["not run", "contradicted"], "contradicted"),
        (["supported", "contradicted"], "contradicted"),
    ],
)
def test_parts_and_whole(parts: list[Any], whole: str) -> None:
    assert combined(parts) == whole


def quantity(verdict: Any, p: float | None) -> Quantity:
    return Quantity("x", "", "dsc", 0.0, 0.0, 0.0, verdict, "", p)


def test_one_part_of_many_against_must_survive_holm() -> None:
    rest = [quantity("undecided", 0.5) for _ in range(9)]
    assert whole([quantity("contradicted", 0.004), *rest]) == "contradicted"  # 10 * 0.004 = 0.04
    assert whole([quantity("contradicted", 0.006), *rest]) == "undecided"
    assert whole([quantity("contradicted", 0.04)]) == "contradicted"
    # those that hold are rejected first: of ten, nine with tiny p leave the last uncorrected
    held = [quantity("supported", 1e-9) for _ in range(9)]
    assert whole([quantity("contradicted", 0.04), *held]) == "contradicted"
    assert whole([quantity("contradicted", None), *rest]) == "contradicted"  # a count has no p


# ---- orders, levels, strata


def test_a_rising_order_and_a_broken_one() -> None:
    results = results_of({"a": 0.6, "b": 0.7, "c": 0.8})
    rising = {"kind": "rising", "order": ["a", "b", "c"]}
    found = ask(results, rising)
    assert found.verdict == "supported"
    assert [quantity.what for quantity in found.quantities] == ["B − A", "C − B"]
    assert ask(results, {**rising, "order": ["a", "c", "b"]}).verdict == "contradicted"


def test_ends_the_wrong_way_round_contradict_where_neighbours_decide_nothing() -> None:
    results = results_of({"a": 0.8055, "b": 0.8020, "c": 0.800})
    found = ask(results, {"kind": "rising", "order": ["a", "b", "c"]})
    parts = {quantity.what: quantity.verdict for quantity in found.quantities}
    assert parts == {"B − A": "undecided", "C − A": "contradicted", "C − B": "undecided"}
    assert found.verdict == "contradicted"


def test_easier_modalities() -> None:
    levels = {"f": 0.9, "d": 0.88, "c": 0.7, "u": 0.6}
    easier = {"kind": "easier", "of": ["a"], "high": ["fundus", "dermoscopy"],
              "low": ["colonoscopy", "ultrasound"]}  # fmt: skip
    found = ask(results_of({"a": levels}), easier)
    assert found.verdict == "supported"
    assert len(found.quantities) == 4
    first = found.quantities[0]
    assert first.value == pytest.approx(0.2, abs=0.01)
    assert first.low is not None
    assert 0 < first.low < 0.2
    assert first.p is not None
    assert first.p < 1e-6
    assert ask(results_of({"a": {**levels, "c": 0.99}}), easier).verdict == "contradicted"
    assert ask(results_of({"a": {**levels, "c": 0.88}}), easier).verdict == "undecided"
    assert ask(results_of({"a": levels}, seeds=2), easier).verdict == "undecided"


def test_small_lesions_are_the_smallest_of_each_test_set() -> None:
    results = results_of({"a": 0.8})
    small = {"kind": "small lesions", "of": ["a"], "where": ["fundus"], "share": 0.25}
    for run in results.table.runs.values():
        run.scores["f"].values["dsc"][:10] -= 0.2  # foreground rises with the case
    found = ask(results, small)
    assert found.verdict == "supported"
    assert found.quantities[0].what == "A: other cases − 10 smallest"
    assert found.quantities[0].note == "4 seeds, 30 and 10 cases"
    assert found.quantities[0].value == pytest.approx(0.2, abs=0.06)
    for run in results.table.runs.values():
        run.scores["f"].values["dsc"][:10] += 0.4
    assert ask(results, small).verdict == "contradicted"


def test_part_of_a_table_keeps_the_cases_asked_for() -> None:
    results = results_of({"a": 0.8})
    kept = np.arange(40) % 2 == 0
    table = results.table.cases({"f": kept})
    (entry,) = table.entries
    values, whole = table.values(entry, "f", "dsc"), results.table.values(entry, "f", "dsc")
    assert values is not None
    assert whole is not None
    assert np.array_equal(values, whole[:, kept])
    assert table.sets[0].cases == results.table.sets[0].cases[::2]
    assert table.sets[1] == results.table.sets[1]


# ---- counts, scope, output


def with_counts(**counts: int) -> MixResults:
    cards = {
        name: card(name, parameters={"total": n, "trainable": n}) for name, n in counts.items()
    }
    return replace(results_of({"a": 0.8}), cards=cards)


def test_parameters_as_printed_and_exactly() -> None:
    asked = {"kind": "parameters", "method": "p", "printed": "7.51M", "exactly": 7508403}
    found = ask(with_counts(p=7508403), asked)
    assert (found.verdict, found.quantities[0].text()) == ("supported", "7,508,403")
    assert ask(with_counts(p=7508404), asked).verdict == "contradicted"
    assert ask(with_counts(p=7514999), {**asked, "exactly": None}).verdict == "supported"
    assert ask(with_counts(p=7515001), {**asked, "exactly": None}).verdict == "contradicted"
    assert ask(with_counts(q=1), asked).verdict == "not run"


def test_parameters_that_grow() -> None:
    asked = {"kind": "parameters grow", "order": ["a", "b", "c"]}
    assert ask(with_counts(a=1, b=2, c=3), asked).verdict == "supported"
    assert ask(with_counts(a=1, b=3, c=3), asked).verdict == "contradicted"
    assert ask(with_counts(a=1, b=2), asked).verdict == "undecided"


def test_neighbours_alone_are_compared_and_one_without_a_card_is_not_run() -> None:
    """Of three methods there are two comparisons; none says anything without both counts."""
    asked = {"kind": "parameters grow", "order": ["a", "b", "c"]}
    found = ask(with_counts(a=1, b=2, c=3), asked)
    assert [(one.what, one.value, one.note) for one in found.quantities] == [
        ("B", 2, "A has 1"), ("C", 3, "B has 2"),
    ]  # fmt: skip
    assert found.why == "Of 2 parts: 2 supported."
    gap = ask(with_counts(a=5, c=1), asked)
    assert [(one.verdict, one.value) for one in gap.quantities] == [("not run", None)] * 2
    assert gap.verdict == "not run"
    assert "b has no card" in gap.why
    last = ask(with_counts(a=1, b=2), asked)
    assert [one.verdict for one in last.quantities] == ["supported", "not run"]


def test_training_cases_of_the_mix_that_is_meant() -> None:
    asked = {"kind": "training cases", "mix": "mix1", "exactly": 12}
    data = {"datasets": {"x": {"train": 6, "val": 1}, "y": {"train": 5, "val": 0}}}
    results = replace(results_of({"a": 0.8}), data=data)
    assert ask(results, asked).verdict == "supported"
    assert ask(results, {**asked, "exactly": 11}).verdict == "contradicted"
    assert ask(replace(results, name="mix2", params=params("mix2")), asked).verdict == "not run"
    assert ask(replace(results, data={}), asked).verdict == "not run"


def test_other_data_synthetic_images_and_random_weights_are_said() -> None:
    results = results_of({"a": 0.85, "b": 0.75}, mix="open")
    assert ask(results, better("a", "b")).scope == "on other data than the paper's"
    assert ask(results, better("a", "b"), mixes=[]).scope == ""
    sets = tuple(replace(each, name=f"phantom-{each.name}") for each in results.table.sets)
    synthetic = replace(results, table=replace(results.table, sets=sets))
    assert synthetic.synthetic
    assert not results.synthetic
    for method in "ab":
        begun_from(results, method, "random")
    assert ask(results, better("a", "b")).scope.endswith("; from random weights")


def test_a_row_from_random_weights_is_not_compared_with_a_pretrained_one() -> None:
    results = results_of({"a": 0.85, "b": 0.75, "c": 0.65})
    begun_from(results, "b", "random")
    found = ask(results, better("a", "b", where=["mean"]), no_better("c", "b", where=["mean"]))
    assert (found.verdict, {one.verdict for one in found.quantities}) == ("not run", {"not run"})
    assert (
        "not compared: A started from pretrained weights, B started from random weights"
        in found.why
    )
    assert ask(results, better("a", "c")).verdict == "supported"
    begun_from(results, "b", "none")  # it has no pretrained weights: as its authors publish it
    assert ask(results, better("a", "b")).verdict == "supported"
    begun_from(results, "b", "random")
    begun_from(results, "a", "random")
    assert ask(results, better("a", "b")).verdict == "supported"


def test_rows_and_summary() -> None:
    results = results_of({"a": 0.85, "b": 0.75})
    opened = {"kind": "open", "reads": "not run, no set", "verdict": "not run", "why": "None here."}
    found = judge([claim(better("a", "b")), claim(opened)], results)
    assert summary(found) == {"supported": 1, "contradicted": 0, "undecided": 0, "not run": 1}
    rows = quantity_rows(found)
    assert len(rows) == 5
    assert rows[0]["part"] == "supported"
    assert rows[-1]["reads"] == "not run, no set"
    assert rows[-1]["value"] == ""
    told = claims_text("mix1", found)
    assert "NOT RUN, NO SET: It is so." in told
    assert max(map(len, told.splitlines())) <= 100


# ---- the file


def test_the_claims_name_methods_and_mixes_that_exist_or_are_known_to_be_missing() -> None:
    known, mixes = {one.name for one in cards(ROOT)}, set(load_params(ROOT).mixes)
    claims = load_claims()
    assert len(claims) > 25
    for each in claims:
        assert set(each.mixes) <= mixes, each.id
        for name in each.methods:
            names = [name.replace("{modality}", m) for m in SETS.values()]
            assert set(names) <= known, (each.id, name)


def test_the_two_claims_whose_judgement_was_decided() -> None:
    results = replace(results_of({}), cards={one.name: one for one in cards(ROOT)})
    found = {each.claim.id: each for each in judge(load_claims(), results)}
    assert found["parameters"].verdict == "supported"
    assert found["parameters"].quantities[0].value == 7508403
    assert found["parameters-option-m"].reads == "open"
    assert found["parameters-option-m"].quantities[0].value == 7536051
    assert found["r-parameters"].verdict == "supported"
    for name in ("scc-cardiac-unet", "scc-cardiac-transunet"):
        assert found[name].reads == "not run, no cardiac set"
    assert "0.81" in found["scc-cardiac-unet"].claim.sentence
    assert "1.63" in found["scc-cardiac-transunet"].claim.sentence


def broken(tmp_path: Path, change: dict[str, Any]) -> str:
    raw = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    raw["claims"][1] |= change
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ParamsError) as caught:
        load_claims(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"paper": "Nobody"}, "paper"),
        ({"predicates": [{"kind": "worse"}]}, "worse"),
        ({"predicates": []}, "predicates"),
        ({"predicates": [{**better("a", "b"), "were": ["mean"]}]}, "were"),
        ({"id": "mmsnet-over-unets"}, "two claims are called mmsnet-over-unets"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    message = broken(tmp_path, change)
    assert "claims.yaml" in message
    assert part in message


def test_no_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="unreadable"):
        load_claims(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("claims: [")
    with pytest.raises(ParamsError, match="unreadable"):
        load_claims(tmp_path / "bad.yaml")


def test_the_command() -> None:
    done = mixseg(ROOT, "claims", "--mix", "open128")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"open128: {len(load_claims())} claims; ")
    assert "OPEN: " in done.stdout
