"""A printed table of results as the rules see it: a row a method and data set.

**Conventions**

1. A row is a method on a data set. Several columns of data sets (data set and class) make one name
   together.
2. A data set called average (mean, avg, overall) holds stated averages over the rest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmark.audit.cells import Cell
from benchmark.audit.columns import LOOSE, is_mean
from benchmark.audit.metrics import Column, clean, letters

MEAN_WORDS = {"mean", "average", "avg", "overall"}
ASIDE = re.compile(  # rows that no best mark is meant to beat
    r"reported|original paper|upper.?bound|lower.?bound|oracle|ful(?:l|ly)[\s-]?sup|human|observer"
    r"|rater|ground.?truth|expert",
    re.I,
)


@dataclass(frozen=True)
class Row:
    """A method on a data set.

    Attributes:
        line: where it stands in the file.
        places: the data set, by column of data sets.
        cells: by metric.
        ranks: stated ranks by metric; "" where no metric is named.
        n: test cases; None where unknown.
        block: the heading or rule above it.
        labels: the other words of the row.
        others: numbers of columns that are no known metric, by title.
        bold: whether its names are bold.
    """

    line: int
    method: str
    places: tuple[str, ...]
    cells: Mapping[str, Cell]
    ranks: Mapping[str, int] = field(default_factory=dict)
    n: int | None = None
    block: str = ""
    labels: tuple[str, ...] = ()
    others: Mapping[str, Cell] = field(default_factory=dict)
    bold: bool = False

    @property
    def dataset(self) -> str:
        """The data set in one piece."""
        return ", ".join(place for place in self.places if place)

    @property
    def name(self) -> str:
        """What a reader calls the row."""
        words = [word for word in (self.method, self.dataset) if word]
        return " on ".join(words) or "the row"

    @property
    def key(self) -> tuple[object, ...]:
        """What tells rows apart."""
        return (*map(spelled, (self.method, *self.labels, self.block)), plain(self.dataset))

    @property
    def is_average(self) -> bool:
        """Whether it holds stated averages over the data sets."""
        return any(is_mean(place) for place in self.places if place)

    @property
    def is_loose(self) -> bool:
        """Whether its averages may be weighed, or of pooled pixels: «overall»."""
        return any(plain(place) in LOOSE for place in self.places)

    @property
    def is_summary(self) -> bool:
        """Whether it sums up other rows: «average», «axial mean»."""
        ends = {
            plain(word) for place in self.places for word in place.split()[:1] + place.split()[-1:]
        }
        return self.is_average or bool(ends & MEAN_WORDS) or is_mean(self.method)

    @property
    def is_aside(self) -> bool:
        """Whether it stands beside the comparison: reported, an upper bound, human raters."""
        return bool(ASIDE.search(" ".join((self.method, self.block))))


@dataclass(frozen=True)
class Table:
    """A printed table.

    Attributes:
        name: of the file.
        columns: what each metric is, in the order of the file.
        unread: titles of columns that are no metric known here.
        passed: rows and cells that were passed over, in words.
        unlike: why it is no table of results (`kind`); "" where nothing speaks against it.
    """

    name: str
    rows: tuple[Row, ...]
    columns: Mapping[str, Column]
    unread: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    unlike: str = ""

    def datasets(self) -> dict[str, list[Row]]:
        """The rows by data set, whatever its case and spaces; named as it is first."""
        found: dict[str, list[Row]] = {}
        names: dict[str, str] = {}
        for row in self.rows:
            name = names.setdefault(plain(row.dataset), row.dataset)
            found.setdefault(name, []).append(row)
        return found

    def with_rows(self, rows: Sequence[Row]) -> "Table":
        """The same table with other rows."""
        return replace(self, rows=tuple(rows))

    def titles(self) -> list[str]:
        """The metrics, with their titles where these are others."""
        return [
            name
            if column.dataset or letters(clean(column.title)) == letters(name)
            else f"{name} ({clean(column.title)})"
            for name, column in self.columns.items()
        ]


def plain(text: str) -> str:
    """Letters and digits in lower case: «ISIC 2018» is isic2018."""
    return letters(text)


def spelled(method: str) -> str:
    """A method's name without case and doubled spaces; U-Net and U-Net++ are two methods."""
    return " ".join(method.casefold().split())
