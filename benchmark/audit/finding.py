"""What an audit finds, and what it needs to know beside the table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmark.audit.cells import Cell
from benchmark.audit.table import Row, plain

Level = Literal["cannot be", "does not agree", "unlikely", "look again"]
LEVELS: tuple[Level, ...] = ("cannot be", "does not agree", "unlikely", "look again")
HARD = ("cannot be", "does not agree")  # exit status 1
MEANING: dict[Level, str] = {
    "cannot be": "no set of masks gives these numbers under any usual definition",
    "does not agree": "two statements of the table contradict each other",
    "unlikely": "needs cases without a lesion, or a convention that the table does not show",
    "look again": "may well be right, and deserves a second look",
}
TINY = 1e-9  # rounding of floating-point sums


@dataclass(frozen=True)
class Finding:
    """One thing that a reader should know.

    Attributes:
        rule: which rule found it.
        where: line and row.
        what: one sentence.
        arithmetic: how it follows from the printed numbers.
    """

    rule: str
    level: Level
    where: str
    what: str
    arithmetic: str


@dataclass(frozen=True)
class Outcome:
    """What one rule did.

    Attributes:
        tested: how many things it looked at, in words.
        skipped: what it could not look at, and why.
        notes: how it read what it looked at.
    """

    findings: Sequence[Finding]
    tested: str
    skipped: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Known:
    """What is known beside the table.

    Attributes:
        n: test cases by dataset (letters and digits in lower case); "" for all others.
        shares: foreground share of every test case by dataset, in the same spelling.
        case_sd: spread of a score over cases; assumed where no paper prints it.
        correlation: of two methods' scores over the same cases; assumed likewise.
        mean_shares: foreground share of all test cases together by dataset; "" for all others.
    """

    n: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)
    case_sd: float = 0.15
    correlation: float = 0.8
    mean_shares: Mapping[str, float] = field(default_factory=dict)

    def cases(self, row: Row) -> int | None:
        """The test cases behind a row."""
        name = plain(row.dataset)
        shares = self.shares.get(name)
        known = len(shares) if shares is not None else self.n.get("")
        return row.n or self.n.get(name) or known


def at(row: Row) -> str:
    """Where a row stands."""
    return f"line {row.line}, {row.name}"


def show(share: float, like: Cell) -> str:
    """A share in the unit of a printed cell, with one digit more than it prints."""
    percent = " %" if like.scale > 1 else ""
    return f"{share * like.scale:.{_digits(like)}f}{percent}"


def gap(share: float, like: Cell) -> str:
    """A difference of shares, in points where the cell is a percentage."""
    points = " points" if like.scale > 1 else ""
    return f"{share * like.scale:.{_digits(like)}f}{points}"


def _digits(like: Cell) -> int:
    return max(round(-math.log10(2 * like.half)), 0) + 1


def count(number: int, noun: str) -> str:
    """«1 row», «2 rows»."""
    return f"{number} {noun}{'s' * (number != 1)}"


def printed(cell: Cell) -> str:
    """A cell as printed, with the numbers that print so."""
    return f"{cell.text} ({show(cell.low, cell)} to {show(cell.high, cell)})"


def ahead(one: Cell, other: Cell, better: int) -> bool:
    """Whether one is better than the other however both were rounded."""
    return (one.share - other.share) * better >= max(one.slack + other.slack, TINY) - TINY
