"""The mean of a row over some test sets, or what is missing of it.

**Conventions**

1. A mean is that over the seeds of the row of the mean over cases, then over test sets, weighed as
   asked.
2. A planned run or case that is missing leaves no number: what is missing is named. The same holds
   for a value that is undefined (NaN).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.schema import DSC, Array
from benchmark.statistics.table import Entry, MissingRun, ScoreTable


@dataclass(frozen=True)
class Side:
    """A row on its own; its standard deviation over seeds is NaN for one seed."""

    mean: float
    seed_sd: float
    seeds: int


@dataclass(frozen=True)
class Missing:
    """Why a row has no number: its missing runs, or else a reason in words."""

    entry: Entry
    runs: tuple[MissingRun, ...] = ()
    why: str = ""


def side(
    table: ScoreTable, entry: Entry, weights: Mapping[str, float], column: str = DSC
) -> Side | Missing:
    """The mean of a row over some test sets, or what is missing of it."""
    missing = _missing(table, entry, weights, column)
    if missing is not None:
        return missing
    parts = [values_of(table, entry, name, column).mean(axis=1) * w for name, w in weights.items()]
    by_seed = np.sum(parts, axis=0)
    sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else float("nan")
    return Side(float(by_seed.mean()), sd, len(by_seed))


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


def values_of(table: ScoreTable, entry: Entry, dataset: str, column: str) -> Array:
    """The scores (seeds, cases) of a cell that is known to be whole."""
    values = table.values(entry, dataset, column)
    assert values is not None  # what is missing was sorted out before
    return values
