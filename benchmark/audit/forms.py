"""Finds the table in a text: CSV, aligned columns, Markdown, HTML or LaTeX, as it is pasted.

**Conventions**

1. The header is the first row. A second or later row without numbers that names metrics belongs to
   it: its titles stand under those of the rows above, which may span several columns.
2. A row in which one cell alone holds something is a heading of the rows below it, and a line above
   the header is a caption.
3. A text holds one table.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmark.audit import latex, web
from benchmark.audit.cells import cell_of, is_nothing, unmarked
from benchmark.audit.metrics import column_of
from benchmark.core.errors import ScoreTableError

DELIMITERS = ";", "\t", ","
FORM = "a header with a name of the method and columns such as Dice and IoU (docs/audit.md)"
SEPARATOR = re.compile(r"^\s*[|+]*\s*:?[-=]+:?\s*(?:[|+]\s*:?[-=]+:?\s*)*[|+]?\s*$")
DEEPEST = 5  # rows that a header may have
BORDERS = str.maketrans("│┃║┆", "||||")
GAP = re.compile(r"\s{2,}|\t")


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes:
        number: of its line in the file.
        cells: as printed.
        block: the heading above it, or a number where a rule sets its group of rows apart.
    """

    number: int
    cells: tuple[str, ...]
    block: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table before it is understood.

    Attributes:
        comma: whether a comma is a decimal point.
    """

    header: tuple[str, ...]
    lines: tuple[Line, ...]
    comma: bool = False
    form: str = field(default="CSV")


def read_text(path: Path) -> str:
    """A text file, whatever its byte-order mark and line ends.

    Raises: ScoreTableError if it is missing or no UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise ScoreTableError(path, found.lower(), "a table", "Name one.") from error
    except UnicodeDecodeError as error:
        do = "Save it in UTF-8 (a spreadsheet offers that beside plain CSV)."
        raise ScoreTableError(path, "no UTF-8 text", "UTF-8", do) from error
    if "\0" in text:
        raise ScoreTableError(path, "zero bytes in it", "text", "Save it as CSV in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """A strict CSV file: the header, the other rows with their line numbers, and the delimiter.

    Raises: ScoreTableError.
    """
    text = read_text(path)
    delimiter = _delimiter(text)
    kept = [(line, cells) for line, cells in _split(path, text, delimiter) if any(cells)]
    if len(kept) < 2:
        found = "no rows" if kept else "nothing in it"
        raise ScoreTableError(path, found, FORM, "Write a row a method.")
    (line, header), *rows = kept
    for line, cells in rows:
        if len(cells) != len(header):
            raise _uneven(path, line, len(cells), len(header))
    return header, rows, delimiter


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((each for each in DELIMITERS if each in first), ",")


def _split(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        found = f"unreadable ({error})"
        raise ScoreTableError(path, found, "a CSV file", "Check its quotes.") from error


def _uneven(path: Path, line: int, found: int, expected: int) -> ScoreTableError:
    do = "Put quotes around a cell that holds the delimiter, or fill in what is missing."
    where = f"{path}, line {line}"
    return ScoreTableError(where, f"{found} cells", f"{expected}, as in the header", do)


def read_sheet(path: Path) -> Sheet:
    """The table of a file (Conventions).

    Raises: ScoreTableError.
    """
    text = read_text(path)
    form, comma = "CSV", False
    if web.is_html(text):
        form, rows = "HTML", _html(path, text)
    elif latex.is_latex(text):
        form, rows = "LaTeX", _latex(path, text)
    elif _is_markdown(text):
        form, rows = "Markdown", _markdown(path, text)
    else:
        delimiter = _delimiter(text)
        comma = delimiter != ","
        aligned = _aligned(text)
        rows = aligned or [(n, cells, False) for n, cells in _split(path, text, delimiter)]
    kept = [row for row in rows if any(cell for cell in row[1])]
    if not kept:
        raise ScoreTableError(path, "nothing in it", FORM, "Write a row a method.")
    return _sheet(path, kept, comma or form != "CSV", form)


def _latex(path: Path, text: str) -> list[tuple[int, list[str], bool]]:
    tables = len(re.findall(r"\\end\{table\*?\}", text))
    if tables > 1:
        raise _several(path, tables)
    return list(latex.rows_of(text))


def _html(path: Path, text: str) -> list[tuple[int, list[str], bool]]:
    tables = web.rows_of(text)
    if len(tables) > 1:
        raise _several(path, len(tables), [table[0][0] for table in tables])
    return [(line, cells, False) for table in tables for line, cells in table]


def _is_markdown(text: str) -> bool:
    lines = [line.strip().translate(BORDERS) for line in text.splitlines() if line.strip()]
    return any("|" in line for line in lines) and (
        any(SEPARATOR.match(line) and ("|" in line or "+" in line) for line in lines)
        or sum(line.startswith("|") for line in lines) > 1
    )


def _markdown(path: Path, text: str) -> list[tuple[int, list[str], bool]]:
    """The rows of the one table of a Markdown text."""
    tables: list[list[tuple[int, list[str], bool]]] = [[]]
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().translate(BORDERS)
        if SEPARATOR.match(line) and tables[-1]:
            continue
        if "|" in line and not SEPARATOR.match(line):
            inner = re.sub(r"(?<!\\)\|$", "", line.removeprefix("|"))
            cells = [c.replace(r"\|", "|").strip() for c in re.split(r"(?<!\\)\|", inner)]
            tables[-1].append((number, cells, False))
        elif tables[-1] and not line.startswith("+"):
            tables.append([])
    found = [table for table in tables if len(table) > 1]
    if len(found) > 1:
        raise _several(path, len(found), [table[0][0] for table in found])
    return found[0] if found else tables[0]


def _several(path: Path, count: int, lines: Sequence[int] = ()) -> ScoreTableError:
    where = f" (lines {', '.join(map(str, lines))})" if lines else ""
    do = "Leave the others out, or save each as a file of its own."
    return ScoreTableError(path, f"{count} tables{where}", "one table", do)


def _aligned(text: str) -> list[tuple[int, list[str], bool]]:
    """Rows whose columns spaces set apart; none where another delimiter stands in the header."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines or any(each in lines[0][1] for each in DELIMITERS):
        return []
    rows = [(n, GAP.split(line), False) for n, line in lines]
    width = len(rows[0][1])
    return rows if width > 1 and all(len(cells) == width for _, cells, _ in rows) else []


def _sheet(
    path: Path, rows: Sequence[tuple[int, list[str], bool]], comma: bool, form: str
) -> Sheet:
    """Header, headings of groups, and rows of one width."""
    width = max(len(_trimmed(cells)) for _, cells, _ in rows)
    start = next((k for k, row in enumerate(rows) if len(_trimmed(row[1])) > 1), 0)
    header, used = _header([cells for _, cells, _ in rows[start:]], width)
    lines: list[Line] = []
    block, ruled = "", 0
    for number, cells, above in rows[start + used :]:
        ruled += above
        filled = [cell for cell in cells if cell]
        if _is_heading(cells, filled, width):
            block = unmarked(filled[0])[0]
            continue
        if len(_trimmed(cells)) > len(header) or (form == "CSV" and len(cells) < len(header)):
            raise _uneven(path, number, len(cells), len(header))
        if not (_same(cells, header) or _names_metrics(cells)):
            lines.append(Line(number, tuple(_padded(cells, len(header))), block or str(ruled)))
    if not lines:
        raise ScoreTableError(path, "no rows", FORM, "Write a row a method.")
    if ruled < 2 or 2 * ruled > len(lines):  # rules that frame the table, or part each row
        lines = [replace(line, block="" if line.block.isdigit() else line.block) for line in lines]
    return Sheet(tuple(header), tuple(lines), comma, form)


def _is_heading(cells: Sequence[str], filled: Sequence[str], width: int) -> bool:
    """Whether a row is one text over the rows below: «CNN-based methods»."""
    texts = {cell for cell in filled if not is_nothing(cell)}
    alone = len(texts) == 1 and (len(filled) == 1 or len(filled) == len(cells))
    return alone and width > 2 and not cell_of(next(iter(texts)))


def _same(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row repeats the header, as on the next page of a long table."""
    return [cell.casefold() for cell in _trimmed(cells)] == [
        cell.casefold() for cell in _trimmed(header)
    ]


def _names_metrics(cells: Sequence[str]) -> bool:
    """Whether a row is another header: several metrics and no number."""
    named = sum(column_of(cell).kind == "metric" for cell in cells[1:])
    return named > 1 and not any(cell_of(cell) for cell in cells)


def _trimmed(cells: Sequence[str]) -> list[str]:
    """The cells without empty ones at the end."""
    full = [k for k, cell in enumerate(cells) if cell]
    return list(cells[: full[-1] + 1 if full else 0])


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _header(rows: Sequence[list[str]], width: int) -> tuple[list[str], int]:
    """The titles of the columns, and over how many rows they stand (Conventions, 1)."""
    used = _deep(rows)
    top = _stacked([_padded(row, width) for row in rows[: used - 1]])
    below = _padded(rows[used - 1], width) if len(rows) > used else []
    metrics = [column_of(title).kind == "metric" for title in below]
    above = [column_of(title).kind == "metric" for title in top]
    names = sum(1 for cell in below if cell and not is_nothing(cell))
    under_metrics = any(above) and names > 1 and not below[0]
    if any(cell_of(cell) for cell in below) or not (sum(metrics) > 1 or under_metrics):
        return list(rows[0]), 1
    titles, last = [], ""
    for k, (first, second) in enumerate(zip(top, below, strict=True)):
        last = (first or last) if second else ""
        both = f"{last}/{second}" if metrics[k] else f"{second}/{last}"
        titles.append(both if last and second else first or second)
    return titles, used


def _deep(rows: Sequence[list[str]]) -> int:
    """How many rows the header has at most: 2, or more where a later one names the metrics."""
    for k, cells in enumerate(rows[:DEEPEST]):
        if any(cell_of(cell) for cell in cells):
            break
        if k > 1 and sum(column_of(cell).kind == "metric" for cell in cells) > 1:
            return k + 1
    return 2


def _stacked(rows: Sequence[list[str]]) -> list[str]:
    """Rows of groups of columns as one: what stands over a column, outermost first."""
    *outer, titles = rows
    for cells in reversed(outer):
        last, joined = "", []
        for first, second in zip(cells, titles, strict=True):
            last = first or last
            joined.append(f"{last} {second}" if last and second else first or second)
        titles = joined
    return titles
