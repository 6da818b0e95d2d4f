"""Tables and figures of the comparisons: what the statistics say stands where it belongs."""

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import CARDS, Plan, card, make, write_cost

from benchmark.reports.figures.scatter import scatter_figure
from benchmark.reports.figures.tradeoff import tradeoff_figure
from benchmark.reports.study import Study
from benchmark.reports.tables.appendix import friedman_figure, friedman_grid
from benchmark.reports.tables.compared import Compared, compare, focus_of, stands_in
from benchmark.reports.tables.comparisons import comparisons_grid, forest_figure, probability
from benchmark.reports.tables.rankings import across_grid, ranks_figure, ranks_grid, stability_grid
from benchmark.statistics.compare import comparisons
from benchmark.statistics.intervals import MEAN

# far enough apart that some differences are told and others are not
PLAN = Plan(cases=16, error={"unet": 3.0, "unetpp": 0.32, "mmsnet": 0.3})
NAMES = {"U-Net", "U-Net++", "MMSNet"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    made = make(tmp_path_factory.mktemp("made"), PLAN)
    write_cost(made, "mmsnet")
    return made.study()


@pytest.fixture(scope="module")
def found(study: Study) -> Compared:
    return compare(study)


def test_the_focus_meets_every_other_unprompted_row_on_every_test_set(
    study: Study, found: Compared
) -> None:
    grid = comparisons_grid(study, found)
    assert [block.title for block in grid.blocks][-1] == "Mean over modalities"
    assert len(grid.blocks) == 5
    for block in grid.blocks:
        assert {line.title for line in block.lines} == {"U-Net", "U-Net++"}
    assert "SAM (one point)" not in {line.title for line in grid.lines()}


def test_numbers_and_verdicts_are_those_of_the_statistics(study: Study, found: Compared) -> None:
    grid = comparisons_grid(study, found)
    assert found.focus is not None
    told = comparisons(study.table, found.focus, found.others)
    verdicts = [one.verdict for one in told]
    assert "better" in verdicts
    assert "undecided" in verdicts
    lines = grid.lines()
    assert [line.cells[1].text for line in lines] == verdicts
    assert [line.cells[0].sort for line in lines] == [one.value for one in told]
    assert [row["p_holm"] for row in grid.records] == [one.p_holm for one in told]
    assert any("common practice" in column.label for column in grid.columns)
    assert any("common practice" in remark for remark in grid.remarks)


def test_a_missing_run_is_marked_in_every_comparison_that_it_touches(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=4))
    shutil.rmtree(made.run("main", "unet", 2))
    study = made.study()
    found = compare(study)
    grid = comparisons_grid(study, found)
    for line in grid.lines():
        missing = {cell.kind == "missing" for cell in line.cells}
        assert missing == ({True} if line.title == "U-Net" else {False}), line
        assert bool(line.marks)
    assert ("U-Net", "seed 2: not run") in found.not_ranked
    ranks = ranks_grid(study, found)
    assert "U-Net" not in {line.title for line in ranks.lines()}
    assert any("Not ranked: U-Net: seed 2" in remark for remark in ranks.remarks)


def test_one_seed_makes_no_claim(tmp_path: Path) -> None:
    study = make(tmp_path, Plan(cases=4, seeds=(0,))).study()
    found = compare(study)
    grid = comparisons_grid(study, found)
    assert {line.cells[1].text for line in grid.lines()} == {"no claim"}
    assert {line.cells[0].sub for line in grid.lines()} == {""}
    assert any("no method-level claim" in text for _, text in grid.notes)
    assert ranks_grid(study, found).lines() == []
    figure = forest_figure(study, found)
    assert figure is not None
    assert all(math.isnan(row["low"]) for row in figure.records)


@pytest.mark.parametrize("plan", [Plan(cases=1), Plan(cases=4, error=dict.fromkeys(
    ("unet", "unetpp", "mmsnet", "sam-point"), 0.0))], ids=["one case", "all equal"])  # fmt: skip
def test_what_cannot_vary_is_compared_without_a_crash(tmp_path: Path, plan: Plan) -> None:
    study = make(tmp_path, plan).study()
    found = compare(study)
    assert {one.verdict for one in found.comparisons} <= {"no claim", "undecided"}
    for make_figure in (forest_figure, scatter_figure, ranks_figure):
        make_figure(study, found)
    comparisons_grid(study, found)
    across_grid(study, found)


def test_forest_and_scatter_hold_what_they_draw(study: Study, found: Compared) -> None:
    forest, scatter = forest_figure(study, found), scatter_figure(study, found)
    assert forest is not None
    assert scatter is not None
    assert len(forest.records) == 2 * 5
    assert len(scatter.records) == 4 * 16
    assert scatter.title == "Case by case: MMSNet against U-Net++"
    assert forest.alt
    assert scatter.alt


def test_across_and_ranks_name_every_row(study: Study, found: Compared) -> None:
    across = across_grid(study, found)
    assert {line.title for line in across.lines()} == {"U-Net", "U-Net++"}
    for one in found.signed:
        assert one.worse + one.equal + one.better == pytest.approx(1)
    ranks = ranks_grid(study, found)
    assert {line.title for line in ranks.lines()} == NAMES
    figure = ranks_figure(study, found)
    assert figure is not None
    assert {row["dataset"] for row in figure.records} == {*study.mix.test, MEAN}
    assert ranks.lines()[-1].title == "U-Net"  # of by far the largest error


@pytest.mark.usefixtures("drawn_figures")
def test_stability_and_the_appendix(study: Study, found: Compared) -> None:
    assert found.stability is not None
    grid = stability_grid(study, found.stability)
    assert {line.title for line in grid.blocks[0].lines} == NAMES
    assert {column.group for column in grid.columns} >= {"DSC", "IoU", "MAE"}
    assert found.friedman is not None
    tests = friedman_grid(study, found.friedman)
    assert len(tests.lines()) == 3
    assert any("may still exist" in remark for remark in tests.remarks)
    figure = friedman_figure(study, found.friedman)
    assert figure is not None
    assert len(figure.records) == 3
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure.svg)
    assert size is not None
    width, height = map(float, size.groups())
    paths = re.findall(r'x="([\d.-]+)" y="([\d.-]+)" transform[^>]*>(.*?)</text>', figure.svg)
    assert {name.split(" (")[0] for *_, name in paths} >= NAMES
    assert all(0 < float(x) < width and 0 < float(y) < height for x, y, _ in paths)


def test_another_row_of_its_folder_stands_for_the_focus(tmp_path: Path) -> None:
    cards = (CARDS[0], card("small", "Small MMSNet", folder="mmsnet"))
    made = make(tmp_path, Plan(cases=3, cards=cards))
    made.cards.append(card("mmsnet", "MMSNet", folder="mmsnet", mixes=["other"]))
    study = made.study()
    focus = focus_of(study)
    assert focus is not None
    assert focus.name == "small"
    assert stands_in(study, focus).startswith("MMSNet does not run on this mix")
    nobody = replace(study, cards={"small": study.cards["small"]})
    assert focus_of(nobody) is None
    assert compare(nobody).comparisons == ()


def test_tradeoff_takes_costs_from_runs_and_records(study: Study) -> None:
    figure = tradeoff_figure(study)
    assert figure is not None
    latency = {row["method"]: row["latency_ms"] for row in figure.records}
    assert latency["mmsnet"] == 20.46
    assert math.isnan(latency["unet"])
    assert {row["parameters"] for row in figure.records} == {24_400_000}


def test_a_small_probability_is_not_printed_as_zero() -> None:
    assert probability(0.0) == "< 0.001"
    assert probability(0.0014) == "0.001"
    assert probability(math.nan) == "–"
