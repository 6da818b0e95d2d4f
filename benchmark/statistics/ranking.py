"""How sure a ranking is: ranks over resampled trainings and cases, and which rows are tied.

**Conventions**

1. A resample draws, per test set, groups of cases with replacement (all rows get the same), and per
   row and mix, seeds with replacement (all test sets of the mix get the same).
2. The resampled deviation of a row's mean over seeds is widened by sqrt(S / (S - 1)): without it, S
   values resampled vary too little by that factor. Rows that are never trained have no seed level.
3. Rank 1 is the best; equal means share the mean of their ranks. `shares` counts such a shared rank
   half and half. `low` and `high` hold 95 % of the resampled ranks.
4. Two rows are told apart by the crossed-variance t of `crossed` at 5 %, Holm over all pairs of
   rows. `first` and `last` are the ranks that this leaves open.
5. Not being told apart is no equivalence: A and B may be tied, B and C too, and A and C apart. So
   the ties are shown as every largest set of rows in which no pair is told apart, numbered from the
   best. Two rows are in a common set exactly where they are not told apart.
6. The bootstrap serves ranks alone, so ties are not its: as an interval of a difference it is too
   narrow at three to five seeds (`docs/statistics.md` shows by how much).

**Sources** Wiesenfarth et al., Sci. Rep. 2021 (resampled ranks); Davison and Hinkley 1997, section
3.8 (levels); Mogstad et al., Rev. Econ. Stud. 2024 (ranks that tests of all pairs leave open);
Piepho 2004 (letters); Bron and Kerbosch 1973.
"""

import functools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.core.text import letter
from benchmark.statistics.compare import holm
from benchmark.statistics.complete_rows import CompleteRows, SetValues
from benchmark.statistics.crossed import Part, estimate
from benchmark.statistics.intervals import LEVEL, MEAN, resample_weights
from benchmark.statistics.schema import Array, is_lower

ALPHA = 0.05
CHUNK = 500  # resamples at once: they stay in the cache of the processor
LEAST = 0.5e-12  # a difference up to here is 0 when it is rounded to twelve digits


@dataclass(frozen=True)
class RowRank:
    """One row of a ranking (Conventions, 3 and 4).

    Attributes:
        score: the mean that is ranked, as in scores.csv.
        shares: probability of each rank, from 1.
        ties: the sets of tied rows that it is in, from 1 (Conventions, 5).
    """

    key: str
    title: str
    score: float
    rank: float
    low: float
    high: float
    shares: tuple[float, ...]
    first: int
    last: int
    ties: tuple[int, ...]

    @property
    def letters(self) -> str:
        """The sets of tied rows as letters: two rows that share one are not told apart."""
        return " ".join(letter(number) for number in self.ties)


@dataclass(frozen=True)
class Ranking:
    """The rows of a test set, or of MEAN, best first.

    Attributes:
        tau, tau_low: Kendall's tau of the resampled rankings with this one: median, 2.5 % quantile.
        why: the reason where there is none.
    """

    dataset: str
    column: str
    rows: tuple[RowRank, ...]
    tau: float
    tau_low: float
    why: str = ""


def rankings(complete: CompleteRows, resamples: int = 10_000) -> dict[str, Ranking]:
    """The ranking of each test set by name, and of the mean over modalities by MEAN."""
    names = [*(each.name for each in complete.sets), MEAN]
    if len(complete.keys) < 2:
        why = "fewer than two rows are complete"
        nothing = Ranking("", complete.column, (), float("nan"), float("nan"), why)
        return {name: Ranking(**{**vars(nothing), "dataset": name}) for name in names}
    samples = np.stack([resample(each, complete.keys, resamples) for each in complete.sets])
    alone = np.eye(len(complete.sets))
    targets = zip(names, [*alone, np.array(complete.weights)], strict=True)
    return {name: _ranking(complete, name, weights, samples) for name, weights in targets}


def ranks(scores: Array) -> Array:
    """Ranks along the last axis, 1 the largest, equal ones share their mean."""
    from scipy.stats import rankdata  # slow to import, and wanted here alone

    return np.asarray(rankdata(-np.round(scores, 12), axis=-1))


def resample(each: SetValues, keys: Sequence[str], resamples: int) -> Array:
    """Resampled means (resamples, rows) of a test set (Conventions, 1 and 2)."""
    stacked = np.concatenate(each.values)  # (seeds of all rows, cases)
    sums = each.grouping.means(stacked) * each.grouping.sizes
    n, counts = len(each.grouping.sizes), [len(values) for values in each.values]
    drawn = np.empty((resamples, len(stacked)))
    for rows, weights in resample_weights(n, resamples, zlib.crc32(each.name.encode())):
        drawn[rows] = (weights @ sums.T) / (weights @ each.grouping.sizes)[:, None]
    means: Array = np.empty((resamples, len(counts)))
    starts = np.cumsum([0, *counts[:-1]])
    for row, (key, start, seeds) in enumerate(zip(keys, starts, counts, strict=True)):
        by_seed = drawn[:, start : start + seeds]
        means[:, row] = by_seed.mean(axis=1)
        if seeds > 1:
            chosen = _chosen_seeds(f"{each.mix}/{key}", seeds, resamples) / seeds
            off = (chosen * by_seed).sum(axis=1) - means[:, row]
            means[:, row] += off * np.sqrt(seeds / (seeds - 1))
    return means


@functools.lru_cache(maxsize=1000)
def _chosen_seeds(name: str, seeds: int, resamples: int) -> Array:
    """How often each seed is in each resample of a row (resamples, seeds), by mix and row."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = rng.multinomial(seeds, [1 / seeds] * seeds, size=resamples)
    return drawn.astype(np.uint8 if seeds < 256 else np.int64)  # kept: as small as may be


def tied_sets(apart: Array) -> list[tuple[int, ...]]:
    """Every largest set of rows in which no pair is told apart (Conventions, 5).

    Bron and Kerbosch's search with a pivot.

    Args:
        apart: bool (rows, rows), best row first.

    Returns: rows of each set, ascending; sets ordered by their rows.
    """
    tied = [set(np.flatnonzero(~row)) - {k} for k, row in enumerate(apart)]
    found: list[tuple[int, ...]] = []

    def search(taken: set[int], open_: set[int], done: set[int]) -> None:
        if not open_ and not done:
            found.append(tuple(sorted(taken)))
            return
        pivot = max(open_ | done, key=lambda row: len(tied[row] & open_))
        for row in sorted(open_ - tied[pivot]):
            search(taken | {row}, open_ & tied[row], done & tied[row])
            open_ = open_ - {row}
            done = done | {row}

    search(set(), set(range(len(apart))), set())
    return sorted(tuple(int(row) for row in rows) for rows in found)


def told_apart(complete: CompleteRows, weights: Array) -> Array:
    """Which pairs of rows are told apart on weighed test sets (Conventions, 4).

    Returns: bool (rows, rows).
    """
    sets = [(each, float(w)) for each, w in zip(complete.sets, weights, strict=True) if w]
    k = len(complete.keys)
    apart = np.zeros((k, k), dtype=bool)
    if any(len(each.grouping.sizes) < 2 for each, _ in sets):
        return apart
    p: list[float] = []
    for i in range(k - 1):
        p += _against_later(complete, i, sets)
    pairs = zip(*np.triu_indices(k, 1), strict=True)
    for (i, j), adjusted in zip(pairs, holm(p), strict=True):
        apart[i, j] = apart[j, i] = adjusted < ALPHA
    return apart


def _against_later(
    complete: CompleteRows, i: int, sets: Sequence[tuple[SetValues, float]]
) -> list[float]:
    """p of a row against each later one; rows of as many seeds are worked out at once."""
    alike: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
    for j in range(i + 1, len(complete.keys)):
        seeds = tuple(len(each.values[j]) for each, _ in sets)
        alike.setdefault((complete.trained[j], seeds), []).append(j)
    found: dict[int, float] = {}
    for (trained, _), rows in alike.items():
        parts = [
            Part(s.values[i], np.stack([s.values[j] for j in rows]), s.grouping, w, s.mix)
            for s, w in sets
        ]
        p = estimate(parts, (complete.trained[i], trained)).p()[1]
        found |= dict(zip(rows, p.tolist(), strict=True))
    return [found[j] for j in sorted(found)]


def _ranking(complete: CompleteRows, name: str, weights: Array, drawn_sets: Array) -> Ranking:
    point = weights @ complete.means()
    samples = np.tensordot(weights, drawn_sets, axes=1)
    order = np.argsort(-np.round(point, 12), kind="stable")
    point, samples = point[order], samples[:, order]
    own, drawn = ranks(point), ranks(samples)
    apart = told_apart(complete, weights)[np.ix_(order, order)]
    higher = np.round(point[:, None] - point, 12) > 0
    first = 1 + (apart & higher.T).sum(axis=1)  # those surely above
    last = len(point) - (apart & higher).sum(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method="nearest")
    shares = _shares(drawn)
    sign = -1.0 if is_lower(complete.column) else 1.0
    sets = tied_sets(apart)
    rows = tuple(
        RowRank(
            complete.keys[row], complete.titles[row], sign * float(point[i]), float(own[i]),
            float(low[i]), float(high[i]), tuple(shares[i].tolist()), int(first[i]), int(last[i]),
            tuple(number for number, members in enumerate(sets, 1) if i in members),
        )
        for i, row in enumerate(order)
    )  # fmt: skip
    taus = _taus(point, samples)
    return Ranking(
        name,
        complete.column,
        rows,
        float(np.median(taus)),
        float(np.quantile(taus, (1 - LEVEL) / 2)),
    )


def _shares(drawn: Array) -> Array:
    """Probability of each rank, (rows, ranks); a shared rank counts half and half."""
    count, k = drawn.shape
    below, above = np.floor(drawn).astype(int) - 1, np.ceil(drawn).astype(int) - 1
    found: Array = np.zeros((k, k))
    for row in range(k):
        for part in (below, above):
            found[row] += np.bincount(part[:, row], minlength=k) / (2 * count)
    return found


def _taus(point: Array, samples: Array) -> Array:
    """Kendall's tau-a of each resample with the point, (resamples,)."""
    count, k = samples.shape
    own = _sign(point[:, None] - point)
    agreed = np.zeros(count)
    for start in range(0, count, CHUNK):
        drawn = np.ascontiguousarray(samples[start : start + CHUNK].T)
        total = agreed[start : start + CHUNK]
        for row in range(k - 1):
            signs = _sign(drawn[row] - drawn[row + 1 :]) * own[row, row + 1 :, None]
            total += signs.sum(axis=0, dtype=np.int32)
    taus: Array = agreed / (k * (k - 1) // 2)
    return taus


def _sign(difference: Array) -> Array:
    """1, 0 or -1, int8; what is 0 after rounding to twelve digits is 0."""
    signs: Array = (difference > LEAST).view(np.int8) - (difference < -LEAST).view(np.int8)
    return signs
