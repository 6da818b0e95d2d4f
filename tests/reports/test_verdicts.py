"""Claims and published numbers in the report: verdicts as judged, missing ones marked."""

import re
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, change, make

from benchmark.claims.judge import Judged, judge
from benchmark.claims.quantity import Quantity
from benchmark.claims.spec import load_claims
from benchmark.reports.study import study_of
from benchmark.reports.tables.verdicts import Verdicts, verdicts

NASTY = "<i>A & B_1"
HEAD = "method,source,table,dataset,metric,value,protocol,setting\n"


def found_in(made: Made) -> Verdicts:
    results = made.results()
    return verdicts(results, study_of(results))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("made"), Plan(cases=5))
    folder = made.paths.root / "baselines" / "unet"
    folder.mkdir(parents=True)
    rows = [
        f"unet,{NASTY},Table 1,phantom-fundus,dsc,0.0100,dsc,same",
        "unet,Someone,,phantom-fundus,dsc,99.9,,different",
        "unet,Someone,,elsewhere,dsc,0.5,,same",
        "other,Someone,,phantom-fundus,dsc,0.5,,same",
    ]
    (folder / "reported.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return made


def test_every_claim_stands_with_its_verdict(made: Made) -> None:
    found = found_in(made)
    grid = found.grids()["claims"]
    claims = load_claims()
    assert sorted(line.title for line in grid.lines()) == sorted(c.sentence for c in claims)
    told = {
        one.claim.sentence: one.reads.removesuffix(", O9") for one in judge(claims, made.results())
    }
    assert "open" in told.values()
    assert {line.title: line.cells[0].text for line in grid.lines()} == told
    counts = re.findall(r"(\d+) \w+ (?:supported|contradicted|undecided|not run)", found.lead())
    assert sum(map(int, counts)) == len(claims)
    assert [line for line in grid.lines() if line.cells[0].kind == "missing"]
    assert {row["claim"] for row in grid.records} == {claim.id for claim in claims}


def test_verdicts_of_stand_ins_are_counted_and_shown_apart(made: Made) -> None:
    found = found_in(made)
    claim = next(each.claim for each in found.judged if each.claim.paper == "MMSNet")
    own = Judged(claim, "supported", "supported", "", "", ())
    apart = Judged(
        claim, "supported", "supported, for the stand-in, at this scale", "", "", (), ("A for B",)
    )
    both = Verdicts(found.study, (own, apart), ())
    assert both.lead().startswith(
        "Of 2 claims, 1 is supported. The other 1 was tested only with stand-ins for the paper's"
        " rows, at this scale: 1 is supported."
    )
    grid = both.grids()["claims"]
    assert [block.title for block in grid.blocks] == ["MMSNet", "MMSNet, for stand-ins"]
    assert [line.cells[0].kind for line in grid.lines()] == ["good", ""]
    assert [row["stand_in"] for row in grid.records] == [False, True]


def test_published_numbers_of_this_mix_alone_stand_beside_ours(made: Made) -> None:
    grid = found_in(made).grids()["reported"]
    assert len(grid.lines()) == 2
    same, different = grid.lines()
    assert same.cells[2].text == "out of tolerance"
    assert same.cells[2].kind == "bad"
    assert different.cells[2].text == "other setting"
    assert different.cells[0].text.startswith("0.999")
    assert same.marks  # it ran from random weights, which the note says
    assert any("random weights" in text for _, text in grid.notes)
    assert same.sub == f"{NASTY}; Table 1"
    for line in grid.lines():  # words in place of the names of columns
        assert line.title.endswith(("DSC", "IoU"))
        assert "_" not in line.cells[4].text
        assert ": 0." in line.cells[4].text


def test_a_number_carries_the_footnotes_of_its_own_rows_alone(made: Made) -> None:
    """One claim on two rows that started from random weights, a number for each of them."""
    found = found_in(made)
    one, other = (e for e in found.study.table.entries if e.name in ("unet", "unetpp"))
    quantities = tuple(
        Quantity(row.title, "", "parameters", 1.0, None, None, "supported", "", methods=(row.name,))
        for row in (one, other)
    )
    both = Quantity(
        "both", "", "dsc", 0.1, 0.0, 0.2, "supported", "", methods=(one.name, other.name)
    )
    claim = next(each.claim for each in found.judged)
    judged = Judged(claim, "supported", "supported", "", "", (*quantities, both))
    grid = Verdicts(found.study, (judged,), ()).grids()["quantities"]
    notes = dict(grid.notes)
    said = [{notes[mark].partition(": ")[0] for mark in line.marks} for line in grid.lines()]
    assert said == [{one.title}, {other.title}, {one.title, other.title}]


def test_a_claim_table_of_nothing_builds(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    for path in made.paths.results(MIX).glob("*/*/seed-*/*"):
        path.unlink()
    found = found_in(made)
    assert len(found.grids()["claims"].lines()) == len(load_claims())
    assert found.grids()["reported"].lines() == []


def test_the_data_may_name_another_set_of_cases(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path, Plan(cases=5))

    def fewer(data: dict) -> None:
        data["datasets"]["phantom-fundus"]["test"] = 4

    change(other.paths.results(MIX) / "data.json", fewer)
    assert len(found_in(other).judged) == len(load_claims())
