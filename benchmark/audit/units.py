"""Percentages told from fractions, and numbers that no share can have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from benchmark.audit.cells import Cell
from benchmark.audit.evidence import ROWS, habit, softened
from benchmark.audit.finding import Finding, Outcome, at, count
from benchmark.audit.table import Row, Table

LIKE = 3.0  # two numbers within this factor of each other are of one size


def scaled(table: Table) -> tuple[Table, Outcome]:
    """The table with percentages told from fractions, and where the two are mixed.

    Numbers that no share can have are found, and left out of what is looked at afterwards.
    """
    findings: list[Finding] = []
    shares = [name for name, column in table.columns.items() if column.share]
    scales = _scales(table, shares)
    for name in shares:
        cells = [(row, row.cells[name]) for row in table.rows if name in row.cells]
        values, scale = _values(table, name), scales[name]
        odd = [(row, cell) for row, cell in cells if _is_other(cell, values, scale)]
        others = {(row.line, row.dataset) for row, _ in odd}
        wrong = {
            (row.line, row.dataset): found for row, cell in cells
            if (row.line, row.dataset) not in others
            and (found := _impossible(row, name, cell, scale, values))
        }  # fmt: skip
        whole = bool(odd) and all(_is_whole(row, name, scales) for row, _ in odd)
        findings += _mixed(name, odd, len(cells), scale, whole=whole)
        findings += _by_evidence(name, list(wrong.values()), len(cells))
        table = table.with_rows([
            _rescaled(row, name, 100 / scale if (row.line, row.dataset) in others else scale,
                      (row.line, row.dataset) in wrong)
            for row in table.rows
        ])  # fmt: skip
    findings += _columns_differ({n: s for n, s in scales.items() if n != "mae"})
    return table, Outcome(findings, count(len(shares), "column") + " of shares")


def _values(table: Table, name: str) -> list[float]:
    """The numbers of a column that say nothing of their own unit."""
    cells = [row.cells[name] for row in table.rows if name in row.cells]
    return [cell.value for cell in cells if cell.scale == 1]


def _scales(table: Table, shares: Sequence[str]) -> dict[str, float]:
    """100 for columns of percentages, by their numbers.

    A column of small numbers whose title says «%» is one where another such column, with numbers
    of that size, is one: IoU (%) 0.98 beside Dice (%) 1.94.
    """
    values = {name: _values(table, name) for name in shares}
    read = {name: any(name in row.cells for row in table.rows) for name in shares}
    scales = {n: _scale_of(n, v) if v else 100.0 if read[n] else 1.0 for n, v in values.items()}
    said = [n for n in shares if "%" in table.columns[n].title and values[n] and n != "mae"]
    sizes = {name: median(values[name]) for name in said}
    for name in said:
        others = [sizes[n] for n in said if scales[n] > 1]
        if scales[name] == 1 and any(other <= LIKE * sizes[name] for other in others):
            scales[name] = 100.0
    return scales


def _scale_of(name: str, values: Sequence[float]) -> float:
    """MAE in per cent is often below 1 somewhere; the others hardly ever."""
    typical = max(values) if name == "mae" else median(values)
    return 100.0 if typical > 1 else 1.0


def _is_other(cell: Cell, values: Sequence[float], scale: float) -> bool:
    """Whether a number is a fraction among percentages, or a percentage among fractions."""
    mine = [v for v in values if (v > 1) == (scale > 1)]
    if not mine or cell.scale > 1 or cell.value <= 0 or (cell.value > 1) == (scale > 1):
        return False
    if median(mine) <= 0:  # most are zero: of no size
        return False
    factor = 100 if scale > 1 else 0.01
    like = 1 / LIKE <= cell.value * factor / median(mine) <= LIKE
    far = cell.value * 10 < min(mine) if scale > 1 else cell.value > 10 * max(mine)
    return like and far


def _is_whole(row: Row, name: str, scales: Mapping[str, float]) -> bool:
    """Whether a row has other shares, and none in the unit of its column: it may count cases."""
    cells = [(n, row.cells[n]) for n in scales if n in row.cells and n != name]
    return bool(cells) and not any((c.value > 1) == (scales[n] > 1) for n, c in cells)


def _mixed(
    name: str, odd: Sequence[tuple[Row, Cell]], of: int, scale: float, *, whole: bool
) -> list[Finding]:
    if not odd:
        return []
    one, many = ("fraction", "percentages") if scale > 1 else ("percentage", "fractions")
    listed = "; ".join(f"{at(row)}: {cell.text}" for row, cell in odd[:5])
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    what = f"{name}: {len(odd)} of {of} numbers read as a {one} among {many}."
    found = Finding("units", "does not agree", at(odd[0][0]), what, listed + more)
    rest = of - len(odd)
    if whole:
        return [
            softened(found, "that the row holds scores (none of it has the unit of its column)")
        ]
    if habit(rest, len(odd), ROWS):
        return [found]
    return [softened(found, f"that the column has one unit ({rest} of {of} numbers agree)")]


def _by_evidence(name: str, wrong: Sequence[Finding], of: int) -> list[Finding]:
    """The findings, softer where too few numbers of the column are such that a share can have."""
    if habit(of - len(wrong), len(wrong), ROWS):
        return list(wrong)
    why = f"that the column is {name} ({of - len(wrong)} of {of} numbers could be)"
    return [softened(each, why) for each in wrong]


def _impossible(
    row: Row, name: str, cell: Cell, scale: float, values: Sequence[float]
) -> Finding | None:
    """A share below 0 or above 1; MAE may be a distance, and a score without a name anything.

    A small number with a minus may be a difference: a share with a wrong sign is like the others.
    """
    most = cell.scale if cell.scale > 1 else scale
    if name == "score":  # of a table that names no metric
        return None
    if cell.value < 0:
        what, why = f"{name} is negative, and a share is 0 or more.", f"{cell.text} < 0"
    elif name != "mae" and cell.value - cell.half > most:
        what = f"{name} is larger than {most:g}, the largest that a share can be."
        why = f"{cell.text} > {most:g}"
    else:
        return None
    found = Finding("units", "cannot be", at(row), what, why)
    shares = [value for value in values if value > 0]
    if cell.value < 0 and shares and -cell.value * LIKE < median(shares):
        return softened(found, "that this is a share and no difference (it is far from the others)")
    return found


def _rescaled(row: Row, name: str, scale: float, wrong: bool) -> Row:
    cell = row.cells.get(name)
    if wrong:
        return replace(row, cells={n: c for n, c in row.cells.items() if n != name})
    if cell is None or cell.scale > 1:
        return row
    return replace(row, cells={**row.cells, name: replace(cell, scale=scale)})


def _columns_differ(scales: dict[str, float]) -> list[Finding]:
    if len(set(scales.values())) < 2:
        return []
    percent = ", ".join(name for name, scale in scales.items() if scale > 1)
    fractions = ", ".join(name for name, scale in scales.items() if scale == 1)
    what = "Some columns are percentages and some are fractions."
    arithmetic = f"percentages: {percent}; fractions: {fractions}"
    return [Finding("units", "look again", "the header", what, arithmetic)]
