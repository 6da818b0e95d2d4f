"""Reads the rows of a printed table.

**Conventions**

1. Columns that name a data set («Kvasir/dsc») become a row each. Where methods recur under the
   headings of a table, the headings are data sets.
2. A cell that is left empty under a name, beside names to its right, has the name above it.
3. Rows of spreads (Std), of gains, of p-values and of signed numbers are passed over. So is a cell
   that holds something else than one number. All of these are named.
4. Methods that share a name carry the other words of their rows too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmark.audit.cells import Cell, cell_of, is_nothing, unmarked
from benchmark.audit.columns import Body, body_of, is_mean
from benchmark.audit.forms import FORM, Line, read_sheet
from benchmark.audit.kind import no_results
from benchmark.audit.metrics import Column
from benchmark.audit.table import Row, Table, plain, spelled
from benchmark.core.errors import ScoreTableError

NO_ROW = re.compile(
    r"(?:±\s*)?(?:std\.?(?:\s*dev\.?)?|s\.?d\.?|standard deviation|variance|iqr|median"
    r"|min|max|count|p[\s-]?values?|(?:\d\d\s*%\s*)?ci(?:[\s@_]*0?\.?\d+\s*%?)?|range|(?:[Δδ]|delta)(?:\s.*)?"
    r"|(?:abs\w*\.?|rel\w*\.?)?\s*(?:improvements?|gains?|diff(?:erence)?s?|drops?|increase)\b.*)",
    re.I,
)


def read_table(path: Path) -> Table:
    """Reads a printed table.

    Raises: ScoreTableError naming the file, and the line and the column where there is one.
    """
    body = body_of(read_sheet(path))
    if not body.places("metric"):
        listed = ", ".join(repr(title) for title in body.sheet.header)
        do = "Add a column of numbers, or name it as a metric."
        raise ScoreTableError(path, f"no column of a metric among {listed}", FORM, do)
    passed: list[str] = []
    rows = [row for line, names in _named(body) for row in _rows(body, line, names, passed)]
    rows = _joined(_by_block(rows))
    metrics: dict[str, Column] = {}
    for k in body.places("metric"):
        metrics.setdefault(body.columns[k].metric, body.columns[k])
    unread = (unmarked(body.columns[k].title)[0] for k in body.places("other") if body.numeric(k))
    kept = tuple(title for title in unread if title)
    return Table(path.name, tuple(rows), metrics, kept, tuple(passed), no_results(body))


def _labels(body: Body) -> list[int]:
    """Columns of words, and of numbers that are settings: they stand before the metrics."""
    first = min(body.places("metric"))
    return [k for k in body.places("other") if k < first or not body.numeric(k)]


def _named(body: Body) -> Iterator[tuple[Line, dict[int, str]]]:
    """Each line with its names by column, those from above filled in (Conventions, 2)."""
    keys = sorted([*body.places("method"), *body.places("dataset"), *_labels(body)])
    above: dict[int, str] = {}
    for line in body.sheet.lines:
        names = {k: _name(line.cells[k]) for k in keys}
        for k in keys:
            if not names[k] and any(names[j] for j in keys if j > k):
                names[k] = above.get(k, "")
        above = {k: name or above.get(k, "") for k, name in names.items()}
        yield line, names


def _name(text: str) -> str:
    bare = unmarked(text)[0]
    return bare if any(char.isalnum() for char in bare) else ""


def _rows(body: Body, line: Line, names: dict[int, str], passed: list[str]) -> Iterator[Row]:
    """The rows of one line: one in the long form, one a data set in the wide form."""
    method = " ".join(names[k] for k in body.places("method"))
    own = tuple(names[k] for k in body.places("dataset"))
    if not body.places("dataset") and is_mean(method):
        own, method = (method,), ""
    if any(NO_ROW.fullmatch(word.strip()) for word in (method, *own) if word):
        passed.append(f"line {line.number}: {method or ', '.join(own)}")
        return
    where = f"line {line.number}"
    read = {k: _cell(body, line, k, passed) for k in body.places("metric")}
    if _signed([cell for k, cell in read.items() if body.columns[k].share]):
        passed.append(f"{where}: signed numbers")
        return
    for dataset in dict.fromkeys(
        body.columns[k].dataset for k in (*body.places("metric"), *body.places("rank"))
    ):
        cells = {
            body.columns[k].metric: cell
            for k, cell in read.items()
            if cell and body.columns[k].dataset == dataset
        }
        ranks = {
            body.columns[k].metric: rank
            for k in body.places("rank")
            if body.columns[k].dataset == dataset and (rank := _whole(line.cells[k])) is not None
        }
        places = (*own, dataset) if _wide(body) else own
        yield Row(line.number, method, places, cells, ranks, _n(body, line), line.block,
                  tuple(names[k] for k in _labels(body)), _others(body, line),
                  _named_in_bold(body, line))  # fmt: skip


def _named_in_bold(body: Body, line: Line) -> bool:
    """Whether every name of a line is bold."""
    places = [*body.places("method"), *body.places("dataset")]
    names = [line.cells[k] for k in places if not is_nothing(line.cells[k])]
    return bool(names) and all(unmarked(name)[1] == "best" for name in names)


def _wide(body: Body) -> bool:
    return any(column.dataset for column in body.columns if column.kind in ("metric", "rank"))


def _cell(body: Body, line: Line, place: int, passed: list[str]) -> Cell | None:
    text = line.cells[place]
    cell = None if is_nothing(text) else cell_of(text, body.sheet.comma)
    if cell is None and not is_nothing(text):
        title = unmarked(body.columns[place].title)[0]
        passed.append(f"line {line.number}, {title}: {text!r} is no single number")
    return cell


def _signed(cells: Sequence[Cell | None]) -> bool:
    """Whether a row holds differences: every share has a sign."""
    known = [cell for cell in cells if cell]
    return len(known) > 0 and all(cell.signed or cell.value == 0 for cell in known) and any(
        cell.signed for cell in known
    )  # fmt: skip


def _whole(text: str) -> int | None:
    found = re.search(r"\d+", unmarked(text)[0].replace(",", ""))
    return int(found.group()) if found and int(found.group()) > 0 else None


def _n(body: Body, line: Line) -> int | None:
    return next((_whole(line.cells[k]) for k in body.places("n")), None)


def _others(body: Body, line: Line) -> dict[str, Cell]:
    """Numbers of columns that are no known metric."""
    found = {
        body.columns[k].title: cell_of(line.cells[k], body.sheet.comma)
        for k in body.places("other")
        if body.numeric(k)
    }
    return {title: cell for title, cell in found.items() if cell}


def _by_block(rows: Sequence[Row]) -> list[Row]:
    """Headings are data sets where methods recur under them and nothing else names one."""
    blocks: dict[str, set[str]] = {}
    for row in rows:
        blocks.setdefault(spelled(row.method), set()).add(row.block)
    recur = any(len(found) > 1 for found in blocks.values())
    if not recur or any(any(row.places) or not row.block for row in rows):
        return list(rows)
    return [replace(row, places=(row.block,), block="") for row in rows]


def _joined(rows: Sequence[Row]) -> list[Row]:
    """Method names with the other words of their rows, where the names alone are not enough."""
    if not rows:
        return []
    used: list[int] = []
    for k in range(len(rows[0].labels)):
        if _repeats(rows, [*used, k]) < _repeats(rows, used):
            used.append(k)
    return [
        replace(row, method=", ".join(w for w in (row.method, *(row.labels[k] for k in used)) if w))
        for row in rows
    ]


def _repeats(rows: Sequence[Row], used: Sequence[int]) -> int:
    """How many rows have a name that stands for an earlier line already."""
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        name = (spelled(row.method), plain(row.dataset), *(row.labels[k] for k in used))
        seen.setdefault(name, row.line)
    return len({row.line for row in rows}) - len(set(seen.values()))
