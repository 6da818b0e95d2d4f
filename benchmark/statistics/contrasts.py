"""Rows held against each other on the same cases: differences, and differences of differences.

**Conventions**

1. A difference is the mean of one row minus that of the other (`differences`). Rows are paired by
   case and not by seed: each side is averaged over its own seeds, however many.
2. `low` and `high` enclose 95 %: the crossed-variance t of `crossed`. It speaks of other trainings
   and of other cases together, so that an interval without 0 is a claim about the methods.
3. A trained row with fewer than three seeds, or a test set with fewer than two groups: a value and
   no interval (NaN), with the reason.
4. A row that is missing in part leaves no number: what is missing is named.
5. Groups of cases of different test sets, or of different parts of one, are independent.

**Sources** as in `crossed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmark.statistics.crossed import Estimate, Grouping, Row, contrast
from benchmark.statistics.differences import Missing, Side, side, values_of
from benchmark.statistics.intervals import LEVEL
from benchmark.statistics.method_level import NONE, too_few
from benchmark.statistics.schema import DSC
from benchmark.statistics.table import Entry, ScoreTable


@dataclass(frozen=True)
class Contrast:
    """What is asked: one row minus another.

    Attributes:
        weights: the weight of each test set; together 1.
    """

    one: Entry
    other: Entry
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Difference:
    """One row minus another.

    Attributes:
        groups: of the test set that has the fewest.
        why: the reason where there is no interval.
        p: two-sided against 0; NaN where there is none.
    """

    value: float
    low: float
    high: float
    one: Side
    other: Side
    cases: int
    groups: int
    why: str = ""
    p: float = NONE

    @property
    def sure(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Combined:
    """A sum of rows, each with its sign.

    Attributes:
        why: the reason where there is no interval.
        missing: what is missing, where there is no number.
    """

    value: float = NONE
    low: float = NONE
    high: float = NONE
    p: float = NONE
    seeds: tuple[int, ...] = ()
    cases: int = 0
    groups: int = 0
    why: str = ""
    missing: tuple[Missing, ...] = field(default=())


def differences(
    table: ScoreTable, contrasts: Sequence[Contrast], column: str = DSC
) -> list[Difference | tuple[Missing, ...]]:
    """The difference of each contrast, in their order, or what is missing for it.

    Args:
        contrasts: their test sets are those of the table.
        column: a column of scores.csv.
    """
    return [_difference(table, each, column) for each in contrasts]


def _difference(
    table: ScoreTable, asked: Contrast, column: str
) -> Difference | tuple[Missing, ...]:
    found = combined(table, [(1.0, asked.one), (-1.0, asked.other)], asked.weights, column)
    sides = [side(table, entry, asked.weights, column) for entry in (asked.one, asked.other)]
    one, other = sides
    if isinstance(one, Missing) or isinstance(other, Missing):
        return tuple(each for each in sides if isinstance(each, Missing))
    counts = found.cases, found.groups
    return Difference(found.value, found.low, found.high, one, other, *counts, found.why, found.p)


def combined(
    table: ScoreTable,
    rows: Sequence[tuple[float, Entry]],
    weights: Mapping[str, float],
    column: str = DSC,
) -> Combined:
    """A sum of rows on some test sets.

    Args:
        rows: each with its sign; a difference of differences is +, -, -, +.
        weights: of the test sets.
        column: a column of scores.csv.
    """
    entries = [entry for _, entry in rows]
    sides = [side(table, entry, weights, column) for entry in entries]
    gone = tuple(each for each in sides if isinstance(each, Missing))
    if gone:
        return Combined(missing=gone)
    sets = [each for each in table.sets if each.name in weights]
    scores = [
        Row(sign, [values_of(table, entry, each.name, column) for each in sets], entry.trained)
        for sign, entry in rows
    ]
    groupings = [Grouping.of(each.groups) for each in sets]
    return weigh(entries, scores, groupings, [weights[each.name] for each in sets])


def weigh(
    entries: Sequence[Entry],
    rows: Sequence[Row],
    groupings: Sequence[Grouping],
    weights: Sequence[float],
) -> Combined:
    """A sum of rows from their scores.

    Args:
        entries: what the rows are of.
        rows: the scores of each by part (test set, or part of one).
        groupings, weights: of the parts.
    """
    seeds = tuple(len(row.scores[0]) for row in rows)
    cases = sum(len(each.order) for each in groupings)
    groups = min(len(each.sizes) for each in groupings)
    means = (
        weight * row.sign * float(part.mean())
        for row in rows
        for part, weight in zip(row.scores, weights, strict=True)
    )
    counts = seeds, cases, groups
    why = too_few(entries, seeds, groups)
    if why:
        return Combined(sum(means), NONE, NONE, NONE, *counts, why)
    return _tested(contrast(rows, groupings, weights), counts)


def _tested(found: Estimate, counts: tuple[tuple[int, ...], int, int]) -> Combined:
    low, high = (float(end) for end in found.limits(LEVEL))
    return Combined(float(found.value), low, high, float(found.p()[1]), *counts)
