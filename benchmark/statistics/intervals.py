"""Means over cases and seeds, with the spread over seeds and a bootstrap interval over cases.

**Conventions**

1. A score is the mean over seeds of the mean over cases. Cases in which it is undefined (NaN) are
   left out of the mean of their seed and counted.
2. `seed_sd` is the standard deviation (n - 1) of the means over cases; NaN for one seed.
3. `low` and `high` enclose 95 %: bias-corrected and accelerated bootstrap (BCa) over cases. Where
   cases form groups (patients, videos), whole groups are resampled. It speaks of other cases for
   these trained networks, not of other trainings; `seed_sd` speaks of those.
4. All rows of a test set share their resamples, which are seeded by the name of the test set: a row
   more or less changes no other row's numbers.
5. The mean over modalities weighs modalities equally, and the test sets of one modality equally.
   Its resamples are drawn in each test set independently.
6. Limits are quantiles of resampled means, so they stay within the range of the metric.
7. No interval (NaN) for fewer than two groups, or where resamples leave nothing defined.

**Sources** Efron 1987 (BCa); Efron and Tibshirani 1993, chapters 8 and 14; the acceleration for
several samples as in scipy.stats.bootstrap.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.schema import Array
from benchmark.statistics.table import ScoreTable

MEAN = "mean over modalities"
LEVEL = 0.95
CHUNK = 1000  # resamples at once: bounds memory
PIECE = 50  # statistics whose limits are worked out at once: bounds memory


@dataclass(frozen=True)
class Score:
    """One cell: a method, a test set (or MEAN) and a column.

    Attributes:
        seed_means: the mean over cases, by seed.
        undefined: values left out, over all seeds.
    """

    mean: float
    seed_sd: float
    low: float
    high: float
    seed_means: tuple[float, ...]
    cases: int
    groups: int
    undefined: int


@dataclass(frozen=True)
class Bootstrap:
    """Resampled values of k statistics.

    Attributes:
        point: their values on the cases themselves, (k,).
        samples: (k, resamples).
        skew, spread: sums of the third and second powers of the jackknife's influences, (k,).
    """

    point: Array
    samples: Array
    skew: Array
    spread: Array

    def of(self, index: Sequence[int] | Array) -> "Bootstrap":
        """Some of the statistics."""
        return Bootstrap(
            self.point[index], self.samples[index], self.skew[index], self.spread[index]
        )

    def weigh(self, weight: float) -> None:
        """Makes these the same statistics times a weight."""
        for values, power in zip(vars(self).values(), (1, 1, 3, 2), strict=True):
            values *= weight**power

    def add(self, other: "Bootstrap") -> None:
        """Makes these the sum with the statistics of an independent sample."""
        for values, more in zip(vars(self).values(), vars(other).values(), strict=True):
            values += more


Key = tuple[str, str, str]


def scores(table: ScoreTable, columns: Sequence[str], resamples: int) -> dict[Key, Score]:
    """Every cell that has a value, by (entry key, test set or MEAN, column).

    Args:
        columns: columns of scores.csv.
        resamples: of the bootstrap; 0 leaves the intervals out.
    """
    cells: dict[Key, Score] = {}
    found: dict[str, dict[Key, Array]] = {}
    for each in table.sets:
        found[each.name] = {
            (entry.key, each.name, column): values
            for entry in table.entries
            for column in columns
            if (values := table.values(entry, each.name, column)) is not None
        }
        cells |= {key: _score(values, each.groups) for key, values in found[each.name].items()}
    means = dict(_means(table, columns, cells))
    if resamples:
        whole: Bootstrap | None = None
        for each, weight in zip(table.sets, set_weights(table).values(), strict=True):
            keys = list(found[each.name])
            if not keys:
                continue
            seed = zlib.crc32(each.name.encode())
            drawn = bootstrap([*found[each.name].values()], each.groups, resamples, seed)
            cells |= _with_limits(cells, keys, drawn)
            if means:
                place = {(entry, column): i for i, (entry, _, column) in enumerate(keys)}
                part = drawn.of([place[entry, column] for entry, _, column in means])
                part.weigh(weight)
                if whole is None:
                    whole = part
                else:
                    whole.add(part)
        if whole is not None:
            means |= _with_limits(means, list(means), whole)
    return cells | means


def bootstrap(
    values: Sequence[Array], groups: Sequence[str], resamples: int, seed: int
) -> Bootstrap:
    """Resamples the mean over seeds of the mean over cases, for many rows at once.

    Args:
        values: arrays (seeds, cases); NaN is undefined.
        groups: the group of each case.
    """
    # complete rows need only their mean over seeds: the mean is linear
    parts = [v if np.isnan(v).any() else v.mean(axis=0, keepdims=True) for v in values]
    total, count = group_sums(np.concatenate(parts), groups)
    n, seeds = len(total), [len(part) for part in parts]
    samples = np.empty((len(parts), resamples))
    with np.errstate(invalid="ignore", divide="ignore"):
        for rows, weights in resample_weights(n, resamples, seed):
            samples[:, rows] = _over_seeds((weights @ total) / (weights @ count), seeds).T
        point = _over_seeds((total.sum(0) / count.sum(0))[None], seeds)[0]
        # the same statistics without each group in turn, (groups, k)
        without = _over_seeds((total.sum(0) - total) / (count.sum(0) - count), seeds)
    influence = (n - 1) * (without.mean(0) - without)
    return Bootstrap(point, samples, (influence**3).sum(0) / n**3, (influence**2).sum(0) / n**2)


def limits(drawn: Bootstrap) -> tuple[Array, Array]:
    """Lower and upper limits (k,) of the BCa intervals; NaN where there is none."""
    pieces = [np.arange(len(drawn.point))[i : i + PIECE] for i in range(0, len(drawn.point), PIECE)]
    ends = [_limits(drawn.of(piece)) for piece in pieces]
    low, high = (np.concatenate(each) for each in zip(*ends, strict=True))
    return low, high


def _limits(drawn: Bootstrap) -> tuple[Array, Array]:
    from scipy.special import ndtr, ndtri  # slow to import, and wanted here alone

    ordered = np.sort(drawn.samples, axis=1)
    point = drawn.point[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = ndtri(((ordered < point).mean(1) + (ordered <= point).mean(1)) / 2)
        acceleration = drawn.skew / (6 * drawn.spread**1.5)
        z = ndtri((1 - LEVEL) / 2)
        ends = []
        for tail in (z, -z):
            shifted = bias + tail
            share = ndtr(bias + shifted / (1 - acceleration * shifted))
            ends.append(_quantile(ordered, share))
    constant = np.ptp(ordered, axis=1) < 1e-12  # all cases alike: rounding is no spread
    low, high = (np.where(constant, drawn.point, end) for end in ends)
    return low, high


def _quantile(ordered: Array, share: Array) -> Array:
    """The quantile at `share` of each row, linear between neighbours; NaN for NaN."""
    known = np.isfinite(share) & np.isfinite(ordered).all(axis=1)
    place = np.where(known, share, 0.0) * (ordered.shape[1] - 1)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    part = place - left
    value = ordered[rows, left] * (1 - part) + ordered[rows, right] * part
    return np.where(known, value, np.nan)


def _over_seeds(means: Array, seeds: Sequence[int]) -> Array:
    """Means (rows, sum of seeds) averaged over the seeds of each statistic, (rows, k)."""
    if sum(seeds) == len(seeds):
        return means
    starts = np.cumsum([0, *seeds[:-1]])
    averages: Array = np.add.reduceat(means, starts, axis=1) / np.array(seeds)
    return averages


def resample_weights(n: int, resamples: int, seed: int) -> Iterator[tuple[slice, Array]]:
    """How often each of n groups is drawn: multinomial, in pieces (rows, n)."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        rows = slice(start, min(start + CHUNK, resamples))
        size = rows.stop - rows.start
        drawn = rng.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        yield rows, np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(float)


def group_sums(values: Array, groups: Sequence[str]) -> tuple[Array, Array]:
    """Sums (groups, rows) of the defined values (rows, cases), and how many they are."""
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    member = np.zeros((codes.max() + 1, len(codes)))
    member[codes, np.arange(len(codes))] = 1
    known = ~np.isnan(values)
    return member @ np.where(known, values, 0.0).T, member @ known.T.astype(float)


def _score(values: Array, groups: Sequence[str]) -> Score:
    """A cell without its interval."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        by_seed = np.where(known, values, 0.0).sum(1) / known.sum(1)
    return Score(
        mean=float(by_seed.mean()),
        seed_sd=_sd(by_seed),
        low=float("nan"),
        high=float("nan"),
        seed_means=tuple(by_seed.tolist()),
        cases=values.shape[1],
        groups=len(set(groups)),
        undefined=int((~known).sum()),
    )


def _sd(by_seed: Array) -> float:
    return float(by_seed.std(ddof=1)) if len(by_seed) > 1 else float("nan")


def _with_limits(
    cells: dict[Key, Score], keys: Sequence[Key], drawn: Bootstrap
) -> dict[Key, Score]:
    """The cells again, with their intervals."""
    low, high = limits(drawn)
    return {
        key: Score(**{**vars(cells[key]), "low": float(low[i]), "high": float(high[i])})
        for i, key in enumerate(keys)
        if cells[key].groups > 1
    }


def set_weights(table: ScoreTable) -> dict[str, float]:
    """The weight of each test set in the mean over modalities (Conventions, 5)."""
    modalities = [each.modality for each in table.sets]
    return {
        each.name: 1 / (len(set(modalities)) * modalities.count(each.modality))
        for each in table.sets
    }


def _means(
    table: ScoreTable, columns: Sequence[str], cells: dict[Key, Score]
) -> Iterator[tuple[Key, Score]]:
    """The mean over modalities, of rows that have every test set."""
    weights = set_weights(table)
    for entry in table.entries:
        for column in columns:
            parts = [cells.get((entry.key, name, column)) for name in weights]
            whole = [part for part in parts if part is not None]
            if len(whole) == len(weights):
                yield (entry.key, MEAN, column), _mean_score(whole, list(weights.values()))


def _mean_score(parts: Sequence[Score], weights: Sequence[float]) -> Score:
    by_seed = np.array([part.seed_means for part in parts]).T @ np.array(weights)
    return Score(
        mean=float(by_seed.mean()),
        seed_sd=_sd(by_seed),
        low=float("nan"),
        high=float("nan"),
        seed_means=tuple(by_seed.tolist()),
        cases=sum(part.cases for part in parts),
        groups=min(part.groups for part in parts),
        undefined=sum(part.undefined for part in parts),
    )
