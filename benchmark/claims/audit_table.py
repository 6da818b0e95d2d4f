"""Reads a printed table of results, as it stands in a paper, from a CSV file.

**Conventions**

1. A row is a method on a dataset. Columns named «dataset/metric» are the wide form, and become a
   row a dataset. A dataset called average (mean, avg, overall) holds stated averages over the rest.
2. A number keeps its printed digits: 0.91 stands for anything between 0.905 and 0.915.
3. Marks stand in the cell: **0.91** or \\textbf{0.91} is a best mark, __0.91__ or
   \\underline{0.91} a second. A spread may stand behind the number (0.91±0.02, 0.91(.02)); it is
   passed over.
4. An empty cell, a dash or n/a is no number. Everything else that is none is an error.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmark.claims.audit_metrics import KEYS, Column, column_of
from benchmark.core.errors import ScoreTableError

AVERAGES = {"average", "mean", "avg", "overall", "macroaverage", "averageoverdatasets"}
NOTHING = {"", "-", "–", "—", "n/a", "na", "n.a.", "/"}
DELIMITERS = ";", "\t", ","
BOLD = re.compile(r"^(?:\*\*(.*)\*\*|\\textbf\{(.*)\}|<b>(.*)</b>|<strong>(.*)</strong>)$")
UNDER = re.compile(r"^(?:__(.*)__|\\underline\{(.*)\}|<u>(.*)</u>)$")
SPREAD = re.compile(r"^(.*?)\s*(?:±\s*([\d.]+)|\\pm\s*([\d.]+)|\(\s*±?\s*([\d.]+)\s*\))\s*%?$")
NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)$")
FORM = "a header with `method` and columns such as dsc and iou; `mixseg audit --help` shows it"


@dataclass(frozen=True)
class Cell:
    """A printed number.

    Attributes:
        text: as printed, without its mark.
        value: the number; `scale` times the share for metrics that are shares.
        half: half a unit of the last printed digit.
        mark: "best", "second" or "".
        scale: 100 for percentages, else 1.
    """

    text: str
    value: float
    half: float
    mark: str = ""
    scale: float = 1.0

    @property
    def share(self) -> float:
        """The value with percentages taken out."""
        return self.value / self.scale

    @property
    def slack(self) -> float:
        """Half a unit of the last printed digit, in the unit of `share`."""
        return self.half / self.scale

    @property
    def low(self) -> float:
        """The smallest share that prints like this."""
        return self.share - self.slack

    @property
    def high(self) -> float:
        """The largest share that prints like this."""
        return self.share + self.slack


@dataclass(frozen=True)
class Row:
    """A method on a dataset.

    Attributes:
        line: where it stands in the file.
        cells: by metric.
        ranks: stated ranks by metric.
        n: test cases; None where unknown.
    """

    line: int
    method: str
    dataset: str
    cells: Mapping[str, Cell]
    ranks: Mapping[str, int] = field(default_factory=dict)
    n: int | None = None

    @property
    def name(self) -> str:
        """What a reader calls the row."""
        return f"{self.method} on {self.dataset}" if self.dataset else self.method

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart; U-Net and U-Net++ are two methods."""
        return " ".join(self.method.casefold().split()), plain(self.dataset)

    @property
    def is_average(self) -> bool:
        """Whether it holds stated averages over the datasets."""
        return plain(self.dataset) in AVERAGES


@dataclass(frozen=True)
class Table:
    """A printed table.

    Attributes:
        name: of the file.
        columns: what each metric is, in the order of the file.
        unread: titles of columns that are no metric known here.
    """

    name: str
    rows: tuple[Row, ...]
    columns: Mapping[str, Column]
    unread: tuple[str, ...] = ()

    def datasets(self) -> dict[str, list[Row]]:
        """The rows by dataset."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.dataset, []).append(row)
        return found

    def with_rows(self, rows: Sequence[Row]) -> "Table":
        """The same table with other rows."""
        return replace(self, rows=tuple(rows))


def plain(text: str) -> str:
    """Letters and digits in lower case: «ISIC 2018» is isic2018."""
    return "".join(char for char in text.casefold() if char.isalnum())


def read_text(path: Path) -> str:
    """A text file, whatever its byte-order mark and line ends.

    Raises: ScoreTableError if it is missing or no UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise ScoreTableError(path, found.lower(), "a CSV file", "Name one.") from error
    except UnicodeDecodeError as error:
        do = "Save it as CSV in UTF-8 (a spreadsheet offers that beside plain CSV)."
        raise ScoreTableError(path, "no UTF-8 text", "UTF-8", do) from error
    if "\0" in text:
        raise ScoreTableError(path, "zero bytes in it", "text", "Save it as CSV in UTF-8.")
    return text


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """The header, the other rows with their line numbers, and the delimiter; empty rows dropped.

    Raises: ScoreTableError.
    """
    text = read_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((each for each in DELIMITERS if each in first), ",")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        found = f"unreadable ({error})"
        raise ScoreTableError(path, found, "a CSV file", "Mend the quotes.") from error
    kept = [(line, cells) for line, cells in lines if any(cells)]
    if len(kept) < 2:
        found = "no rows" if kept else "nothing in it"
        raise ScoreTableError(path, found, FORM, "Write a row a method.")
    (line, header), *rows = kept
    for line, cells in rows:
        if len(cells) != len(header):
            found, expected = f"{len(cells)} cells", f"{len(header)}, as in the header"
            do = "Put quotes around a cell that holds a comma." if delimiter == "," else "Mend it."
            raise ScoreTableError(f"{path}, line {line}", found, expected, do)
    return header, rows, delimiter


def read_table(path: Path) -> Table:
    """Reads a printed table.

    Raises: ScoreTableError naming the file, and the line and the column where there is one.
    """
    header, rows, delimiter = read_rows(path)
    columns = [column_of(name) for name in header]
    _check_header(path, header, columns)
    made = [
        row
        for line, cells in rows
        for row in _rows(f"{path}, line {line}", line, list(zip(columns, cells, strict=True)),
                         delimiter)
    ]  # fmt: skip
    metrics = {c.metric: c for c in columns if c.kind == "metric"}
    unread = tuple(column.title for column in columns if column.kind == "other")
    return Table(path.name, tuple(made), metrics, unread)


def _check_header(path: Path, header: Sequence[str], columns: Sequence[Column]) -> None:
    keys = [(column.kind, column.dataset, column.metric) for column in columns]
    twice = next((name for name, key in zip(header, keys, strict=True) if keys.count(key) > 1), "")
    if twice:
        do = "Leave one out, or name the datasets: kvasir/dsc."
        raise ScoreTableError(path, f"column {twice!r} twice", "one of each", do)
    listed = ", ".join(repr(name) for name in header)
    if not any(column.kind == "method" for column in columns):
        do = "Name the first column `method`."
        raise ScoreTableError(path, f"no column method among {listed}", FORM, do)
    if not any(column.kind == "metric" for column in columns):
        do = "Add a column of numbers."
        raise ScoreTableError(path, f"no column of a metric among {listed}", FORM, do)


def _rows(
    where: str, line: int, cells: Sequence[tuple[Column, str]], delimiter: str
) -> Iterator[Row]:
    """The rows of one line: one in the long form, one a dataset in the wide form."""
    keys = {column.kind: text for column, text in cells if column.kind in KEYS}
    if not keys.get("method"):
        raise ScoreTableError(f"{where}, column method", "empty", "a name", "Name the method.")
    n = _whole(f"{where}, column n", keys.get("n", ""))
    datasets = dict.fromkeys(c.dataset for c, _ in cells if c.kind in ("metric", "rank"))
    for dataset in datasets:
        mine = [(column, text) for column, text in cells if column.dataset == dataset]
        found = {
            column.metric: cell
            for column, text in mine
            if column.kind == "metric"
            and (cell := _cell(f"{where}, column {column.title}", text, column, delimiter))
        }
        ranks = {
            column.metric: rank
            for column, text in mine
            if column.kind == "rank"
            and (rank := _whole(f"{where}, column {column.title}", text)) is not None
        }
        name = dataset or keys.get("dataset", "")
        yield Row(line, _unmarked(keys["method"])[0], name, found, ranks, n)


def _whole(where: str, text: str) -> int | None:
    text = _unmarked(text)[0]
    if text.casefold() in NOTHING:
        return None
    if not re.fullmatch(r"\d+", text) or int(text) < 1:
        raise ScoreTableError(where, repr(text), "a whole number from 1", "Mend that cell.")
    return int(text)


def _unmarked(text: str) -> tuple[str, str]:
    """The text without its mark, and the mark."""
    for pattern, mark in ((BOLD, "best"), (UNDER, "second")):
        found = pattern.match(text.strip())
        if found:
            return next(part for part in found.groups() if part is not None).strip(), mark
    return text.strip(), ""


def _cell(where: str, text: str, column: Column, delimiter: str) -> Cell | None:
    bare, mark = _unmarked(text)
    spread = SPREAD.match(bare)
    if spread:
        bare, inner = _unmarked(spread.group(1))
        mark = mark or inner
    percent = bare.endswith("%")
    digits = bare.rstrip("%").strip()
    if delimiter == ";":
        digits = digits.replace(",", ".")
    if digits.casefold() in NOTHING:
        return None
    expected = "a number, or nothing where there is none"
    if not NUMBER.match(digits):
        raise ScoreTableError(where, repr(text), expected, "Mend that cell.")
    value, decimals = float(digits), len(digits.partition(".")[2])
    if not math.isfinite(value) or value < 0 or (column.share and value > 100):
        allowed = "0 to 1, or 0 to 100 per cent" if column.share else "0 or more"
        raise ScoreTableError(where, digits, allowed, "Mend that cell.")
    return Cell(digits, value, 0.5 * 10.0**-decimals, mark, 100.0 if percent else 1.0)
