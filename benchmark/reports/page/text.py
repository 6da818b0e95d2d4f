"""The main table as plain text for a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from benchmark.core.text import width
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import Cell, Grid, Line
from benchmark.reports.tables.main import columns_of, main_grid
from benchmark.statistics.schema import Metric, in_table

NAME = 24  # columns of the name of a row
VALUE = 15  # columns of a value


def summary(study: Study) -> str:
    """The main table of a mix: a panel a metric, with the intervals of the first.

    Rows without a result are only counted.
    """
    whole, metrics = main_grid(study), in_table("main")
    grid, absent = whole.present(), whole.absent
    headings = [heading.split(" (")[0] for _, heading in columns_of(study)]
    parts = [f"{study.mix.title}: mean over seeds ± standard deviation over seeds"]
    parts += study.warnings()
    wide = max(1, (width() - NAME) // VALUE)
    for place, metric in enumerate(metrics if grid.lines() else ()):
        for start in range(0, len(headings), wide):
            chosen = range(start, min(start + wide, len(headings)))
            index = [len(metrics) * k + place for k in chosen]
            shown = [headings[k] for k in chosen]
            lines = _panel(grid, metric, shown, index, intervals=place == 0)
            parts.append("\n".join(lines))
    notes = [f"({mark}) {text}" for mark, text in grid.notes]
    below = ["* best of its block. In brackets: 95 % bootstrap interval over cases.", *notes]
    if absent:
        rows = "1 row has" if len(absent) == 1 else f"{len(absent)} rows have"
        below.append(f"{rows} no result: `mixseg status --mix {study.name} --long` lists the runs")
    parts.append(
        "\n".join(textwrap.fill(text, width(), subsequent_indent="    ") for text in below)
    )
    return "\n\n".join(parts)


def _panel(
    grid: Grid, metric: Metric, headings: Sequence[str], index: Sequence[int], *, intervals: bool
) -> Iterator[str]:
    wrapped = [textwrap.wrap(heading, VALUE - 1) or [""] for heading in headings]
    height = max(len(lines) for lines in wrapped)
    for level in range(height):
        name = metric.label if level == height - 1 else ""
        texts = [lines[level - height] if level >= height - len(lines) else "" for lines in wrapped]
        yield _row(name, texts)
    yield "-" * (NAME + VALUE * len(index))
    for block in grid.blocks:
        yield block.title.split(" (")[0]
        for line in block.lines:
            cells = [line.cells[k] for k in index]
            values = [[_value(cell) for cell in cells]]
            if intervals and any(cell.sub for cell in cells):
                values.append([cell.sub.split("\n")[0] for cell in cells])
            names = _names(line)
            for level in range(max(len(names), len(values))):
                name = names[level] if level < len(names) else ""
                yield _row(f"  {name}", values[level] if level < len(values) else [])


def _names(line: Line) -> list[str]:
    """The title with its marks, in lines that fit the first column."""
    marks = f" ({','.join(line.marks)})" if line.marks else ""
    return textwrap.wrap(line.title + marks, NAME - 3, subsequent_indent="  ")


def _value(cell: Cell) -> str:
    return f"*{cell.text}" if cell.rank == 1 else cell.text


def _row(name: str, texts: Sequence[str]) -> str:
    return (name.ljust(NAME) + "".join(text.rjust(VALUE) for text in texts)).rstrip()
