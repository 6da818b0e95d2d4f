"""Means of measured values, with the interval of the headline: the crossed-variance t.

**Conventions**

1. A value of a row on a set is the mean over seeds of the mean over cases. A value that is measured
   on a whole set (empty `case`) is the mean over seeds.
2. Its interval covers other trainings and other cases together (`statistics.crossed`); of a value
   on a whole set it is the t interval over seeds.
3. A trained row with fewer than three seeds has no interval: it makes no claim about a method. A
   single case, or cases of a single group, have none either.
4. A case whose value is undefined in one seed is left out of all seeds of the row, and counted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from benchmark.analyses.kit.read import Measured
from benchmark.statistics.crossed import Grouping, Part, estimate
from benchmark.statistics.intervals import LEVEL
from benchmark.statistics.method_level import MIN_SEEDS
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

NONE = float("nan")


@dataclass(frozen=True)
class Value:
    """A mean, or a difference of means, with its interval.

    Attributes:
        low, high: NaN where no interval is given.
        sd: standard deviation over seeds; NaN for one seed.
        left_out: cases without a value.
    """

    mean: float
    low: float
    high: float
    sd: float
    seeds: int
    cases: int
    left_out: int = 0


def value(
    rows: "pd.DataFrame",
    column: str,
    *,
    trained: bool,
    minus: "pd.DataFrame | None" = None,
    other_trained: bool = True,
) -> Value | None:
    """The value of a row on a set, or its difference from another row on the same cases.

    Args:
        rows: of `Measured.table`, one row and set, one line a seed and case.
        column: the measure.
        minus: the lines of the other side.

    Returns: None where nothing was measured.
    """
    sides = [each.pivot(index="seed", columns="case", values=column)
             for each in (rows, minus) if each is not None]  # fmt: skip
    return _of_sides(sides, _groups(rows), (trained, other_trained))


def _groups(rows: "pd.DataFrame") -> Mapping[str, str]:
    return dict(zip(rows["case"], rows["group"], strict=True))


def _of_sides(
    sides: "list[pd.DataFrame]", groups: Mapping[str, str], trained: tuple[bool, bool]
) -> Value | None:
    """The value of one side, or the difference of two, each a line a seed and a column a case."""
    shared = sides[0].columns.intersection(sides[-1].columns)
    sides = [side[shared] for side in sides]
    numbers = [side.to_numpy(float) for side in sides]
    whole = np.all([~np.isnan(each).any(axis=0) for each in numbers], axis=0)
    if not whole.any():
        return None
    left, *right = (each[:, whole] for each in numbers)
    names = [groups[case] for case, kept in zip(shared, whole, strict=True) if kept]
    other = right[0] if right else None
    return _value(left, other, names, trained, int((~whole).sum()))


def of(measured: Measured, entry: Entry, dataset: str, column: str, **keys: object) -> Value | None:
    """The value of a row on a set, where other columns have the given values."""
    key = (entry.name, dataset, *sorted(keys.items()))
    if key not in measured.pivoted:  # once for all columns: a pivot takes milliseconds
        rows = lines(measured, entry, dataset, **keys)
        measured.pivoted[key] = (rows.pivot(index="seed", columns="case"), _groups(rows))
    sides, groups = measured.pivoted[key]
    side = cast("pd.DataFrame", sides.xs(column, axis=1, level=0))
    return _of_sides([side], groups, (entry.trained, True))


def over_sets(measured: Measured, entry: Entry, column: str, **keys: object) -> float:
    """The mean of a row over the test sets; NaN unless each has a value."""
    found = [of(measured, entry, dataset, column, **keys) for dataset in measured.sets()]
    means = [value.mean for value in found if value is not None]
    return sum(means) / len(means) if means and len(means) == len(found) else NONE


def lines(measured: Measured, entry: Entry, dataset: str, **keys: object) -> "pd.DataFrame":
    """The lines of a row on a set, where other columns have the given values."""
    found = measured.parts.get((entry.name, dataset), measured.table.iloc[:0])
    for key, wanted in keys.items():
        found = found[found[key] == wanted]
    return found


def _value(
    left: np.ndarray,
    right: np.ndarray | None,
    groups: list[str],
    trained: tuple[bool, bool],
    left_out: int,
) -> Value:
    means = left.mean(axis=1)
    mean = float(means.mean()) - (0.0 if right is None else float(right.mean()))
    sd = float(means.std(ddof=1)) if len(means) > 1 else NONE
    counts = len(means), left.shape[1], left_out
    few = trained[0] and len(left) < MIN_SEEDS
    few |= right is not None and trained[1] and len(right) < MIN_SEEDS
    if few:
        return Value(mean, NONE, NONE, sd, *counts)
    if not any(groups):  # of a whole set
        return Value(mean, *_over_seeds(left[:, 0], right, mean, trained), sd, *counts)
    grouping = Grouping.of(groups)
    if len(grouping.sizes) < 2:
        return Value(mean, NONE, NONE, sd, *counts)
    found = estimate([Part(left, right, grouping)], (trained[0], right is not None and trained[1]))
    low, high = (float(np.asarray(end)) for end in found.limits(LEVEL))
    return Value(mean, low, high, sd, *counts)


def _over_seeds(
    one: np.ndarray, right: np.ndarray | None, mean: float, trained: tuple[bool, bool]
) -> tuple[float, float]:
    from scipy.special import stdtrit

    sides = [(one, trained[0])] + ([] if right is None else [(right[:, 0], trained[1])])
    terms = [(side.var(ddof=1) / len(side), len(side) - 1) for side, varies in sides if varies]
    variance = sum(term for term, _ in terms)
    if not terms or variance == 0:
        return NONE, NONE
    df = variance**2 / sum(term**2 / n for term, n in terms)
    half = float(stdtrit(df, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return mean - half, mean + half
