"""The sections of calibration and selective prediction, on made maps of a made project."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_results import CARDS, MIX, SETS, Made, Plan, make

from benchmark.analyses import calibration, selective
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.execute import _module, _write
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.show import addition
from benchmark.analyses.kit.units import FOLDER, MEASURED, RECORD
from benchmark.core.digests import digest_of
from benchmark.core.files import write_json
from benchmark.reports.page.sections import Addition

ANALYSES = (calibration.ANALYSIS, selective.ANALYSIS)


def measure(made: Made, analysis: Analysis) -> None:
    """Writes the units of every run, as the command does."""
    for card in made.cards:
        for seed in made.params.mix(MIX).seeds_of(card):
            job = Job(made.paths, MIX, made.params.mix(MIX), card.name, (seed,))
            place = made.paths.results(MIX) / FOLDER / analysis.name / card.name / f"seed-{seed}"
            place.mkdir(parents=True)
            _write(place / MEASURED, _module(analysis).measure(job, "all"))
            record = {"method": card.name, "seeds": [seed], "identity": {}}
            files = {MEASURED: digest_of(place / MEASURED)}
            write_json(place / RECORD, {**record, "files": files})


def found(made: Made, analysis: Analysis) -> Measured:
    measured = read(made.results(), analysis)
    assert measured is not None
    return measured


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    one = make(tmp_path_factory.mktemp("maps"), Plan(maps=True, size=48))
    for analysis in ANALYSES:
        measure(one, analysis)
    return one


@pytest.fixture(scope="module")
def sections(made: Made) -> dict[str, Addition]:
    """The section of each analysis, by its name."""
    return {analysis.name: addition(found(made, analysis)) for analysis in ANALYSES}


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda each: each.name)
def test_a_section_holds_every_row_and_set(
    sections: dict[str, Addition], analysis: Analysis
) -> None:
    section = sections[analysis.name]
    assert section.leads
    assert all("nan" not in lead and "–" not in lead for lead in section.leads)
    for grid in section.grids:
        assert grid.name.startswith(analysis.name)
        assert {line.title for line in grid.lines()} == {card.title for card in CARDS}
        cells = [cell for line in grid.lines() for cell in line.cells]
        assert all(cell.sort is not None for cell in cells)
        ends = [float(end) for cell in cells for end in cell.sub.strip("[]").split(", ") if end]
        assert ends
        assert 0 <= min(ends) <= max(ends) <= 1  # cut to the range of the measures
    for figure in section.figures:
        assert {record["dataset"] for record in figure.records} == set(SETS)
        assert all(title in figure.svg for title in ("Fundus", "MMSNet", "SAM (one point)"))


def test_every_form_of_calibration_has_its_table(made: Made, sections: dict[str, Addition]) -> None:
    grids = {grid.name: grid for grid in sections["calibration"].grids}
    assert list(grids) == [
        f"calibration-{over}-{region}" for over in ("image", "set") for region in ("box", "all")
    ]
    grid = grids["calibration-image-box"]
    labels = [column.label for column in grid.columns[: len(grid.columns) // len(SETS)]]
    assert [label for label in labels if label.endswith("↓")] == [
        "ECE, foreground ↓", "ECE, confidence ↓", "Adaptive ECE, foreground ↓",
        "Adaptive ECE, confidence ↓", "MCE, foreground ↓", "MCE, confidence ↓", "Brier score ↓",
    ]  # fmt: skip
    table = found(made, calibration.ANALYSIS).table
    mine = table[(table["method"] == "unet") & (table["dataset"] == "phantom-fundus")]
    images = mine[mine["over"] == "image"].groupby("seed")["ece_foreground_box"].mean()
    line = next(line for line in grid.lines() if line.title == "U-Net")
    assert line.cells[0].sort == pytest.approx(images.mean())
    assert line.cells[0].sub  # three seeds: an interval


def test_the_diagram_adds_the_pixels_of_the_seeds(
    made: Made, sections: dict[str, Addition]
) -> None:
    figure = sections["calibration"].figures[0]
    table = found(made, calibration.ANALYSIS).table
    chosen = (table["method"] == "unet") & (table["form"] == "foreground_box")
    records = [record for record in figure.records if record["method"] == "unet"]
    assert sum(record["pixels"] for record in records) == table[chosen]["pixels"].sum()


def test_the_curve_ends_at_the_mean_risk(made: Made, sections: dict[str, Addition]) -> None:
    measured = found(made, selective.ANALYSIS)
    records = sections["selective"].figures[0].records
    table = measured.table[measured.table["over"] == "set"]
    for dataset in SETS:
        ends = [r for r in records if r["coverage"] == 1 and r["dataset"] == dataset]
        for end in ends:
            mine = (table["method"] == end["method"]) & (table["dataset"] == dataset)
            for kind in ("sdc", "max_probability", "entropy", "oracle"):
                assert end[kind] == pytest.approx(table[mine]["risk"].mean(), abs=1e-6)
    mine = (table["method"] == "unet") & (table["dataset"] == "phantom-fundus")
    curve = [r["sdc"] for r in records if (r["method"], r["dataset"]) == ("unet", "phantom-fundus")]
    assert len(curve) == 10  # as many coverages as cases
    assert np.mean(curve) == pytest.approx(table[mine]["aurc_sdc"].mean(), abs=1e-6)


def test_risks_are_those_of_the_scores(made: Made) -> None:
    table = found(made, selective.ANALYSIS).table
    images = table[(table["over"] == "image") & (table["method"] == "mmsnet")]
    results = made.results().table
    entry = next(entry for entry in results.entries if entry.name == "mmsnet")
    scores = results.values(entry, "phantom-fundus", "dsc")
    assert scores is not None
    own = images[images["dataset"] == "phantom-fundus"].pivot(
        index="seed", columns="case", values="risk"
    )
    np.testing.assert_allclose(1 - own.to_numpy(), scores, atol=1e-5)


def test_few_rows_few_seeds_and_nothing_in_the_boxes_are_said(tmp_path: Path) -> None:
    plan = Plan(maps=True, cases=1, seeds=(0,), cards=CARDS[:1])
    one = make(tmp_path, plan)
    for analysis in ANALYSES:
        measure(one, analysis)
    for analysis in ANALYSES:
        section = addition(found(one, analysis))
        assert all(line.marks == ("a",) for grid in section.grids for line in grid.lines())
        assert json.dumps([list(figure.records) for figure in section.figures])
    measured = found(one, calibration.ANALYSIS)
    table = measured.table.copy()
    table.loc[:, [name for name in table.columns if name.endswith("_box")]] = np.nan
    table.loc[table["form"].isin(["foreground_box", "confidence_box"]), "pixels"] = 0
    empty = replace(measured)
    empty.__dict__["table"] = table  # what the property would read
    section = addition(empty)
    assert section.leads == ()
    remarks = " ".join(section.grids[0].remarks)
    assert "1 of 1 images have an empty reference, so no box" in remarks
    assert "no value" in section.figures[0].svg
