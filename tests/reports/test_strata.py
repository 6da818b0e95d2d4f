"""Scores by size of the reference, and draw by draw."""

import csv
from pathlib import Path

import numpy as np
import pytest
from make_results import CARDS, SETS, Made, Plan, card, make

from benchmark.reports.study import Study
from benchmark.reports.tables.draws import draws_grid
from benchmark.reports.tables.strata import STRATA, size_strata, strata_figure, strata_grid


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=12))


@pytest.fixture(scope="module")
def study(made: Made) -> Study:
    return made.study()


def rows_of(made: Made, group: str, method: str, seed: int, dataset: str) -> list[dict[str, str]]:
    with (made.run(group, method, seed) / "scores.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["dataset"] == dataset]


def test_strata_hold_every_case_once_and_mean_what_the_cases_say(made: Made, study: Study) -> None:
    strata = size_strata(study)
    for dataset in SETS:
        assert sum(n for name, _, n in strata.parts if name == dataset) == 12
        for stratum in STRATA:
            means = []
            for seed in (0, 1, 2):
                here = [
                    float(row["dsc"])
                    for row in rows_of(made, "main", "unet", seed, dataset)
                    if stratum.low <= float(row["foreground"]) < stratum.high
                ]
                means.append(np.mean(here) if here else np.nan)
            score = strata.cells.get(("main/unet", f"{dataset}, {stratum.label}", "dsc"))
            if score is None:
                assert np.isnan(means).all()
            else:
                assert score.mean == pytest.approx(np.mean(means), abs=1e-9)


def test_a_row_with_a_missing_run_has_no_number_in_any_stratum(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=4))
    (made.run("main", "unetpp", 1) / "scores.csv").unlink()
    study = made.study()
    grid = strata_grid(study, size_strata(study))
    line = next(line for line in grid.lines() if line.title == "U-Net++")
    assert {cell.kind for cell in line.cells} == {"missing"}
    assert any("seed 1 of 3" in text for _, text in grid.notes)
    other = next(line for line in grid.lines() if line.title == "U-Net")
    assert "missing" not in {cell.kind for cell in other.cells}


def test_the_figure_has_a_panel_a_test_set_and_the_numbers(study: Study) -> None:
    strata = size_strata(study)
    figure = strata_figure(study, strata)
    assert figure is not None
    assert all(title in figure.svg for title, _ in SETS.values())
    assert len(figure.records) == 4 * len(strata.parts)


def test_draws_are_read_one_by_one(made: Made, study: Study) -> None:
    grid = draws_grid(study)
    assert grid is not None
    (line,) = grid.lines()
    assert line.title == "SAM (one point)"
    assert line.cells[0].text == "3"
    rows = rows_of(made, "prompted", "sam-point", 0, "phantom-fundus")
    dsc = np.array([float(row["dsc"]) for row in rows]).reshape(12, 3)
    assert line.cells[1].text == f"{dsc.mean():.3f}"
    assert line.cells[1].sub == f"{dsc.mean(0).min():.3f} to {dsc.mean(0).max():.3f}"
    assert line.cells[2].text == f"{dsc.mean(0).std(ddof=1):.4f}"
    assert line.cells[3].text == f"{dsc.std(axis=1, ddof=1).mean():.3f}"


def test_one_draw_has_no_spread_and_without_prompts_there_is_no_table(tmp_path: Path) -> None:
    box = card("box", "Box", group="prompted", prompt="box", recipe={"epochs": 0, "why": "x"})
    made = make(tmp_path / "a", Plan(cases=3, cards=(CARDS[0], box)))
    grid = draws_grid(made.study())
    assert grid is not None
    assert [cell.text for cell in grid.lines()[0].cells[2:4]] == ["–", "–"]
    made = make(tmp_path / "b", Plan(cases=3, cards=CARDS[:1]))
    assert draws_grid(made.study()) is None
