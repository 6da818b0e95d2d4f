"""A table before it is HTML, Markdown, LaTeX or CSV: columns, blocks of lines, notes."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from benchmark.core.spreadsheet import as_text
from benchmark.core.text import letter

MISSING = "missing"
NOT_SCORED = "not scored"
MASKS_ONLY = "masks only"
EDITED = "edited"
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        sub: smaller lines below it.
        sort: what it is sorted by; None goes last.
        rank: 1 is best (bold), 2 second (underlined).
        kind: a missing value, one that differs from most in its column, a good or a bad verdict.
    """

    text: str
    sub: str = ""
    sort: float | str | None = None
    rank: int = 0
    kind: Literal["", "missing", "differs", "good", "bad"] = ""


def missing(text: str = MISSING) -> Cell:
    """A cell whose value is missing, and that says so."""
    return Cell(text, kind="missing")


@dataclass(frozen=True)
class Column:
    """One column; columns of one `group` stand next to each other under it."""

    label: str
    group: str = ""
    numeric: bool = True
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One row: its title, the marks of its notes, its cells.

    Attributes:
        planned: whether it tells of a method that has no run yet.
    """

    title: str
    cells: tuple[Cell, ...]
    marks: tuple[str, ...] = ()
    sub: str = ""
    planned: bool = False

    @property
    def absent(self) -> bool:
        """Whether it has no result: it is only planned, or its cells say no more than "missing"."""
        texts = {cell.text for cell in self.cells}
        return self.planned or (MISSING in texts and texts <= {MISSING, NONE})


Marked = TypeVar("Marked", Line, Column)


@dataclass(frozen=True)
class Block:
    """Rows that belong together, under a title that may be empty."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Grid:
    """A whole table.

    Attributes:
        name: of its files and its anchor.
        of: the mix, said before the title where the table stands alone.
        head: the label of the first column.
        inner, outer: what the columns of a group and the groups are, for who chooses among them.
        notes: (mark, text) of the footnotes.
        remarks: sentences below it without a mark.
        records: what its CSV holds; empty: the cells themselves.
    """

    name: str
    of: str
    title: str
    head: str
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    notes: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    records: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    inner: str = "Metric"
    outer: str = "Test set"

    def spans(self) -> list[tuple[str, int]]:
        """The groups of columns with their widths; empty where no column has one."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(name for name, _ in spans) else []

    def starts(self) -> list[bool]:
        """Whether a column begins a group."""
        before = [None, *(column.group for column in self.columns)]
        return [
            column.group not in ("", name)
            for column, name in zip(self.columns, before, strict=False)
        ]

    def lines(self) -> list[Line]:
        """All lines of all blocks."""
        return [line for block in self.blocks for line in block.lines]

    def present(self) -> "Grid":
        """The same table without the lines that have no result, and without their notes."""
        if not self.absent:
            return self
        kept = [(b.title, [x for x in b.lines if not x.absent]) for b in self.blocks]
        told: list[Line | Column] = [*self.columns, *(x for _, lines in kept for x in lines)]
        used = {mark for each in told for mark in each.marks}
        notes = [(mark, text) for mark, text in self.notes if mark in used]
        new = {mark: letter(i) for i, (mark, _) in enumerate(notes, 1)}
        return replace(
            self,
            columns=tuple(_marked(column, new) for column in self.columns),
            blocks=tuple(
                Block(title, tuple(_marked(line, new) for line in lines))
                for title, lines in kept
                if lines
            ),
            notes=tuple((new[mark], text) for mark, text in notes),
        )

    @property
    def absent(self) -> list[str]:
        """The titles of the lines that have no result, each once."""
        return list(dict.fromkeys(line.title for line in self.lines() if line.absent))

    def reasons(self) -> dict[str, list[str]]:
        """The lines that have no result, by their notes, which say why."""
        notes = dict(self.notes)
        found: dict[str, dict[str, None]] = {}
        for line in self.lines():
            if line.absent:
                why = "; ".join(notes[mark] for mark in line.marks)
                found.setdefault(why, {})[line.title] = None
        return {why: list(titles) for why, titles in found.items()}

    def full_title(self) -> str:
        """The title where the table stands alone."""
        return f"{self.of}: {self.title}"

    def csv(self) -> str:
        """The table as CSV."""
        return csv_text(self.records or self.flat())

    def flat(self) -> list[dict[str, str]]:
        """The cells as records."""
        return [
            {"block": block.title, self.head: line.title}
            | {
                f"{column.group} {column.label}".strip(): cell.text
                for column, cell in zip(self.columns, line.cells, strict=True)
            }
            for block in self.blocks
            for line in block.lines
        ]


def _marked(of: Marked, new: Mapping[str, str]) -> Marked:
    """The same line or column with other marks."""
    return replace(of, marks=tuple(new[mark] for mark in of.marks))


class Marks:
    """Letters for footnotes; rows with the same note share one."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def of(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The marks of some notes."""
        self._texts += [text for text in dict.fromkeys(texts) if text not in self._texts]
        return tuple(letter(i) for i, text in enumerate(self._texts, 1) if text in texts)

    def notes(self) -> tuple[tuple[str, str], ...]:
        """All notes given so far, with their marks."""
        return tuple((letter(i), text) for i, text in enumerate(self._texts, 1))


def number(value: float, digits: int) -> str:
    """A number for reading; a dash where there is none."""
    if math.isnan(value):
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV: six digits, nothing for NaN, no formulas, Unix line ends."""
    buffer = io.StringIO()
    if records:
        writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _csv_cell(v) for k, v in record.items()} for record in records)
    return buffer.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}"
    return as_text(value)
