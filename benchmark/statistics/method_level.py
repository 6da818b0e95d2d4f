"""What can be said about a method, not about its trained networks: the interval of one cell.

**Conventions**

1. The interval is the crossed-variance t of `crossed`, 95 %: it covers other trainings and other
   cases together. The checkpoint interval of `intervals` covers other cases alone.
2. A trained row needs three seeds; below that nothing is said about the method. A row that is
   never trained (zero-shot, controls) has no seed term and needs none.
3. A cell in which a value is undefined, or with a single group of cases, has no interval.
4. The mean over modalities weighs as in `intervals`.
5. The t interval is symmetric and knows no range. An end beyond the range of the metric is cut to
   it: 0 to 1 for shares, 0 for distances. That takes away no value that the metric can have, so the
   coverage stays. What is computed from an interval uses the ends before the cut.

**Sources** as in `crossed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.crossed import Grouping, Part, estimate
from benchmark.statistics.differences import Missing, side, values_of
from benchmark.statistics.intervals import LEVEL, MEAN, set_weights
from benchmark.statistics.schema import range_of
from benchmark.statistics.table import Entry, ScoreTable

MIN_SEEDS = 3
NONE = float("nan")
CUT = "Its ends are cut to the range of the metric: 0 to 1 for shares, 0 for distances."


@dataclass(frozen=True)
class MethodInterval:
    """A cell with its method interval.

    Attributes:
        low, high: its ends, cut to the range of the metric (Conventions, 5).
        groups: of the test set with the fewest.
        why: the reason where there is no interval.
        uncut: its ends before the cut.
    """

    mean: float
    low: float
    high: float
    se: float
    df: float
    seeds: int
    cases: int
    groups: int
    why: str = ""
    uncut: tuple[float, float] = (NONE, NONE)


@dataclass(frozen=True)
class Target:
    """Test sets that one number is about: one alone, or all of them weighed.

    Attributes:
        weights: by test set; together 1.
    """

    name: str
    weights: Mapping[str, float]
    cases: int
    groups: int


def targets(table: ScoreTable) -> list[Target]:
    """Each test set that holds cases, then the mean over modalities where all of them do."""
    found = [
        Target(each.name, {each.name: 1.0}, len(each.cases), len(set(each.groups)))
        for each in table.sets
        if each.cases
    ]
    if found and len(found) == len(table.sets):
        cases, groups = sum(t.cases for t in found), min(t.groups for t in found)
        found.append(Target(MEAN, set_weights(table), cases, groups))
    return found


def too_few(entries: Sequence[Entry], seeds: Sequence[int], groups: int) -> str:
    """Why no method-level claim is made; empty where one may be."""
    for entry, count in zip(entries, seeds, strict=True):
        if entry.trained and count < MIN_SEEDS:
            noun = "seed" if count == 1 else "seeds"
            return f"{entry.title}: {count} {noun}, no method-level claim below {MIN_SEEDS}"
    return "one group of cases: their spread is unknown" if groups < 2 else ""


def method_intervals(
    table: ScoreTable, columns: Sequence[str]
) -> dict[tuple[str, str, str], MethodInterval]:
    """Every cell of which no run is missing, by (entry key, test set or MEAN, column)."""
    groupings = {each.name: Grouping.of(each.groups) for each in table.sets if each.cases}
    cells = {}
    for target in targets(table):
        for entry in table.entries:
            for column in columns:
                found = _cell(table, entry, target, column, groupings=groupings)
                if found is not None:
                    cells[entry.key, target.name, column] = found
    return cells


def _cell(
    table: ScoreTable,
    entry: Entry,
    target: Target,
    column: str,
    *,
    groupings: Mapping[str, Grouping],
) -> MethodInterval | None:
    whole = side(table, entry, target.weights, column)
    if isinstance(whole, Missing):
        if "undefined" not in whole.why:
            return None
        seeds, why = len(entry.seeds), whole.why
        return MethodInterval(NONE, NONE, NONE, NONE, NONE, seeds, target.cases, target.groups, why)
    counts = whole.seeds, target.cases, target.groups
    why = too_few([entry], [whole.seeds], target.groups)
    if why:
        return MethodInterval(whole.mean, NONE, NONE, NONE, NONE, *counts, why)
    parts = [
        Part(values_of(table, entry, name, column), None, groupings[name], weight)
        for name, weight in target.weights.items()
    ]
    found = estimate(parts, (entry.trained, False))
    low, high = (float(np.asarray(end)) for end in found.limits(LEVEL))
    least, most = range_of(column)
    numbers = whole.mean, max(low, least), min(high, most), float(found.se), float(found.df)
    return MethodInterval(*numbers, *counts, uncut=(low, high))
