"""Shading of cells: the better, the stronger, whichever end is better."""

from dataclasses import replace
from pathlib import Path

from make_results import Plan, make

from benchmark.reports.page.heat import shades
from benchmark.reports.page.parts import mean_first
from benchmark.reports.tables.grid import Block, Cell, Column, Grid, Line, missing
from benchmark.reports.tables.main import main_grid
from benchmark.statistics.intervals import MEAN

COLUMNS = (Column("DSC ↑", "A"), Column("MAE ↓", "A"), Column("DSC ↑", "Mean over modalities"))


def line(*values: float | None) -> Line:
    return Line("row", tuple(missing() if v is None else Cell(str(v), sort=v) for v in values))


def grid(*blocks: Block) -> Grid:
    return Grid("main", "Mix0", "Scores", "Method", COLUMNS, blocks)


def test_equal_steps_from_the_worst_to_the_best() -> None:
    made = grid(Block("", (line(0.0, 0.0, 1), line(0.5, 0.5, 1), line(1.0, 1.0, 1))))
    assert shades(made) == [[0, 4, 0], [2, 2, 0], [4, 0, 0]]  # a column of one value has none


def test_missing_cells_and_controls_take_no_part() -> None:
    ours = Block("Unprompted", (line(0.4, None, None), line(0.5, 0.1, 0.2), line(0.4, 0.1, None)))
    controls = Block("Controls (arithmetic, not ranked)", (line(1.0, 0.0, 1.0),))
    assert shades(grid(ours, controls)) == [[0, 0, 0], [4, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_columns_without_a_better_end_are_not_shaded() -> None:
    made = replace(grid(Block("", (line(0, 0, 0), line(1, 1, 1), line(2, 2, 2)))),
                   columns=(Column("a"), Column("b"), Column("c")))  # fmt: skip
    assert shades(made) == [[0] * 3] * 3


def test_the_mean_moves_to_the_front_with_its_cells(tmp_path: Path) -> None:
    before = main_grid(make(tmp_path, Plan(cases=3)).study())
    after = mean_first(before)
    count = sum(column.group == MEAN.capitalize() for column in before.columns)
    assert count > 0
    assert after.columns == (*before.columns[-count:], *before.columns[:-count])
    for one, other in zip(before.lines(), after.lines(), strict=True):
        assert other.cells == (*one.cells[-count:], *one.cells[:-count])
    block = next(block for block in before.blocks if block.title.startswith("Controls"))
    assert not any(map(any, shades(replace(before, blocks=(block,)))))
