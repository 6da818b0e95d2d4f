"""Simulates two identical methods, and counts how often each test calls one of them better.

**Conventions**

1. Scores are in points of DSC. A run's score on a case is the seed's own effect, N(0, seed_sd), and
   a chance of that run on that case, normal with a standard deviation of its own for each case,
   Gamma(2, 2.5 points), so that hard cases vary more. What both methods share on a case cancels.
2. An interaction, N(0, interaction_sd) per method and group of cases, is what makes one method
   better on some patients and worse on others; over all patients the methods are still equal.
3. A rate is the share of draws with p < 0.05. The coverage is that of the true difference, after
   one method is made 2 points better, and the power is that of the same draws.
4. The plain bootstrap resamples seeds of either side and single cases, 400 times, and rejects where
   0 lies outside the percentile interval; it takes a fifth of the draws. Its resamples are shared
   by the draws of a block.
5. `over_cases` is what a table says whose interval of a difference speaks of other cases alone, for
   these trained networks: the t of the per-case differences, which are means over seeds.
6. `cell` is the coverage of the method interval of one row, whose cases are skewed:
   100 Beta(5, 1), a standard deviation of 14 points.

**Sources** Åkesson et al., Comput. Biol. Med. 2024 (tests between identical methods).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.crossed import Estimate, Grouping, Part, estimate
from benchmark.statistics.intervals import LEVEL
from benchmark.statistics.schema import Array
from benchmark.statistics.wilcoxon import wilcoxon

ALPHA, GAIN, RESAMPLES, BLOCK, SHAPE, SCALE = 0.05, 2.0, 400, 250, 2.0, 2.5


@dataclass(frozen=True)
class Setting:
    """One cell of the simulation.

    Attributes:
        groups: of equal size; as many as cases where cases stand alone.
    """

    cases: int
    seeds: int
    seed_sd: float
    groups: int
    interaction_sd: float = 0.0

    @property
    def names(self) -> list[str]:
        """The group of each case."""
        return [f"{i * self.groups // self.cases:05d}" for i in range(self.cases)]


@dataclass(frozen=True)
class Rates:
    """What a simulation found (Conventions, 3 to 6); shares of the draws.

    Attributes:
        crossed: the headline test.
        ungrouped: the same as if cases were independent.
        one_seed, averaged: the per-case Wilcoxon of one run each, of the means over seeds.
        bootstrap: the plain one.
        over_cases: the interval over cases alone excludes 0.
    """

    draws: int
    crossed: float
    coverage: float
    power: float
    ungrouped: float
    one_seed: float
    averaged: float
    bootstrap: float
    cell: float
    over_cases: float

    @property
    def bound(self) -> float:
        """The rate of the headline test plus two standard errors."""
        return self.crossed + 2 * float(np.sqrt(self.crossed * (1 - self.crossed) / self.draws))


def simulate(setting: Setting, draws: int, seed: int, common_practice: bool = True) -> Rates:
    """Draws two identical methods many times, and tests each draw in every way.

    Args:
        common_practice: whether the Wilcoxon and the bootstrap are tried too; NaN otherwise.
    """
    grouping = Grouping.of(setting.names)
    alone = Grouping.of([f"{i:05d}" for i in range(setting.cases)])
    rng = np.random.default_rng(seed)
    found: dict[str, list[Array]] = {}
    for block, (one, other) in enumerate(_draw(setting, draws, rng)):
        tested = estimate([Part(one, other, grouping)], (True, True))
        single = tested if setting.groups == setting.cases else _untied(one, other, alone)
        rejected = {
            "crossed": _rejects(tested),
            "coverage": _covers(Estimate(tested.value + GAIN, tested.se, tested.df), GAIN),
            "power": _rejects(Estimate(tested.value + GAIN, tested.se, tested.df)),
            "ungrouped": _rejects(single),
            "over_cases": _rejects(estimate([Part(one, other, grouping)], (False, False))),
            "cell": _cell(one, grouping, rng),
        }
        if common_practice:
            rejected |= {
                "one_seed": wilcoxon(one[:, 0] - other[:, 0]) < ALPHA,
                "averaged": wilcoxon(one.mean(axis=1) - other.mean(axis=1)) < ALPHA,
            }
            if block % 5 == 0:
                rejected["bootstrap"] = bootstrap_rejects(one, other, rng)
        for name, values in rejected.items():
            found.setdefault(name, []).append(values)
    rates = {name: float(np.concatenate(values).mean()) for name, values in found.items()}
    nothing = dict.fromkeys(("one_seed", "averaged", "bootstrap"), float("nan"))
    return Rates(draws, **(nothing | rates))


def bootstrap_rejects(one: Array, other: Array, rng: np.random.Generator) -> Array:
    """Whether 0 lies outside the plain two-level interval, (draws,) (Conventions, 4)."""
    n = one.shape[-1]
    cases = rng.multinomial(n, [1 / n] * n, size=RESAMPLES) / n
    total = 0.0
    for sign, side in ((1.0, one), (-1.0, other)):
        seeds = side.shape[1]
        chosen = rng.multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES) / seeds
        by_seed = side @ cases.T  # (draws, seeds, resamples)
        total = total + sign * np.einsum("dsr,rs->dr", by_seed, chosen)
    low, high = np.quantile(total, [ALPHA / 2, 1 - ALPHA / 2], axis=1)
    outside: Array = (low > 0) | (high < 0)
    return outside


def _draw(setting: Setting, draws: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Both methods, (draws of a block, seeds, cases) each (Conventions, 1 and 2)."""
    size = setting.cases // setting.groups
    for start in range(0, draws, BLOCK):
        count = min(BLOCK, draws - start)
        scale = rng.gamma(SHAPE, SCALE, (count, 1, setting.cases))
        sides = []
        for _ in range(2):
            side = rng.standard_normal((count, setting.seeds, setting.cases)) * scale
            side += rng.normal(0, setting.seed_sd, (count, setting.seeds, 1))
            if setting.interaction_sd:
                own = rng.normal(0, setting.interaction_sd, (count, 1, setting.groups))
                side += np.repeat(own, size, axis=2)
            sides.append(side)
        yield sides[0], sides[1]


def _untied(one: Array, other: Array, alone: Grouping) -> Estimate:
    return estimate([Part(one, other, alone)], (True, True))


def _rejects(found: Estimate) -> Array:
    return np.asarray(found.p()[1] < ALPHA)


def _covers(found: Estimate, truth: float) -> Array:
    low, high = found.limits(LEVEL)
    return np.asarray((low <= truth) & (truth <= high))


def _cell(one: Array, grouping: Grouping, rng: np.random.Generator) -> Array:
    """Whether the method interval of one row covers its true mean (Conventions, 6)."""
    count, _, n = one.shape
    level = 100 * rng.beta(5, 1, (count, 1, len(grouping.sizes)))
    cases = np.repeat(level, n // len(grouping.sizes), axis=2)
    return _covers(estimate([Part(one + cases, None, grouping)]), 100 * 5 / 6)
