"""The focus method against other rows on each test set, as a claim about methods.

**Conventions**

1. A difference is focus minus other, as the mean over seeds of the mean over cases; for columns of
   which less is better too. Rows are paired by case and not by seed.
2. Interval and p are the crossed-variance t's of `crossed`: trainings and cases vary. p is Holm's
   within a test set, over the rows compared there; a row without a p still counts.
3. Fewer than three seeds of a trained row: no claim. A missing run on either side: no number, and
   the run is named. A difference in which nothing varies has an interval of no width and no p.
4. `effect` is the difference over the standard deviation over cases of the per-case difference
   (means over seeds); for the mean over modalities that standard deviation is the weighted mean of
   those of the test sets. `wins` is the share of cases in which the focus is better, ties half.
5. `false_claim` is the probability that the true order is the reverse of the one seen, under a flat
   prior: T(-|t|). `false_claim_cases` is the same from cases alone, as published; it ignores seeds.

**Sources** as in `crossed`; Holm 1979; Christodoulou et al. 2025 (probability of a false claim).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmark.statistics.crossed import Estimate, Grouping, Part, estimate
from benchmark.statistics.differences import Missing, side, values_of
from benchmark.statistics.intervals import LEVEL
from benchmark.statistics.method_level import (
    NONE,
    Target,
    targets,
    too_few,
)
from benchmark.statistics.schema import DSC, is_lower
from benchmark.statistics.table import Entry, ScoreTable
from benchmark.statistics.wilcoxon import PairedWilcoxon, paired_wilcoxon

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """Focus minus another row, on a test set or MEAN (Conventions, 1 to 5).

    Attributes:
        seeds: of focus and other.
        verdict: of the focus: better, worse, undecided, no claim, missing.
        why: the reason where there is no claim, or no p.
        missing: what is missing, where the verdict says so.
    """

    focus: Entry
    other: Entry
    dataset: str
    column: str
    value: float = NONE
    low: float = NONE
    high: float = NONE
    se: float = NONE
    df: float = NONE
    t: float = NONE
    p: float = NONE
    p_holm: float = NONE
    effect: float = NONE
    wins: float = NONE
    false_claim: float = NONE
    false_claim_cases: float = NONE
    wilcoxon: PairedWilcoxon | None = None
    cases: int = 0
    groups: int = 0
    seeds: tuple[int, int] = (0, 0)
    verdict: str = "missing"
    why: str = ""
    missing: tuple[Missing, ...] = ()


def comparisons(
    table: ScoreTable,
    focus: Entry,
    others: Sequence[Entry],
    column: str = DSC,
    common_practice: bool = True,
) -> list[Comparison]:
    """Focus minus each other row: per test set in their order, then MEAN.

    Args:
        others: in the order of the result; the focus among them is skipped.
        column: a column of scores.csv.
        common_practice: whether the per-case Wilcoxon is tried too; None otherwise.
    """
    groupings = {each.name: Grouping.of(each.groups) for each in table.sets if each.cases}
    rows = [entry for entry in others if entry.key != focus.key]
    found = []
    for target in targets(table):
        family = [
            _compare(table, (focus, other), target, column, groupings, common_practice)
            for other in rows
        ]
        adjusted = holm([each.p for each in family])
        found += [_judged(each, p) for each, p in zip(family, adjusted, strict=True)]
    return found


def over_cases(table: ScoreTable, found: Comparison) -> tuple[float, float]:
    """The 95 % interval of a difference over cases alone: other cases for these trained networks.

    Whole groups vary where cases form groups. NaN where the difference has no value, or where a
    test set holds one group of cases.
    """
    target = next((each for each in targets(table) if each.name == found.dataset), None)
    if target is None or target.groups < 2 or np.isnan(found.value):
        return NONE, NONE
    groupings = {each.name: Grouping.of(each.groups) for each in table.sets if each.cases}
    parts = _parts(table, (found.focus, found.other), target, found.column, groupings)
    low, high = estimate(parts, (False, False)).limits(LEVEL)
    return float(low), float(high)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values; NaN stays NaN and counts in the family."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)  # NaN last
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(steps), 1.0)
    back = np.empty(len(values))
    back[order] = adjusted
    return [float(each) for each in back]


def _compare(
    table: ScoreTable,
    pair: tuple[Entry, Entry],
    target: Target,
    column: str,
    groupings: Mapping[str, Grouping],
    common_practice: bool,
) -> Comparison:
    one, other = (side(table, entry, target.weights, column) for entry in pair)
    bare = Comparison(*pair, target.name, column, cases=target.cases, groups=target.groups)
    if isinstance(one, Missing) or isinstance(other, Missing):
        gone = tuple(each for each in (one, other) if isinstance(each, Missing))
        return replace(bare, missing=gone, why="a run or a value is missing")
    seeds = (one.seeds, other.seeds)
    parts = _parts(table, pair, target, column, groupings)
    described = replace(
        bare, value=one.mean - other.mean, seeds=seeds,
        **_by_case(parts, is_lower(column), common_practice),
        verdict="no claim", why=too_few(pair, seeds, target.groups),
    )  # fmt: skip
    if described.why:
        return described
    found = estimate(parts, (pair[0].trained, pair[1].trained))
    return replace(described, **_tested(found), verdict="undecided")


def _parts(
    table: ScoreTable,
    pair: tuple[Entry, Entry],
    target: Target,
    column: str,
    groupings: Mapping[str, Grouping],
) -> list[Part]:
    return [
        Part(
            values_of(table, pair[0], name, column),
            values_of(table, pair[1], name, column),
            groupings[name],
            weight,
        )
        for name, weight in target.weights.items()
    ]


def _by_case(parts: Sequence[Part], lower: bool, common_practice: bool) -> dict[str, Any]:
    """What the cases alone say: effect, wins, published false claim, paired Wilcoxon."""
    weights = [part.weight for part in parts]
    gains = [part.one.mean(axis=0) - _other(part).mean(axis=0) for part in parts]
    if any(len(gain) < 2 for gain in gains):
        return {}
    spread = np.array([gain.std(ddof=1) for gain in gains])
    value = float(np.dot(weights, [gain.mean() for gain in gains]))
    variance = np.dot(np.square(weights), [g.var(ddof=1) / len(g) for g in gains])
    rounded = [np.round(-gain if lower else gain, 9) for gain in gains]
    won = [((gain > 0) + 0.5 * (gain == 0)).mean() for gain in rounded]
    scale = float(np.dot(weights, spread))
    alone = Estimate(*map(np.asarray, (value, variance**0.5, sum(map(len, gains)) - len(gains))))
    return {
        "effect": value / scale if scale > 1e-12 else (NONE if round(value, 9) else 0.0),
        "wins": float(np.dot(weights, won)),
        "false_claim_cases": _reversed(alone) if scale > 1e-12 else NONE,
        "wilcoxon": paired_wilcoxon(parts[0].one, _other(parts[0]))
        if common_practice and len(parts) == 1
        else None,
    }


def _other(part: Part) -> np.ndarray:
    assert part.other is not None  # a comparison has two sides
    return part.other


def _reversed(found: Estimate) -> float:
    """The probability that the true order is the reverse of the one seen: T(-|t|)."""
    return float(found.p()[1]) / 2


def _tested(found: Estimate) -> dict[str, Any]:
    t, p = (float(each) for each in found.p())
    low, high = (float(end) for end in found.limits(LEVEL))
    why = "nothing varies, so no test can weigh it" if np.isnan(p) else ""
    return {
        "low": low, "high": high, "se": float(found.se), "df": float(found.df), "t": t, "p": p,
        "false_claim": p / 2, "why": why,
    }  # fmt: skip


def _judged(found: Comparison, adjusted: float) -> Comparison:
    """With Holm's p, and the verdict where it is small enough."""
    if not adjusted < ALPHA:
        return replace(found, p_holm=adjusted)
    better = (found.value > 0) != is_lower(found.column)
    return replace(found, p_holm=adjusted, verdict="better" if better else "worse")
