"""Components: drawn masks counted by hand, thresholds, sizes, and the section of the report."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_measured import a_run, written

from benchmark.analyses.components import ANALYSIS
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.show import addition
from benchmark.analyses.measures.components import measure
from benchmark.analyses.measures.lesions import matched
from benchmark.core.errors import MissingDataError, ShapeError, StoreError
from benchmark.evaluation.maps import MapWriter
from benchmark.reports.tables.strata import STRATA
from benchmark.statistics.sizes import LARGE, MIDDLE


def drawn(text: str) -> np.ndarray:
    """A mask from rows of '#' and '.'."""
    return np.array([[sign == "#" for sign in row] for row in text.split()])


REFERENCE = drawn(
    """
    ##....##..
    ##....##..
    ..........
    ....#.....
    .....#....
    ..........
    """
)


def test_corners_join_and_every_piece_counts() -> None:
    found = matched(REFERENCE, REFERENCE)
    assert found.sizes.tolist() == [4 / 60, 4 / 60, 2 / 60]  # the diagonal pair is one
    assert found.best_reference.tolist() == [1, 1, 1]
    assert (found.missed(0.5), found.false(0.5)) == (0, 0)


def test_thresholds_by_hand() -> None:
    pred = drawn(
        """
        #.....##..
        .#....####
        ......####
        ..........
        .....##...
        ........##
        """
    )
    # First: 2 common, 4 + 2 - 2 = 4 in all, IoU 1/2: above 0.1, not above 0.5. Second: 4 common of
    # 10, IoU 0.4. Diagonal: 1 common of 2 + 2 - 1, IoU 1/3. The predicted pair in the last row
    # meets nothing.
    found = matched(pred, REFERENCE)
    assert found.best_reference == pytest.approx([1 / 2, 0.4, 1 / 3])
    assert sorted(found.best_predicted) == pytest.approx([0, 1 / 3, 0.4, 1 / 2])
    assert [found.missed(t) for t in (0.1, 0.35, 0.45, 0.5)] == [0, 1, 2, 3]
    assert [found.false(t) for t in (0.1, 0.35, 0.45, 0.5)] == [1, 2, 3, 4]


def test_one_piece_over_two_lesions_may_detect_neither() -> None:
    pred = np.zeros((40, 40), bool)
    reference = pred.copy()
    pred[:20] = True  # 800 pixels; lesions of 4 and 100: IoU 0.005 and 0.125
    reference[2:4, 2:4] = reference[5:15, 20:30] = True
    found = matched(pred, reference)
    assert (found.missed(0.1), found.false(0.1)) == (1, 0)
    assert (found.missed(0.5), found.false(0.5)) == (2, 1)


def test_empty_references_count_false_components_alone() -> None:
    empty = np.zeros_like(REFERENCE)
    found = matched(REFERENCE, empty)
    assert (len(found.sizes), found.missed(0.1), found.false(0.1)) == (0, 0, 3)
    found = matched(empty, REFERENCE)
    assert (found.missed(0.1), found.false(0.1)) == (3, 0)
    assert matched(empty, empty).false(0.1) == 0


def test_sizes_are_those_of_the_strata() -> None:
    assert [(each.low, each.high) for each in STRATA] == [
        (0, MIDDLE), (MIDDLE, LARGE), (LARGE, np.inf),
    ]  # fmt: skip
    reference = np.zeros((100, 100), bool)
    reference[:10, :19] = reference[20:30, :20] = reference[40:80, 40:65] = True  # 1.9, 2, 10 %
    found = matched(np.zeros_like(reference), reference)
    assert [found.of(size).sum() for size in ("small", "middle", "large", "")] == [1, 1, 1, 3]
    assert [found.missed(0.1, size) for size in ("small", "middle", "large")] == [1, 1, 1]


def test_a_run_is_counted_case_by_case_and_pooled(tmp_path: Path) -> None:
    job = a_run(tmp_path)
    table = measure(job, "all")
    cases, whole = table[table["case"] != ""], table[table["case"] == ""]
    assert list(table.columns[:4]) == ["dataset", "modality", "case", "group"]
    assert cases["lesions"].tolist() == [1, 2, 0]
    # Two discs found and one not; the empty reference has one false component, as asked.
    assert cases["missed_10"].tolist()[:2] == [0, 0.5]
    assert np.isnan(cases["missed_10"].iloc[2])
    assert cases["false_10"].tolist() == [0, 0, 1]
    assert whole["missed_10"].tolist() == [pytest.approx(1 / 3)]
    assert whole["false_10"].tolist() == [pytest.approx(1 / 3)]
    assert whole["empty"].tolist() == [1]
    assert cases["lesions_small"].tolist() == [1, 1, 0]
    assert cases["lesions_middle"].tolist() == [0, 1, 0]
    assert np.isnan(cases["missed_10_large"]).all()


def test_the_threshold_is_that_of_the_mix(tmp_path: Path) -> None:
    job = a_run(tmp_path)
    assert measure(replace(job, threshold=0.95), "all")["missed_10"].iloc[0] == 1


def test_maps_that_are_gone_cut_short_or_of_other_data_are_named(tmp_path: Path) -> None:
    job = a_run(tmp_path)
    maps = job.maps(0)
    whole = maps.read_bytes()
    maps.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="probs"):
        measure(job, "all")
    maps.unlink()
    with pytest.raises(MissingDataError):
        measure(job, "all")
    _write_maps(job, np.zeros((1, 50, 40)))
    with pytest.raises(ShapeError, match=r"\(50, 40\)"):
        measure(job, "all")
    _write_maps(job, np.zeros((1, 100, 100)), "another")
    with pytest.raises(ShapeError, match="no map of skin/c0"):
        measure(job, "all")


def _write_maps(job: Job, prob: np.ndarray, name: str = "c0") -> None:
    with MapWriter(job.maps(0)) as writer:
        writer.add("skin", name, prob)


def test_the_section_says_what_was_found(tmp_path: Path) -> None:
    tables = {("m", 0): measure(a_run(tmp_path / "run"), "all")}
    tables["m", 1] = tables["m", 0]
    section = addition(written(tmp_path, ANALYSIS, tables))
    assert section.leads == (
        "M misses 25.0 % of the lesions (IoU > 0.1), as a mean over the test sets.",
        "Lesions under 2 % of the image are missed more often than larger ones in 0 of 1 pairs of a"
        " row and a test set with both.",
        "M draws 0.33 false components per image.",
    )
    names = [grid.name for grid in section.grids]
    assert names == ["components", "components-size", "components-pooled"]
    first, size, pooled = (grid.lines()[0] for grid in section.grids)
    assert [cell.text.split(" ")[0] for cell in first.cells] == ["0.250", "0.250", "0.33"]
    assert [cell.text for cell in size.cells][2] == "–"  # no large lesion
    assert pooled.cells[0].sort == pytest.approx(1 / 3)
    assert section.grids[0].remarks[-1] == (
        "Lesions: Skin 3 (under 2 %: 2, 2 to 10 %: 1, 10 % and over: 0, empty references: 1)."
    )
    (figure,) = section.figures
    assert {row["size"] for row in figure.records} == {"under 2 %", "2 to 10 %"}
