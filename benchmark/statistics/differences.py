"""Differences between two rows, paired by case, with a bootstrap interval over cases.

**Conventions**

1. A difference is the mean of one row minus that of the other. Each is the mean over the seeds of
   that row of the mean over cases, then over test sets, weighed as asked.
2. Rows are paired by case and not by seed: each side is averaged over its own seeds, however many.
3. `low` and `high` enclose 95 %: bias-corrected and accelerated bootstrap (BCa) over cases, whole
   groups where cases form groups, both sides on the same resamples. These are the resamples of
   `intervals`, seeded by the name of the test set, and independent between test sets.
4. The interval speaks of other cases for these trained networks, not of other trainings. Of those
   speaks the standard deviation over seeds of either side; an interval without 0 is therefore no
   claim that one method is better than the other.
5. A planned run or case that is missing on either side leaves no number: what is missing is named.
   The same holds for a value that is undefined (NaN).
6. No interval (NaN) where a test set has fewer than two groups.

**Sources** Efron 1987 (BCa); Efron and Tibshirani 1993, chapters 8 and 14; Christodoulou et al.,
MICCAI 2024 (what intervals over cases leave out).
"""

import functools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.intervals import Bootstrap, bootstrap, limits
from benchmark.statistics.schema import DSC, Array
from benchmark.statistics.table import Entry, MissingRun, ScoreTable


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
class Side:
    """One of the two rows on its own; its standard deviation is NaN for one seed."""

    mean: float
    seed_sd: float
    seeds: int


@dataclass(frozen=True)
class Missing:
    """Why a row has no number: its missing runs, or else a reason in words."""

    entry: Entry
    runs: tuple[MissingRun, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Difference:
    """One row minus another.

    Attributes:
        groups: of the test set that has the fewest.
    """

    value: float
    low: float
    high: float
    one: Side
    other: Side
    cases: int
    groups: int


def side(
    table: ScoreTable, entry: Entry, weights: Mapping[str, float], column: str = DSC
) -> Side | Missing:
    """The mean of a row over some test sets, or what is missing of it."""
    missing = _missing(table, entry, weights, column)
    if missing is not None:
        return missing
    parts = [_values(table, entry, name, column).mean(axis=1) * w for name, w in weights.items()]
    by_seed = np.sum(parts, axis=0)
    sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else float("nan")
    return Side(float(by_seed.mean()), sd, len(by_seed))


def differences(
    table: ScoreTable, contrasts: Sequence[Contrast], resamples: int, column: str = DSC
) -> list[Difference | tuple[Missing, ...]]:
    """The difference of each contrast, in their order, or what is missing for it.

    Args:
        contrasts: their test sets are those of the table.
        column: a column of scores.csv.
    """
    sides = [
        (side(table, c.one, c.weights, column), side(table, c.other, c.weights, column))
        for c in contrasts
    ]
    whole = [
        contrast
        for contrast, pair in zip(contrasts, sides, strict=True)
        if not any(isinstance(each, Missing) for each in pair)
    ]
    drawn = _draw(table, whole, resamples, column)
    return [
        Difference(one.mean - other.mean, *_limits(table, contrast, drawn), one, other,
                   *_counts(table, contrast))
        if isinstance(one, Side) and isinstance(other, Side)
        else tuple(each for each in (one, other) if isinstance(each, Missing))
        for contrast, (one, other) in zip(contrasts, sides, strict=True)
    ]  # fmt: skip


def _missing(
    table: ScoreTable, entry: Entry, weights: Mapping[str, float], column: str
) -> Missing | None:
    gone = tuple(one for one in table.missing_of(entry) if one.dataset in ("", *weights))
    if gone or not weights:
        return Missing(entry, gone, "" if gone else "no test set")
    for name in weights:
        values = table.values(entry, name, column)
        if values is None:
            return Missing(entry, why=f"{column} not scored on {name}")
        undefined = int(np.isnan(values).any(axis=0).sum())
        if undefined:
            noun = "case" if undefined == 1 else "cases"
            return Missing(entry, why=f"{column} undefined in {undefined} {noun} of {name}")
    return None


def _values(table: ScoreTable, entry: Entry, dataset: str, column: str) -> Array:
    values = table.values(entry, dataset, column)
    assert values is not None  # what is missing was sorted out before
    return values


Drawn = dict[tuple[str, str, str], Bootstrap]  # (keys of the two rows, test set)


def _draw(table: ScoreTable, contrasts: Sequence[Contrast], resamples: int, column: str) -> Drawn:
    """Resamples every pair of rows on every test set that is asked for, all pairs at once."""
    drawn: Drawn = {}
    for each in table.sets:
        by_case = {
            (c.one.key, c.other.key): _values(table, c.one, each.name, column).mean(axis=0)
            - _values(table, c.other, each.name, column).mean(axis=0)
            for c in contrasts
            if each.name in c.weights
        }
        if by_case:
            seed = zlib.crc32(each.name.encode())
            rows = [values[None] for values in by_case.values()]
            found = bootstrap(rows, each.groups, resamples, seed)
            drawn |= {(*pair, each.name): found.of([i]) for i, pair in enumerate(by_case)}
    return drawn


def _limits(table: ScoreTable, contrast: Contrast, drawn: Drawn) -> tuple[float, float]:
    if _counts(table, contrast)[1] < 2:
        return float("nan"), float("nan")
    pair = contrast.one.key, contrast.other.key
    parts = [drawn[*pair, name].times(weight) for name, weight in contrast.weights.items()]
    (low,), (high,) = limits(functools.reduce(Bootstrap.plus, parts))
    return float(low), float(high)


def _counts(table: ScoreTable, contrast: Contrast) -> tuple[int, int]:
    """Cases of all test sets, and groups of the one with the fewest."""
    sets = [each for each in table.sets if each.name in contrast.weights]
    return sum(len(s.cases) for s in sets), min(len(set(s.groups)) for s in sets)
