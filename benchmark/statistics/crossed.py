"""The crossed-variance t: a mean over seeds and cases, or a difference of two, as both vary.

**Conventions**

1. Arrays are (..., seeds, cases): leading axes are independent data sets, worked out at once.
2. The estimate is a mean over seeds of the mean over cases, or the difference of two such means
   with the same cases, summed over parts (test sets) by weight.
3. Its variance is a sum of terms. Seeds: of each trained side, the variance of its seed means over
   S, with S - 1 degrees of freedom; a seed runs through all parts of its mix. Cases: of each part,
   the variance of the weighted mean of its group means, with G - 1; a group (patient, video) weighs
   as many cases as it holds. For single cases this is the variance over cases divided by n.
4. The degrees of freedom of the sum are Satterthwaite's.
5. Chance that belongs to a run and a case together is in both terms: the variance is then too large
   by that share, never too small.

**Sources** Satterthwaite 1946; Cochran 1977, Sampling Techniques, sections 2.11 and 9A (the mean of
clusters of unequal size).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.schema import Array


@dataclass(frozen=True)
class Grouping:
    """Which cases belong together.

    Attributes:
        order: the cases, group by group.
        starts: where each group starts in it.
        sizes: cases of each group.
    """

    order: Array
    starts: Array
    sizes: Array

    @classmethod
    def of(cls, groups: Sequence[str]) -> "Grouping":
        """From the group of each case."""
        codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)[1:]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        return cls(np.argsort(codes, kind="stable"), starts, sizes)

    def means(self, values: Array) -> Array:
        """The mean of each group: (..., cases) to (..., groups)."""
        # not by an index: its result would be added up in another order for many rows at once
        ordered: Array = np.take(values, self.order, axis=-1)
        if len(self.sizes) == len(self.order):
            return ordered
        sums: Array = np.add.reduceat(ordered, self.starts, axis=-1)
        means: Array = sums / self.sizes
        return means


@dataclass(frozen=True)
class Part:
    """One test set: a side (..., seeds, cases), another for a difference, and its weight.

    Attributes:
        mix: parts of one mix share their seeds.
    """

    one: Array
    other: Array | None
    grouping: Grouping
    weight: float = 1.0
    mix: str = ""


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error and degrees of freedom, of the shape of the leading axes.

    Where nothing varies, the standard error is 0 and the degrees of freedom are infinite.
    """

    value: Array
    se: Array
    df: Array

    def limits(self, level: float) -> tuple[Array, Array]:
        """The two ends of the interval of a level, 0.95 for example."""
        from scipy.special import stdtrit  # slow to import, and wanted here alone

        half = stdtrit(self.df, (1 + level) / 2) * self.se
        return self.value - half, self.value + half

    def p(self) -> tuple[Array, Array]:
        """t and the two-sided p against 0; p is NaN where a difference has no standard error."""
        from scipy.special import stdtr

        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(self.value == 0, 0.0, self.value / self.se)
        sure = np.isinf(t)  # a difference in which nothing varies: no test can weigh it
        return t, np.where(sure, np.nan, 2 * stdtr(self.df, -np.abs(np.where(sure, 0.0, t))))


def estimate(parts: Sequence[Part], trained: tuple[bool, bool] = (True, False)) -> Estimate:
    """The value of all parts together (Conventions, 2 to 4).

    Args:
        parts: each with two groups at least; within a mix, of the same seeds.
        trained: whether each side has a seed term; it then needs two seeds.
    """
    value, terms = 0.0, []
    for part in parts:
        cases = part.one.mean(axis=-2)
        if part.other is not None:
            cases = cases - part.other.mean(axis=-2)
        mean = cases.mean(axis=-1)
        value = value + part.weight * mean
        terms.append(_case_term(cases, mean, part))
    for mix in dict.fromkeys(part.mix for part in parts):
        own = [part for part in parts if part.mix == mix]
        weights = [part.weight for part in own]
        if trained[0]:
            terms.append(_seed_term([part.one for part in own], weights))
        if trained[1]:
            others = [part.other for part in own if part.other is not None]
            terms.append(_seed_term(others, weights))
    variance, df = satterthwaite(terms)
    rounded = np.where(np.abs(value) < 1e-12, 0.0, value)
    return Estimate(rounded, np.sqrt(variance), df)


@dataclass(frozen=True)
class Row:
    """A row in a sum of rows.

    Attributes:
        sign: what its mean is multiplied with.
        scores: by part, (..., seeds, cases); the cases of a part are the same in all rows.
        trained: whether it has a seed term.
    """

    sign: float
    scores: Sequence[Array]
    trained: bool = True


def contrast(
    rows: Sequence[Row], groupings: Sequence[Grouping], weights: Sequence[float]
) -> Estimate:
    """The sum of rows by sign, over parts by weight: `estimate` for any number of rows.

    Args:
        rows: trained apart from one another, each on all parts with the same seeds.
        groupings, weights: of the parts.
    """
    value, terms = np.asarray(0.0), []
    for k, (grouping, weight) in enumerate(zip(groupings, weights, strict=True)):
        cases = np.sum([row.sign * row.scores[k].mean(axis=-2) for row in rows], axis=0)
        mean = cases.mean(axis=-1)
        value = value + weight * mean
        terms.append(_case_term(cases, mean, Part(cases, None, grouping, weight)))
    for row in rows:
        if row.trained:
            variance, df = _seed_term(row.scores, weights)
            terms.append((row.sign**2 * variance, df))
    variance, freedom = satterthwaite(terms)
    return Estimate(np.where(np.abs(value) < 1e-12, 0.0, value), np.sqrt(variance), freedom)


def satterthwaite(terms: Sequence[tuple[Array, int]]) -> tuple[Array, Array]:
    """The sum of variances, each with its degrees of freedom, and the degrees of freedom of it.

    Variances that are nothing but rounding count as 0.
    """
    total = np.asarray(sum(variance for variance, _ in terms))
    total = np.where(total < 1e-24, 0.0, total)
    # Satterthwaite 1946: V^2 / sum(V_k^2 / df_k). np.square rounds one number as it rounds many.
    below = np.asarray(sum(np.square(variance) / df for variance, df in terms))
    with np.errstate(invalid="ignore", divide="ignore"):
        return total, np.where(total > 0, np.square(total) / below, np.inf)


def _case_term(cases: Array, mean: Array, part: Part) -> tuple[Array, int]:
    """The variance of a part's mean over cases, and G - 1 (Conventions, 3)."""
    groups = len(part.grouping.sizes)
    shares = part.grouping.sizes / part.grouping.sizes.sum()
    off = shares * (part.grouping.means(cases) - mean[..., None])
    variance = (off**2).sum(axis=-1) * groups / (groups - 1)
    return part.weight**2 * variance, groups - 1


def _seed_term(sides: Sequence[Array], weights: Sequence[float]) -> tuple[Array, int]:
    """The variance of a side's mean over seeds, and S - 1."""
    by_seed = np.sum(
        [side.mean(axis=-1) * w for side, w in zip(sides, weights, strict=True)], axis=0
    )
    seeds = by_seed.shape[-1]
    return by_seed.var(axis=-1, ddof=1) / seeds, seeds - 1
