"""The summary of a report says what its numbers say."""

import json
import shutil
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, change, make, make_variants

from benchmark.reports.page.answers import Answer, answers
from benchmark.reports.page.document import write_report
from benchmark.reports.study import study_of
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.verdicts import verdicts
from benchmark.statistics.compare import comparisons
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.results import ABLATIONS


def told(made: Made) -> dict[str, Answer]:
    results = made.results()
    study = study_of(results, resamples=0)
    ablations = study_of(results, "ablations", 0).only(ABLATIONS)
    found = answers(study, ablations, verdicts(results, study))
    return {answer.link: answer for answer in found}


def best(made: Made) -> str:
    return " ".join(told(made)["results"].sentences)


def test_the_best_row_and_its_lead_are_those_of_the_statistics(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=6))
    study, text = made.study(), best(made)
    rows = {e.title: e for e in study.table.rows(("main",))}
    means = {t: study.cells[e.key, MEAN, "dsc"].mean for t, e in rows.items()}
    first, second = sorted(means, key=lambda title: -means[title])[:2]
    assert f"{first} has the highest DSC of the unprompted methods: {means[first]:.3f}" in text
    others = [entry for title, entry in rows.items() if title != first]
    lead = next(
        one
        for one in comparisons(study.table, rows[first], others)
        if one.other.title == second and one.dataset == MEAN
    )
    assert lead.value > 0
    assert (
        f"over the second best, {second}, is {signed(lead.value)} (95 % interval"
        f" {signed(lead.low)} to {signed(lead.high)})." in text
    )
    assert ("The lead is significant" in text) == (lead.verdict == "better")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"mmsnet": 0.02, "unet": 0.5, "unetpp": 0.9}, "The lead is significant"),
        ({"mmsnet": 0.3, "unet": 0.3, "unetpp": 0.3}, "The order is undecided"),
    ],
    ids=["decided", "undecided"],
)
def test_it_says_whether_the_lead_is_decided(
    tmp_path: Path, error: dict[str, float], says: str
) -> None:
    text = best(make(tmp_path, Plan(cases=8, error=error)))
    assert says in text
    assert ("it is better on" in text) or ("the order is undecided on" in text)


def test_an_incomplete_row_is_not_the_best_and_is_counted(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=4))
    shutil.rmtree(made.run("main", "mmsnet", 1))
    text = best(made)
    assert not text.startswith("MMSNet has")
    assert "1 of 3 such methods is incomplete, and not in this comparison." in text


def test_two_seeds_make_no_claim(tmp_path: Path) -> None:
    text = best(make(tmp_path, Plan(cases=4, seeds=(0, 1))))
    assert "too few seeds for an interval, so we make no claim" in text
    assert "significant" not in text


def test_missing_runs_of_both_parts_are_counted(tmp_path: Path) -> None:
    made = make_variants(tmp_path, Plan(cases=3))
    shutil.rmtree(made.run("main", "unet", 0))
    text = told(made)["missing"].sentences[0]
    assert text.startswith("2 of ")
    whole = make(tmp_path / "whole", Plan(cases=3))
    assert told(whole)["missing"].sentences == ("No planned run is missing.",)


def test_the_scale_is_that_of_the_records(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    record = json.loads((made.run("main", "unet", 0) / "run.json").read_text())
    (text,) = told(made)["runs"].sentences
    assert text.startswith(f"32 × 32 pixels, {record['recipe']['epochs']} epochs")
    assert "3 seeds" in text
    assert record["hardware"]["device"] in text

    def short(run: dict) -> None:
        run["recipe"]["epochs"] = 1

    change(made.run("main", "unet", 0) / "run.json", short)
    assert "1 to 8 epochs" in told(made)["runs"].sentences[0]


def test_claims_are_counted_as_in_their_section(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    results = made.results()
    found = verdicts(results, study_of(results, resamples=0))
    text = told(made)["claims"].sentences[0]
    assert found.lead().startswith(text)
    assert text.startswith(f"Of {len(found.judged)} claims, ")


def test_nothing_was_run(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    shutil.rmtree(made.paths.results(MIX))
    found = told(made)
    assert "has all its runs yet" in found["results"].sentences[0]
    assert found["runs"].sentences == ("No method has been trained yet.",)
    assert found["missing"].sentences[0].startswith("10 of 10 planned runs are missing")


def test_the_page_answers_before_it_explains(tmp_path: Path) -> None:
    made = make(tmp_path / "made", Plan(cases=3))
    write_report(made.results(), tmp_path / "to")
    page = (tmp_path / "to/index.html").read_text(encoding="utf-8")
    order = ["summary", "results", "comparisons", "claims", "errors", "overview", "data",
             "provenance", "protocols", "check"]  # fmt: skip
    places = [page.find(f'<h2 id="{anchor}"') for anchor in order]
    assert -1 not in places
    assert places == sorted(places)
    assert page.index('id="table-main"') < page.index('id="figure-scores"')
