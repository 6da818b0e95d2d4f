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
from dataclasses import dataclass, replace

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
        found = {column: _column(table, target, column, groupings) for column in columns}
        for entry in table.entries:
            for column in columns:
                if entry.key in found[column]:
                    cells[entry.key, target.name, column] = found[column][entry.key]
    return cells


def _column(
    table: ScoreTable, target: Target, column: str, groupings: Mapping[str, Grouping]
) -> dict[str, MethodInterval]:
    """The cells of one column on one target, by entry key."""
    cells: dict[str, MethodInterval] = {}
    alike: dict[tuple[bool, int], list[tuple[Entry, MethodInterval]]] = {}
    for entry in table.entries:
        bare = _without_interval(table, entry, target, column)
        if bare is not None:
            cells[entry.key] = bare
        if bare is not None and not bare.why:
            alike.setdefault((entry.trained, bare.seeds), []).append((entry, bare))
    for (trained, _), rows in alike.items():
        parts = [
            Part(np.stack([values_of(table, entry, name, column) for entry, _ in rows]), None,
                 groupings[name], weight)
            for name, weight in target.weights.items()
        ]  # fmt: skip
        found = estimate(parts, (trained, False))
        least, most = range_of(column)
        ends = zip(
            *found.limits(LEVEL), found.se, np.broadcast_to(found.df, len(rows)), strict=True
        )
        for (entry, bare), numbers in zip(rows, ends, strict=True):
            low, high, se, df = map(float, numbers)
            cells[entry.key] = replace(
                bare, low=max(low, least), high=min(high, most), se=se, df=df, uncut=(low, high)
            )
    return cells


def _without_interval(
    table: ScoreTable, entry: Entry, target: Target, column: str
) -> MethodInterval | None:
    """A cell with its mean, and why it has no interval if it has none."""
    whole = side(table, entry, target.weights, column)
    counts = target.cases, target.groups
    none = (NONE,) * 4
    if isinstance(whole, Missing):
        if "undefined" not in whole.why:
            return None
        return MethodInterval(NONE, *none, len(entry.seeds), *counts, whole.why)
    why = too_few([entry], [whole.seeds], target.groups)
    return MethodInterval(whole.mean, *none, whole.seeds, *counts, why)
