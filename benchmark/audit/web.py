"""HTML tables: their rows, with cells that span several rows or columns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

LARGEST = 1000  # rows or columns that a cell may span
MARKS = {"b": "**", "strong": "**", "u": "__", "ins": "__"}


@dataclass
class Spanning:
    """A cell as it stands in the text.

    Attributes:
        wide, high: over how many columns and rows it stands.
    """

    wide: int
    high: int
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it holds, in one line, with marks as Markdown writes them."""
        joined = " ".join("".join(self.parts).split())
        return re.sub(r"(\*\*|__)\s*(.*?)\s*\1", r"\1\2\1", joined)


class Reader(HTMLParser):
    """Collects the cells of every table of a text, by row and line."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[tuple[int, list[Spanning]]]] = []
        self.dropped = 0  # tags that are open and hold no part of the number
        self.cell: Spanning | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self.cell = None
        elif tag == "tr" and self.tables:
            self.tables[-1].append((self.getpos()[0], []))
            self.cell = None
        elif tag in ("td", "th") and self.tables:
            given = dict(attrs)
            self.cell = Spanning(_span(given.get("colspan")), _span(given.get("rowspan")))
            if not self.tables[-1]:
                self.tables[-1].append((self.getpos()[0], []))
            self.tables[-1][-1][1].append(self.cell)
        elif self.cell is not None:
            self._styled(tag, opened=True)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self.cell, self.dropped = None, 0
        elif self.cell is not None:
            self._styled(tag, opened=False)

    def _styled(self, tag: str, *, opened: bool) -> None:
        if tag in ("script", "style"):
            self.dropped = max(self.dropped + (1 if opened else -1), 0)
        elif self.cell is not None and tag in ("sub", "sup"):  # a cell drops it, a title keeps it
            self.cell.parts.append(f"<{tag}>" if opened else f"</{tag}>")
        elif self.cell is not None:
            self.cell.parts.append(" " if tag == "br" else MARKS.get(tag, ""))

    def handle_data(self, data: str) -> None:
        if self.cell is not None and not self.dropped:
            self.cell.parts.append(data)


def _span(text: str | None) -> int:
    number = int(text) if text and text.strip().isdecimal() else 1
    return min(max(number, 1), LARGEST)


def is_html(text: str) -> bool:
    """Whether a text holds an HTML table."""
    return bool(re.search(r"<table\b", text, re.I))


def rows_of(text: str) -> list[list[tuple[int, list[str]]]]:
    """The rows of every table: line and cells.

    A cell over several columns fills the first of them and leaves the others empty. A cell over
    several rows fills all of them below the first row, which is the header.
    """
    reader = Reader()
    reader.feed(text)
    reader.close()
    tables = [list(_filled(table)) for table in reader.tables]
    return [table for table in tables if table]


def _filled(rows: list[tuple[int, list[Spanning]]]) -> Iterator[tuple[int, list[str]]]:
    """Rows of cells that stand alone; what spans rows of the header leaves those below empty."""
    above: dict[int, tuple[str, int]] = {}  # column: what stands there, for how many more rows
    for number, (line, cells) in enumerate(rows):
        out: list[str] = []
        for cell in cells:
            _reach(out, above)
            for k in range(cell.wide):
                word = cell.text if k == 0 else ""
                if cell.high > 1:
                    above[len(out)] = word if number else "", cell.high
                out.append(word)
        _reach(out, above)
        above = {k: (word, left - 1) for k, (word, left) in above.items() if left > 1}
        yield line, out


def _reach(out: list[str], above: dict[int, tuple[str, int]]) -> None:
    """Adds what reaches down from above into the next columns."""
    while len(out) in above:
        out.append(above[len(out)][0])
