"""Figures: labels, counts and numbers, not pixels."""

import csv
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from make_results import MIX, Plan, make
from matplotlib.text import Annotation

from benchmark.core.errors import ScoreTableError
from benchmark.reports.figures.drawing import INK, Figure, canvas_of, write_figure
from benchmark.reports.figures.figures import scores_figure, training_figure
from benchmark.reports.figures.history import by_epoch, read_history
from benchmark.reports.figures.tradeoff import BESIDE, Point, _scatter
from benchmark.reports.page.document import Headline
from benchmark.reports.study import Study
from benchmark.statistics.table import Entry


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make(tmp_path_factory.mktemp("made"), Plan(cases=6)).study()


def figures(study: Study) -> list[Figure]:
    return list(Headline.of(study).figures().values())


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_scores_figure_labels_methods_and_test_sets(study: Study) -> None:
    figure = scores_figure(study)
    assert figure is not None
    found = texts(figure.svg)
    for label in ("U-Net", "SAM (one point)", "Phantom fundus", "Mean over modalities"):
        assert label in found
    assert "Centre disc" not in found  # an oracle at 1 and an empty mask at 0 would set the scale
    assert len(figure.records) == 4 * 5


def test_training_figure_draws_every_seed_and_the_mean(study: Study) -> None:
    figure = training_figure(study)
    assert figure is not None
    assert "SAM (one point)" not in texts(figure.svg)
    assert len(figure.records) == 3 * 3 * 8  # methods that train, seeds, epochs
    thin = len(re.findall(r"stroke-opacity: 0\.55", figure.svg))
    thick = len(re.findall(r"stroke-width: 2\.2", figure.svg))
    assert (thin, thick) == (9, 3)


def test_a_training_of_one_epoch_has_no_figure(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    for path in tmp_path.rglob("history.csv"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:2]), encoding="utf-8")
    assert training_figure(made.study()) is None


def test_written_figures_stand_alone_with_their_numbers(study: Study, tmp_path: Path) -> None:
    for figure in figures(study):
        write_figure(figure, tmp_path)
        root = ElementTree.parse(tmp_path / f"{figure.name}.svg").getroot()
        assert root.tag.endswith("svg")
        with (tmp_path / f"{figure.name}.csv").open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(figure.records)


def test_figures_take_the_ink_of_the_page_and_share_no_ids(study: Study) -> None:
    drawn = figures(study)
    ids = [found for figure in drawn for found in re.findall(r' id="([^"]+)"', figure.svg)]
    assert len(ids) == len(set(ids)) > 20
    for figure in drawn:
        assert INK not in figure.svg
        assert "currentColor" in figure.svg
        assert "http" not in figure.svg
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', figure.svg)
        assert used
        assert set(used) <= set(ids)


def test_a_figure_without_numbers_is_not_drawn(tmp_path: Path) -> None:
    made = make(tmp_path, Plan(cases=3))
    for path in made.paths.results(MIX).glob("*/*/seed-*/*.csv"):
        path.unlink()
    assert figures(made.study()) == []


def test_losses_of_an_epoch_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,step,loss\n0,1,4.0\n0,2,2.0\n1,3,1.0\n")
    assert by_epoch(read_history(path)) == {0: 3.0, 1: 1.0}
    assert read_history(tmp_path / "none.csv") == {}


@pytest.mark.parametrize("text", ["epoch,step\n0,1\n", "epoch,loss\n0,low\n", "epoch,loss\n0\n"])
def test_a_broken_history_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(ScoreTableError, match=r"history\.csv"):
        read_history(path)


def test_a_name_that_is_not_beside_its_point_has_a_line_to_it() -> None:
    """Four points lie closer to each other than their names are high."""
    entries = [Entry(n, n * 12, "main", "none", (0,), trained=True) for n in "abcdef"]
    places = [(39, 0.696), (41, 0.694), (43, 0.692), (45, 0.690), (1000, 0.9), (1000, 0.3)]
    points = [
        (Point(entry, False, dsc, 1.0, cost, ""), cost)
        for entry, (cost, dsc) in zip(entries, places, strict=True)
    ]
    with canvas_of((4.6, 3.8)) as canvas:
        ax = canvas.subplots()
        _scatter(ax, [point for point, _ in points], [cost for _, cost in points])
        names = [text for text in ax.texts if isinstance(text, Annotation)]
        assert sorted(name.get_text() for name in names) == [n * 12 for n in "abcdef"]
        far = [name for name in names if abs(name.xyann[1]) > BESIDE]
        assert far
        assert all((name.arrow_patch is not None) == (name in far) for name in names)
