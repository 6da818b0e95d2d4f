"""The table that fits into a README: DSC alone, one number a cell, the best row first."""

from dataclasses import replace

from benchmark.reports.study import Study
from benchmark.reports.tables.grid import Block, Cell, Column, Grid, Line, Marks
from benchmark.reports.tables.main import (
    BEST,
    apart_remark,
    blocks_of,
    columns_of,
    missing_remarks,
    score_column,
)
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.results import HEADLINE
from benchmark.statistics.schema import DSC, METRICS
from benchmark.statistics.table import CONTROLS


def headline_grid(study: Study) -> Grid:
    """DSC of the methods: the mean over modalities, then each test set."""
    metric, marks, blocks = METRICS[DSC], Marks(), []
    sets = sorted(columns_of(study), key=lambda column: column[0] != MEAN)
    for block in blocks_of(study, [group for group in HEADLINE if group != CONTROLS]):
        columns = [score_column(study, block, dataset, metric) for dataset, _ in sets]
        rows = sorted(
            zip(block.entries, zip(*columns, strict=True), strict=True),
            key=lambda row: _order(row[1][0]),
        )
        lines = [
            Line(
                entry.title,
                tuple(replace(cell, sub="") for cell in cells),
                marks.of(study.notes(entry)),
            )
            for entry, cells in rows
        ]
        blocks.append(Block(block.title, tuple(lines)))
    return Grid(
        name="headline",
        of=study.mix.title,
        title="DSC",
        head="Method",
        columns=tuple(Column(heading) for _, heading in sets),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            *study.warnings(),
            f"Mean over seeds ± standard deviation over seeds. {BEST} Higher is better.",
            *apart_remark(study, HEADLINE),
            *missing_remarks(blocks),
        ),
    )


def _order(cell: Cell) -> float:
    """The best first; a cell without a number last."""
    return -cell.sort if isinstance(cell.sort, float) else 1.0
