"""Reports of many rows: figures and tables of the page are cut, and the rest is a link away."""

import re
from pathlib import Path

import pytest
from make_results import CARDS, Made, Plan, card, make

from benchmark.reports.figures import chosen
from benchmark.reports.figures.figures import scores_figure
from benchmark.reports.page import parts
from benchmark.reports.page.document import Headline, write_report
from benchmark.reports.page.parts import Shown
from benchmark.reports.study import Study
from benchmark.reports.tables import appendix, rankings
from benchmark.reports.tables.compared import compare
from benchmark.reports.tables.headline import headline_grid

FEW = 3
ROWS = (*CARDS, *(card(f"net-{k}", f"Net {k}") for k in range(2)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=4, cards=ROWS))


@pytest.fixture(scope="module")
def study(made: Made) -> Study:
    return made.study()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (chosen, rankings, appendix):
        monkeypatch.setattr(module, "PLOTTED", FEW)


def texts(svg: str) -> set[str]:
    return set(re.findall(r"<text[^>]*>([^<]*)</text>", svg))


@pytest.mark.usefixtures("few")
def test_figures_show_the_best_rows_and_the_focus(study: Study) -> None:
    rows = study.table.rows(("main",))
    shown = chosen.plotted(study, rows)
    assert [row.name for row in shown] == ["mmsnet", "unet", "unetpp"]  # the others miss more
    compared = compare(study)
    assert compared.friedman is not None
    for name, figure in (
        ("scores", scores_figure(study)),
        ("ranks", rankings.ranks_figure(study, compared)),
        ("nemenyi", appendix.friedman_figure(study, compared.friedman)),
    ):
        assert figure is not None
        assert f" {FEW} of " in figure.caption, name
        assert not any(text.startswith("Net 0") for text in texts(figure.svg)), name
        assert "Net 0" in {record.get("title") for record in figure.records}, name


@pytest.mark.usefixtures("few")
def test_of_many_rows_the_pairs_stand_in_the_csv_of_the_figure_alone(study: Study) -> None:
    found = compare(study).friedman
    assert found is not None
    grid, figure = appendix.friedman_grid(study, found), appendix.friedman_figure(study, found)
    assert [column.label for column in grid.columns] == ["Mean rank"]
    assert grid.remarks[-1] == appendix.PAIRS
    assert figure is not None
    assert {f"p_{key}" for key in found.keys} <= set(figure.records[0])


def test_few_rows_are_all_shown(study: Study) -> None:
    rows = study.table.rows(("main",))
    assert chosen.plotted(study, rows) == rows
    assert chosen.left_out(len(rows), len(rows)) == ""


def test_the_focus_is_shown_even_if_it_is_not_among_the_best(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "PLOTTED", 1)
    assert [e.name for e in chosen.plotted(study, study.table.rows(("main",)))] == ["mmsnet"]


def test_a_long_table_has_a_page_of_its_own(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Headline, "figures", lambda _: {})  # slow, and tested above
    monkeypatch.setattr(parts, "CELLS", 1)
    monkeypatch.setattr(parts, "LINES", 2)
    write_report(made.results(), tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    whole = (tmp_path / "report" / "whole" / "main.html").read_text(encoding="utf-8")
    assert 'href="whole/main.html"' in page
    table = page[page.index('id="table-main"') :].split("</table>")[0]
    assert table.count('<th scope="row"') == 2
    assert whole.count('<th scope="row"') == len(ROWS) + 1  # with the control
    assert 'href="../tables/main.csv"' in whole
    assert 'href="../index.html#table-main"' in whole


def test_a_short_table_is_whole_on_the_report(study: Study) -> None:
    grid = headline_grid(study)
    assert Shown("tables", grid).whole == ""
    assert Shown("tables", grid).lines == len(grid.lines())
