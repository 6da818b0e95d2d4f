"""What a section of the page is made of."""

from dataclasses import dataclass, replace
from functools import cached_property

from benchmark.reports.figures.drawing import Figure
from benchmark.reports.page.answers import Answer
from benchmark.reports.page.verify import Check
from benchmark.reports.tables.grid import Grid
from benchmark.statistics.intervals import MEAN

CELLS = 2000  # of a table on the page: the page stays small whatever the number of rows
LINES = 10  # that are shown at least
WHOLE = "whole"  # the folder of pages that hold one whole table each


@dataclass(frozen=True)
class Shown:
    """A table on the page.

    Attributes:
        folder: that its files lie in.
        file: the name of its files, where the page shows a part of them.

    Lines that have no result are named below the table, folded: a table of "missing" says little.
    """

    folder: str
    grid: Grid
    file: str = ""

    @property
    def lines(self) -> int:
        """How many of the lines with a result the page shows."""
        return min(len(self.present.lines()), max(LINES, CELLS // (len(self.grid.columns) + 1)))

    @cached_property
    def present(self) -> Grid:
        """The table of the lines with a result."""
        return self.grid.present()

    @property
    def whole(self) -> str:
        """The page of the whole table; empty where the report shows all lines."""
        return f"{WHOLE}/{self.grid.name}.html" if self.lines < len(self.present.lines()) else ""


@dataclass(frozen=True)
class Folded:
    """What a reader opens: tables, or a list."""

    title: str
    tables: tuple[Shown, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: of its heading.
        short: its entry in the contents bar.
        lead: sentences before its content.
        answers: points of the summary.
        folded: after the rest.
        empty: said instead of content where there is none.
        tables_first: whether the tables stand before the figures.
    """

    anchor: str
    title: str
    short: str
    lead: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Shown, ...] = ()
    checks: tuple[Check, ...] = ()
    answers: tuple[Answer, ...] = ()
    folded: tuple[Folded, ...] = ()
    empty: str = ""
    tables_first: bool = False

    @property
    def bare(self) -> bool:
        """Whether it has nothing to show."""
        return not (self.figures or self.tables or self.checks or self.answers or self.folded)

    def shown(self) -> list[Shown]:
        """Its tables, those that are folded among them."""
        return [*self.tables, *(each for folded in self.folded for each in folded.tables)]

    def index(self) -> list[tuple[str, str]]:
        """Anchor and title of its figures and tables."""
        return [(f"figure-{figure.name}", figure.title) for figure in self.figures] + [
            (f"table-{each.grid.name}", each.grid.title) for each in self.shown()
        ]


def mean_first(grid: Grid) -> Grid:
    """The same table with the mean over modalities before the test sets."""
    order = sorted(
        range(len(grid.columns)), key=lambda k: grid.columns[k].group != MEAN.capitalize()
    )
    blocks = (
        replace(
            block,
            lines=tuple(
                replace(line, cells=tuple(line.cells[k] for k in order)) for line in block.lines
            ),
        )
        for block in grid.blocks
    )
    return replace(grid, columns=tuple(grid.columns[k] for k in order), blocks=tuple(blocks))
