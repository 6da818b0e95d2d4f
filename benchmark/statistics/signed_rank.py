"""Two methods over several test sets: a Bayesian signed-rank test with practical equivalence.

**Conventions**

1. The data are the differences of the means, one a test set, focus minus other, more is better.
2. A Dirichlet process with base weight 0.5 at a difference of 0 and weight 1 at each test set gives
   weights w. The shares of pairs (i, j), weighed w_i w_j, whose mean difference lies below -ROPE,
   within, and above +ROPE are compared; half of a pair on the border goes to the middle. The
   three probabilities say how often each share is the largest.
3. ROPE is 0.01, 1 point of DSC: below it two methods count as practically equal.
4. It takes the difference on each test set as known: the intervals there say how well it is.
   A missing run or too few seeds on any test set leaves no probability.

**Sources** Benavoli et al., ICML 2014 (the test); Benavoli et al., JMLR 2017 (ROPE); the prior and
the borders as in the package baycomp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.complete_rows import complete_rows
from benchmark.statistics.schema import DSC, Array
from benchmark.statistics.table import ScoreTable

ROPE = 0.01
PRIOR = 0.5
SEED = 20
CHUNK = 10_000  # draws at once: bounds memory


@dataclass(frozen=True)
class SignedRank:
    """The focus against another row, over test sets.

    Attributes:
        focus, other: entry keys.
        title: of the other.
        differences: by test set, focus minus other, more is better.
        worse, equal, better: probabilities, of the focus; together 1.
        why: the reason where there are none.
    """

    focus: str
    other: str
    title: str
    sets: tuple[str, ...]
    differences: tuple[float, ...]
    worse: float
    equal: float
    better: float
    why: str = ""


def signed_ranks(
    tables: Mapping[str, ScoreTable],
    focus: str,
    others: Sequence[str],
    column: str = DSC,
    draws: int = 50_000,
) -> list[SignedRank]:
    """The focus against each other row, in their order.

    Args:
        tables: by mix.
        focus, others: entry keys; the focus among the others is skipped.
        column: a column of scores.csv; ROPE is meant for shares.
    """
    found = []
    for other in others:
        if other == focus:
            continue
        both = complete_rows(tables, (focus, other), column)
        titles = dict(zip(both.keys, both.titles, strict=True))
        title = titles.get(other, both.incomplete[-1][0] if both.incomplete else other)
        names = tuple(each.name for each in both.sets)
        why = "; ".join(f"{who}: {text}" for who, text in both.incomplete)
        if not why and len(names) < 2:
            why = "fewer than two test sets"
        if why:
            nothing = (float("nan"),) * 3
            found.append(SignedRank(focus, other, title, names, (), *nothing, why))
            continue
        means = both.means()
        gains = means[:, 0] - means[:, 1]
        shares = probabilities(gains, ROPE, draws)
        found.append(SignedRank(focus, other, title, names, tuple(gains.tolist()), *shares))
    return found


def probabilities(differences: Array, rope: float, draws: int) -> tuple[float, float, float]:
    """That a method is worse, practically equal, better (Conventions, 2)."""
    z = np.concatenate([[0.0], np.round(differences, 12)])
    sums = z[:, None] + z[None]
    above = (sums > 2 * rope) + 0.5 * (sums == 2 * rope)
    below = (sums < -2 * rope) + 0.5 * (sums == -2 * rope)
    alpha = np.ones(len(z))
    alpha[0] = PRIOR
    rng = np.random.default_rng(SEED)
    won = np.zeros(3)
    for start in range(0, draws, CHUNK):
        w = rng.dirichlet(alpha, min(CHUNK, draws - start))
        left, right = (((w @ each) * w).sum(axis=1) for each in (below, above))
        largest = np.argmax(np.stack([left, 1 - left - right, right]), axis=0)
        won += np.bincount(largest, minlength=3)
    worse, equal, better = (float(each) for each in won / draws)
    return worse, equal, better
