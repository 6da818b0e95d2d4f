"""How good each cell of a column is beside the others, for shading."""

from benchmark.reports.tables.grid import Grid
from benchmark.statistics.results import GROUPS
from benchmark.statistics.table import CONTROLS

LEVELS = 5


def shades(grid: Grid) -> list[list[int]]:
    """Levels of the cells, line by line: 0 is not shaded, 4 is the best of its column.

    A column of three values or more is shaded where its label says which end is better (↑, ↓).
    Equal steps from the worst to the best; controls are not methods and take no part.
    """
    rows = [
        line.cells if not block.title.startswith(GROUPS[CONTROLS]) else ()
        for block in grid.blocks
        for line in block.lines
    ]
    found = [[0] * len(grid.columns) for _ in rows]
    for k, column in enumerate(grid.columns):
        sign = ("↑" in column.label) - ("↓" in column.label)
        sorts = ((i, row[k].sort) for i, row in enumerate(rows) if row)
        values = {i: sign * x for i, x in sorts if isinstance(x, int | float)}
        low, high = min(values.values(), default=0), max(values.values(), default=0)
        if sign and high > low and len(values) > 2:
            for i, value in values.items():
                found[i][k] = min(int(LEVELS * (value - low) / (high - low)), LEVELS - 1)
    return found
