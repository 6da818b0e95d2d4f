"""Every claim in two made worlds: true by 5 points, and with every sign reversed."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made import SETS, results_of
from made_worlds import GAP, LOW, levels_of, world
from support import ROOT

from benchmark.claims.judge import Judged, judge
from benchmark.claims.predicates import Judge
from benchmark.claims.spec import Claim, OfAnalysis, Open, load_claims
from benchmark.core.digests import digest_of
from benchmark.core.params import Mix, load_params
from benchmark.methods.discover import cards
from benchmark.runs.identity import _mix_record
from benchmark.statistics.measured import FOLDER, MEASURED
from benchmark.statistics.results import MixResults

CLAIMS = {claim.id: claim for claim in load_claims()}
# Claims that no world can decide, with the reason.
UNDECIDABLE = {
    "parameters-option-m": "how the subbands are fused is not published",
    "scc-cardiac-unet": "no cardiac images are among the datasets",
    "scc-cardiac-transunet": "no cardiac images are among the datasets",
}
DECIDED = [name for name in CLAIMS if name not in UNDECIDABLE]
OF_ANALYSES = [
    c.id for c in CLAIMS.values() if any(isinstance(p, OfAnalysis) for p in c.predicates)
]


def ask(claim: Claim, results: MixResults) -> Judged:
    (found,) = judge([claim], results)
    return found


def test_only_what_is_left_open_stays_out_of_the_worlds() -> None:
    left_open = {
        claim.id
        for claim in CLAIMS.values()
        if all(isinstance(predicate, Open) for predicate in claim.predicates)
    }
    assert left_open == set(UNDECIDABLE)


@pytest.mark.parametrize(("true", "verdict"), [(True, "supported"), (False, "contradicted")])
@pytest.mark.parametrize("name", DECIDED)
def test_a_claim_follows_the_world(name: str, true: bool, verdict: str, tmp_path: Path) -> None:
    """The whole, and each predicate on its own: none holds whatever the world."""
    claim = CLAIMS[name]
    results = world(claim, true, tmp_path)
    found = ask(claim, results)
    assert (found.verdict, found.reads) == (verdict, verdict), found.why
    judging = Judge(results)
    parts = [judging.part(predicate, claim.seeds).verdict for predicate in claim.predicates]
    assert parts == [verdict] * len(parts)


def moved(results: MixResults, method: str, by: float) -> MixResults:
    """The same results with one method better by so much."""
    for run in results.table.runs.values():
        for scores in run.scores.values():
            if run.entry.name == method:
                scores.values["dsc"] += by
    return results


@pytest.mark.parametrize(
    ("name", "without"),
    [("msfg-best", "mmsnet-no-msfg"), ("msfg-order", "mmsnet-no-msfg"),
     ("msfg-helps", "mmsnet-no-msfg"), ("fep-contourlet", "mmsnet-no-fep"),
     ("fep-helps", "mmsnet-no-fep")],
)  # fmt: skip
def test_where_removing_a_part_is_better_no_claim_about_it_holds(
    name: str, without: str, tmp_path: Path
) -> None:
    claim = CLAIMS[name]
    ahead = levels_of(claim, True)["mmsnet"]["f"] - levels_of(claim, True)[without]["f"] + GAP
    assert ask(claim, moved(world(claim, True, tmp_path), without, ahead)).verdict == "contradicted"


def test_small_lesions_hold_for_no_network_where_all_lose_the_same(tmp_path: Path) -> None:
    claim = CLAIMS["small-lesions"]
    results = world(claim, True, tmp_path)
    for run in results.table.runs.values():
        for scores in run.scores.values():
            scores.values["dsc"][:10] -= (
                GAP if run.entry.name != "mmsnet" else 0
            )  # now 10 points all
    found = ask(claim, results)
    alone = [q.verdict for q in found.quantities if "other cases" in q.what]
    against = [q.verdict for q in found.quantities if "loss on" in q.what]
    assert set(alone) == {"supported"}
    assert (len(against), set(against)) == (3 * 6, {"undecided"})
    assert found.verdict == "undecided"


def test_mixing_that_costs_supports_the_premise_of_the_paper() -> None:
    singles = {f"unet-{modality}": LOW + GAP for modality in SETS.values()}
    costs = results_of({"unet": LOW, **singles})
    assert ask(CLAIMS["mixing-costs-unet"], costs).verdict == "supported"


@pytest.mark.parametrize("name", OF_ANALYSES)
def test_without_the_analysis_nothing_is_said(name: str, tmp_path: Path) -> None:
    claim = CLAIMS[name]
    results = world(claim, True, tmp_path)
    folder = results.folder / FOLDER
    analyses = sorted(path.name for path in folder.iterdir())
    shutil.rmtree(folder)
    found = ask(claim, results)
    parts = [q for q in found.quantities if q.verdict == "not run"]
    assert parts
    assert {q.note.split(" not measured for ")[0] for q in parts} == set(analyses)
    assert found.verdict in ("not run", "undecided")


def test_a_file_that_was_edited_counts_as_not_measured(tmp_path: Path) -> None:
    claim = CLAIMS["scc-confidence"]
    results = world(claim, True, tmp_path)
    path = next(results.folder.glob(f"{FOLDER}/*/unet-scc/seed-0/{MEASURED}"))
    path.write_text(path.read_text().replace("0.5", "0.9"))
    for other in range(1, 4):
        shutil.rmtree(path.parents[1] / f"seed-{other}")
    assert "calibration not measured for unet-scc" in ask(claim, results).quantities[0].note


def test_two_seeds_of_an_analysis_make_no_claim(tmp_path: Path) -> None:
    claim = CLAIMS["scc-confidence"]
    results = world(claim, True, tmp_path)
    for seed in (2, 3):
        for folder in results.folder.glob(f"{FOLDER}/*/*/seed-{seed}"):
            shutil.rmtree(folder)
    found = ask(claim, results)
    assert found.verdict == "undecided"
    assert "2 seeds" in found.quantities[0].note


def test_a_set_that_one_row_lacks_is_named(tmp_path: Path) -> None:
    claim = CLAIMS["scc-generalisation"]
    results = world(claim, True, tmp_path)
    for path in results.folder.glob(f"{FOLDER}/unseen/unet-scc/*/{MEASURED}"):
        kept = [line for line in path.read_text().splitlines() if not line.startswith("z,")]
        path.write_text("\n".join([*kept, ""]))
        record = path.with_name("record.json")
        text = record.read_text()
        old = text.split('"measured.csv": "')[1][:64]
        record.write_text(text.replace(old, digest_of(path)))
    (first, *_) = ask(claim, results).quantities
    assert first.note == "unseen of unet-scc not measured on z"


# ---- stand-ins


def standing(results: MixResults, **pairs: str) -> MixResults:
    """The same results, on a mix that names stand-ins."""
    mix = results.mix.model_copy(update={"stand_ins": pairs})
    params = results.params.model_copy(update={"mixes": {results.name: mix}})
    return replace(results, params=params)


def better(one: str, *than: str) -> Claim:
    asked: dict[str, Any] = {"kind": "better", "one": [one], "than": list(than), "where": ["mean"]}
    return Claim.model_validate(
        {"id": "it", "paper": "MMSNet", "source": "tests", "sentence": "It is so.",
         "predicates": [asked]}
    )  # fmt: skip


def test_a_stand_in_is_said_and_its_verdict_reads_so() -> None:
    results = standing(results_of({"small": 0.85, "b": 0.75}), big="small")
    found = ask(better("big", "b"), results)
    assert found.verdict == "supported"
    assert found.reads == "supported, for the stand-in, at this scale"
    assert found.stand_ins == ("SMALL stands in for big",)
    assert found.scope == "SMALL stands in for big"
    assert found.quantities[0].what == "SMALL − B"
    assert found.quantities[0].methods == ("small", "b")
    own = ask(better("small", "b"), results)
    assert (own.reads, own.stand_ins) == ("supported", ())


def test_a_row_that_is_planned_needs_no_stand_in() -> None:
    results = standing(results_of({"big": 0.95, "small": 0.65, "b": 0.75}), big="small")
    assert ask(better("big", "b"), results).reads == "supported"


def test_a_stand_in_is_not_held_against_variants_of_what_it_stands_for() -> None:
    results = standing(results_of({"small": 0.85, "no-part": 0.75}), big="small")
    part = results.cards["no-part"].model_copy(update={"base": "big"})
    results = replace(results, cards={**results.cards, "no-part": part})
    found = ask(better("big", "no-part"), results)
    assert (found.verdict, found.reads) == ("not run", "not run")
    assert "NO-PART is a variant of big, not of its stand-in" in found.why


def test_stand_ins_that_are_not_planned_either_change_nothing() -> None:
    found = ask(better("big", "b"), standing(results_of({"b": 0.75}), big="small"))
    assert found.reads == "not run"
    assert found.why == "Not run: big is not planned on this mix."


def test_the_stand_ins_of_each_mix_run_on_it_and_their_originals_do_not() -> None:
    params, known = load_params(ROOT), {one.name: one for one in cards(ROOT)}
    pairs = [(name, *pair) for name, mix in params.mixes.items() for pair in mix.stand_ins.items()]
    assert pairs
    for mix, original, stand_in in pairs:
        assert mix not in params.mixes_of(known[original]), original
        assert mix in params.mixes_of(known[stand_in]), stand_in


def test_no_run_depends_on_stand_ins() -> None:
    mix = load_params(ROOT).mix("open128")
    bare = mix.model_copy(update={"stand_ins": {}})
    assert mix.stand_ins
    assert _mix_record(mix) == _mix_record(bare)
    assert mix.request() == bare.request()


def test_a_stand_in_of_a_stand_in_is_refused() -> None:
    mix = load_params(ROOT).mix("open128").model_dump()
    with pytest.raises(ValueError, match="replaces its own stand-ins: b"):
        Mix.model_validate({**mix, "stand_ins": {"a": "b", "b": "c"}})
