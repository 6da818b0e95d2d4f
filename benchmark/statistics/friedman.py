"""Friedman's test over test sets with Nemenyi's critical difference, and what it can find at all.

**Conventions**

1. Each test set ranks the rows by their means, 1 the best, equal ones share their mean rank.
2. Friedman's statistic is corrected for ties: it is divided by 1 - sum(t^3 - t) / (N k (k^2 - 1))
   over the groups of t equal rows. Demsar's formula has no such correction: his printed example,
   9.28, is 10.23 with it. Iman and Davenport's F, which is less conservative, is made from the
   corrected statistic.
3. Two rows differ by Nemenyi if their mean ranks are farther apart than the critical difference,
   q sqrt(k (k + 1) / (6 N)) with q the 95 % quantile of the studentised range over sqrt(2). Each of
   `cliques` is a longest run of rows that lie within it.
4. Seeds and cases do not enter: N is the number of test sets, and small. `power` is the mean share
   of the other rows that Nemenyi tells from a row that is truly `gain` better than all of them on
   every test set, where they are equal and vary by the residual that the table itself has.
   `smallest_holm` is the smallest Holm-adjusted p that a signed-rank test over N test sets can give
   for k - 1 rows.

**Sources** Friedman 1937; Iman and Davenport 1980; Nemenyi 1963; Demsar, JMLR 2006.
"""

import math
from dataclasses import dataclass

import numpy as np

from benchmark.core.text import percent
from benchmark.statistics.complete_rows import CompleteRows
from benchmark.statistics.ranking import ranks
from benchmark.statistics.schema import Array

ALPHA = 0.05
TABLES = 4000  # simulated for the power
SEED = 21
TIES = "The statistic is corrected for ties; without that (as in Demsar 2006) it is smaller."


@dataclass(frozen=True)
class Friedman:
    """The test and the data of the critical-difference diagram.

    Attributes:
        mean_ranks: of the rows.
        cd: the critical difference of mean ranks.
        nemenyi: p of each pair.
        cliques: rows that one bar joins, best first.
        power, gain, smallest_holm: Conventions, 4.
        why: the reason where there is no test.
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    sets: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    statistic: float
    p: float
    iman_davenport: float
    p_iman: float
    cd: float
    nemenyi: tuple[tuple[float, ...], ...]
    cliques: tuple[tuple[int, ...], ...]
    power: float
    gain: float
    smallest_holm: float
    why: str = ""


def friedman(complete: CompleteRows, gain: float = 0.02) -> Friedman:
    """Friedman's test of complete rows over their test sets."""
    names = tuple(each.name for each in complete.sets)
    k, n = len(complete.keys), len(names)
    if k < 3 or n < 2:
        why = "fewer than three complete rows" if k < 3 else "fewer than two test sets"
        none = (float("nan"),) * 5
        return Friedman(
            complete.keys, complete.titles, names, (), *none, (), (), float("nan"), gain,
            float("nan"), why,
        )  # fmt: skip
    means = complete.means()
    mean_ranks = ranks(means).mean(axis=0)
    statistic, p, iman, p_iman = chi_squared(means)
    cd = critical_difference(k, n)
    return Friedman(
        complete.keys, complete.titles, names, tuple(mean_ranks.tolist()), statistic, p, iman,
        p_iman, cd, nemenyi(mean_ranks, n), cliques(mean_ranks, cd), power(means, gain, cd), gain,
        smallest_holm(k, n), "" if statistic == statistic else "all rows are equal",
    )  # fmt: skip


def power_note(found: Friedman) -> str:
    """The sentence to print with the diagram; it says what the test cannot find."""
    if not found.keys or math.isnan(found.cd):
        return found.why
    k, n = len(found.keys), len(found.sets)
    widest = (
        " No two mean ranks can differ by so much, so the test cannot reject."
        if found.cd > k - 1
        else ""
    )
    return (
        f"With {n} test sets and {k} rows, two mean ranks must differ by {found.cd:.2f} to be "
        f"significant.{widest} Power: with {n} test sets the test detects "
        f"{percent(found.power)} of true differences of {100 * found.gain:g} points. A "
        "signed-rank test per row with Holm's correction cannot give a p below "
        f"{found.smallest_holm:.3f}. So a difference that is not found here may still exist. "
        f"{TIES}"
    )


def chi_squared(means: Array) -> tuple[float, float, float, float]:
    """Friedman's chi-squared with its p, Iman and Davenport's F with its p; (sets, rows)."""
    from scipy import stats  # slow to import, and wanted here alone

    n, k = means.shape
    rounded = np.round(means, 12)
    if (np.ptp(rounded, axis=1) == 0).all():
        return (float("nan"),) * 4
    chi, p = stats.friedmanchisquare(*rounded.T)
    room = n * (k - 1) - chi
    if room < 1e-9:  # every test set ranks alike
        return float(chi), float(p), float("inf"), 0.0
    f = (n - 1) * chi / room
    return float(chi), float(p), float(f), float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))


def critical_difference(k: int, n: int) -> float:
    """Nemenyi's, for k rows over n test sets."""
    from scipy.stats import studentized_range

    # Demsar 2006, section 3.2.2: CD = q sqrt(k (k + 1) / (6 N))
    q = float(studentized_range.ppf(1 - ALPHA, k, np.inf)) / math.sqrt(2)
    return q * float(np.sqrt(k * (k + 1) / (6 * n)))


def nemenyi(mean_ranks: Array, n: int) -> tuple[tuple[float, ...], ...]:
    """p of each pair of rows; 1 on the diagonal."""
    from scipy.stats import studentized_range

    k = len(mean_ranks)
    one, other = np.triu_indices(k, 1)
    gaps = np.abs(mean_ranks[one] - mean_ranks[other]) / math.sqrt(k * (k + 1) / (6 * n))
    distinct, place = np.unique(np.round(gaps, 9), return_inverse=True)
    p = np.ones((k, k))
    p[one, other] = studentized_range.sf(distinct * math.sqrt(2), k, np.inf)[place]
    p[other, one] = p[one, other]
    return tuple(tuple(row) for row in np.clip(p, 0, 1).tolist())


def cliques(mean_ranks: Array, cd: float) -> tuple[tuple[int, ...], ...]:
    """The longest runs of two rows and more, best first, within the critical difference."""
    order = np.argsort(mean_ranks, kind="stable")
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        near = mean_ranks[order] - mean_ranks[order[start]] <= cd
        end = int(np.flatnonzero(near)[-1]) + 1
        if end > reached and end - start > 1:
            found.append(tuple(int(row) for row in order[start:end]))
        reached = max(reached, end)
    return tuple(found)


def power(means: Array, gain: float, cd: float) -> float:
    """How much Nemenyi can find here (Conventions, 4)."""
    n, k = means.shape
    residual = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    sd = math.sqrt((residual**2).sum() / ((n - 1) * (k - 1)))
    drawn = np.random.default_rng(SEED).normal(0, max(sd, 1e-9), (TABLES, n, k))
    drawn[..., 0] += gain
    mean_ranks = ranks(drawn).mean(axis=1)
    return float((mean_ranks[:, 1:] - mean_ranks[:, :1] > cd).mean())


def smallest_holm(k: int, n: int) -> float:
    """The smallest p of k - 1 signed-rank tests over n test sets after Holm."""
    return min(1.0, (k - 1) * 2.0 ** (1 - n))
