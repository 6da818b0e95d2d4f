"""Supplied predictions in the report: a block of their own, marked, never ranked, compared."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from make_results import MIX, Made, Plan, change, make
from PIL import Image

from benchmark.core.progress import Silent
from benchmark.evaluation.maps import read_maps
from benchmark.reports.page.document import Headline, write_report
from benchmark.reports.tables.grid import MASKS_ONLY, Grid, Line
from benchmark.reports.tables.main import BINARY, SUPPLIED_ROWS
from benchmark.runs import score_masks as module
from benchmark.runs.score_masks import Request, score_masks
from benchmark.statistics.cardless import NOT_VERIFIED, SUPPLIED, supplied_entries
from benchmark.statistics.compare import over_cases
from benchmark.statistics.results import RANKED


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project in which the maps of U-Net were handed in again: as masks once, as maps thrice."""
    made = make(tmp_path_factory.mktemp("supplied"), Plan(cases=6, maps=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_params", lambda _: made.params)
        patch.setattr(module.discover, "cards", lambda _: made.cards)
        patch.setattr(module, "evaluation_code", lambda _: Scoring)
        for seed in (0, 1, 2):
            maps = supply(made, seed, binary=False)
            score_masks(made.paths, Request(MIX, maps, "Our maps", seed), Silent())
        masks = supply(made, 0, binary=True)
        next(masks.rglob("*.png")).unlink()
        score_masks(made.paths, Request(MIX, masks, "A few masks", 0, True), Silent())
    return made


class Scoring:
    """What `evaluation_code` gives in the made-up project, which holds no code."""

    scoring = "e5" * 32


def supply(made: Made, seed: int, *, binary: bool) -> Path:
    folder = made.paths.root / f"supplied-{seed}-{binary}"
    with read_maps(made.paths.artefacts(MIX, "unet", seed) / "probs.npz") as maps:
        for dataset, of in maps.items():
            (folder / dataset).mkdir(parents=True)
            for case, levels in zip(of.cases, of, strict=True):
                mask = (levels[0] >= 32768).astype(np.uint8) * np.uint8(255)
                picture = Image.fromarray(mask if binary else levels[0])
                picture.save(folder / dataset / f"{case}.png")
    return folder


def line(grid: Grid, title: str) -> Line:
    return next(line for line in grid.lines() if line.title == title)


def notes(grid: Grid, title: str) -> list[str]:
    return [text for mark, text in grid.notes if mark in line(grid, title).marks]


def test_the_same_maps_score_the_same(own: Made) -> None:
    """Maps of 16 bits come back to the bit; only the made-up distances of U-Net differ."""
    columns = ("case", "dsc", "iou", "tp", "fp", "fn", "tn", "mae")
    for seed in (0, 1, 2):
        found = []
        for group, name in (("main", "unet"), (SUPPLIED, "our-maps")):
            with (own.run(group, name, seed) / "scores.csv").open(newline="") as file:
                found.append([[row[key] for key in columns] for row in csv.DictReader(file)])
        for one, other in zip(*found, strict=True):
            assert one[0] == other[0]
            assert np.allclose([float(x) for x in one[1:]], [float(x) for x in other[1:]],
                               atol=2e-5)  # fmt: skip


def test_they_stand_in_a_table_of_their_own_and_are_not_ranked(own: Made) -> None:
    assert SUPPLIED not in RANKED
    headline = Headline.of(own.study())
    grids = headline.grids()
    grid = grids[SUPPLIED]
    assert [each.title for each in grid.lines()] == ["A few masks", "Our maps"]
    assert [block.title for block in grid.blocks] == [
        "Predictions supplied, training not verified (not ranked)"
    ]
    assert SUPPLIED_ROWS in grid.remarks
    assert not any(cell.rank for each in grid.lines() for cell in each.cells)
    for title in ("A few masks", "Our maps"):
        assert NOT_VERIFIED in notes(grid, title)
    elsewhere = {"headline", "main", "errors", "methods", "comparisons", "across", "ranks", "cost"}
    for name in elsewhere & set(grids):
        assert not {"A few masks", "Our maps"} & {each.title for each in grids[name].lines()}, name
    assert {"A few masks, seed 0", "Our maps, seed 2"} <= {
        each.title for each in grids["runs"].lines()
    }


def test_masks_have_no_mae_and_say_how_many_were_missing(own: Made) -> None:
    grid = Headline.of(own.study()).grids()[SUPPLIED]
    for column, masks, maps in zip(
        grid.columns, line(grid, "A few masks").cells, line(grid, "Our maps").cells, strict=True
    ):
        assert (masks.text == MASKS_ONLY) == (column.label == "MAE ↓")
        assert maps.kind == ""
    assert BINARY in grid.remarks
    assert "seed 0: 1 of 24 predictions missing, scored 0" in notes(grid, "A few masks")


def test_comparisons_go_as_far_as_the_seeds(own: Made) -> None:
    study = own.study()
    grid = Headline.of(study).grids()["supplied-comparisons"]
    assert grid.title == "MMSNet minus each row of supplied predictions"
    rows = {(row["title"], row["dataset"]): row for row in grid.records}
    assert len(rows) == 2 * 5  # four test sets and their mean
    for (title, _), row in rows.items():
        assert row["low_cases"] < row["value"] < row["high_cases"]
        seeds = 3 if title == "Our maps" else 1
        assert row["seeds_other"] == seeds
        assert (row["verdict"] == "no claim") == (seeds < 3)
        assert math.isnan(row["low"]) == (seeds < 3)
        assert "no method-level claim below 3" in row["notes"] or seeds == 3
        if seeds == 3:  # other trainings can only add to the spread
            assert row["high"] - row["low"] > 0
    # The same maps as U-Net: the difference is that of the main comparison.
    main = {row["dataset"]: row for row in Headline.of(study).grids()["comparisons"].records
            if row["other"] == "unet"}  # fmt: skip
    for dataset, row in main.items():
        assert rows["Our maps", dataset]["value"] == pytest.approx(row["value"], abs=1e-5)
        assert rows["Our maps", dataset]["p"] == pytest.approx(row["p"], abs=1e-3)


def test_the_interval_over_cases_is_the_paired_t(own: Made) -> None:
    from scipy import stats

    from benchmark.statistics.compare import comparisons

    study = own.study()
    focus, row = study.entry("mmsnet"), study.table.rows((SUPPLIED,))[0]
    assert focus is not None
    one = comparisons(study.table, focus, [row])[0]
    name = one.dataset
    gains = study.table.values(focus, name, "dsc").mean(0) - study.table.values(row, name, "dsc")[0]
    expected = stats.t.interval(0.95, len(gains) - 1, gains.mean(), stats.sem(gains))
    assert over_cases(study.table, one) == pytest.approx(expected)


def test_the_report_shows_them_and_counts_methods_without_them(own: Made, tmp_path: Path) -> None:
    write_report(own.results(), tmp_path / "to", with_images=False)
    page = (tmp_path / "to" / "index.html").read_text("utf-8")
    assert "Predictions that were supplied" in page
    assert NOT_VERIFIED in page
    assert (tmp_path / "to" / "tables" / "supplied-comparisons.csv").is_file()
    assert own.results().seeds() == [0, 1, 2]
    assert own.results().entry("our-maps") is None


def test_an_edited_record_is_missing(own: Made, tmp_path: Path) -> None:
    shutil.copytree(own.paths.results(MIX), tmp_path / "kept")
    path = own.run(SUPPLIED, "our-maps", 1) / "run.json"
    change(path, lambda record: record["supplied"].update(missing={"phantom-fundus": 1}))
    try:
        cells = line(Headline.of(own.study()).grids()[SUPPLIED], "Our maps").cells
        assert {cell.text for cell in cells} == {"edited"}
    finally:
        shutil.copy(tmp_path / "kept" / SUPPLIED / "our-maps" / "seed-1" / "run.json", path)


def test_rows_are_those_that_lie_there(tmp_path: Path) -> None:
    assert supplied_entries(tmp_path / "none") == []
    for name in ("b/seed-10", "b/seed-2", "b/seed-x", "a/seed-0", "empty/seed-0"):
        (tmp_path / name).mkdir(parents=True)
        if not name.startswith("empty"):
            text = json.dumps({"title": f"Title of {name[0]}"})
            (tmp_path / name / "run.json").write_text(text)
    found = [(entry.name, entry.title, entry.seeds) for entry in supplied_entries(tmp_path)]
    assert found == [("a", "Title of a", (0,)), ("b", "Title of b", (2, 10))]
