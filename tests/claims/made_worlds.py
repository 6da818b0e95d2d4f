"""Made worlds for any claim: the paper true by 5 points, and the same with every sign reversed.

Scores: each claim says which method must be above which, on which test sets; levels that are 5
points apart follow from that. Counts and analyses are written as its predicates name them.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made import CASES, SETS, card, results_of

from benchmark.claims.measures import MEASURES, Lines, Measure
from benchmark.claims.spec import (
    MODALITY,
    Above,
    Better,
    Cases,
    Claim,
    Close,
    Count,
    Easier,
    GainsMore,
    Growing,
    Measured,
    NoBetter,
    PredicateBase,
    Rising,
    Smaller,
)
from benchmark.core.digests import digest_of
from benchmark.core.files import Paths
from benchmark.statistics.measured import FOLDER, MEASURED, RECORD
from benchmark.statistics.results import MixResults

GAP, LOW, SEEDS = 0.05, 0.4, 4
Node = tuple[str, str]  # method, test set
ELSEWHERE = {"x": "fundus", "y": "colonoscopy", "z": "colonoscopy"}
CLEAN = 0.9  # in the place of what is subtracted


def world(claim: Claim, true: bool, folder: Path) -> MixResults:
    """Results in which a claim holds by 5 points, or in which every sign is the other.

    Args:
        folder: a project of its own, for the files of analyses.
    """
    levels = levels_of(claim, true)
    mix = next(iter(claim.mixes), "mix1")
    results = results_of(levels, SEEDS, mix)
    results = replace(results, paths=Paths(folder), cards={**results.cards, **_cards(claim, true)})
    for predicate in claim.predicates:
        if isinstance(predicate, Smaller):
            _shift_small(results, predicate, true)
        if isinstance(predicate, Cases):
            count = predicate.exactly if true else round(predicate.exactly * (1 - GAP))
            results = replace(results, data={"datasets": {"f": {"train": count, "val": 0}}})
    write_analyses(claim, true, folder, mix)
    return results


def levels_of(claim: Claim, true: bool) -> dict[str, dict[str, float]]:
    """The mean of each method on each test set."""
    edges = [edge for predicate in claim.predicates for edge in _edges(predicate)]
    below: dict[Node, list[Node]] = {}
    for high, low in edges:
        high, low = (high, low) if true else (low, high)
        below.setdefault(high, []).append(low)

    def depth(node: Node) -> int:
        return max((1 + depth(low) for low in below.get(node, ())), default=0)

    names = [n for name in claim.methods for n in _expanded(name)]
    return {name: {each: LOW + GAP * depth((name, each)) for each in SETS} for name in names}


def _expanded(name: str) -> list[str]:
    return list(dict.fromkeys(name.replace(MODALITY, modality) for modality in SETS.values()))


def _edges(predicate: PredicateBase) -> Iterator[tuple[Node, Node]]:
    """Who must be above whom, and where."""
    if isinstance(predicate, Easier):
        for name in predicate.of:
            for high, low in itertools.product(_sets(predicate.high), _sets(predicate.low)):
                yield (name, high), (name, low)
    else:
        for each in _sets(getattr(predicate, "where", [])):
            for high, low in _pairs(predicate):
                yield _at(high, each), _at(low, each)


def _pairs(predicate: PredicateBase) -> Iterator[tuple[str, str]]:
    """Who must be above whom on each of its test sets."""
    if isinstance(predicate, Better):
        yield from itertools.product(predicate.one, predicate.than)
    elif isinstance(predicate, NoBetter | Close):
        yield from itertools.product(predicate.than, predicate.one)
    elif isinstance(predicate, Rising):
        yield from ((high, low) for low, high in itertools.pairwise(predicate.order))
    elif isinstance(predicate, GainsMore):
        yield predicate.gain


def _sets(where: list[str]) -> list[str]:
    chosen = [name for name, modality in SETS.items() if modality in where]
    return list(SETS) if {"mean", "each modality"} & set(where) else chosen


def _at(name: str, each: str) -> Node:
    return name.replace(MODALITY, SETS[each]), each


def _cards(claim: Claim, true: bool) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for predicate in claim.predicates:
        if isinstance(predicate, Count):
            exactly = predicate.exactly or round(float(predicate.printed.rstrip("M")) * 1e6)
            counts[predicate.method] = exactly if true else round(exactly * (1 - GAP))
        if isinstance(predicate, Growing):
            order = predicate.order if true else predicate.order[::-1]
            for k, name in enumerate(order):
                counts[name] = round(1000 * (predicate.times * (1 + GAP)) ** k)
    return {n: card(n, parameters={"total": c, "trainable": c}) for n, c in counts.items()}


def _shift_small(results: MixResults, predicate: Smaller, true: bool) -> None:
    """The methods lose 10 points on the smallest masks, those that they are held against 5."""
    lost = dict.fromkeys(predicate.than, GAP) | dict.fromkeys(predicate.of, 2 * GAP)
    small = slice(0, round(predicate.share * CASES))  # foreground rises with the case
    for run in results.table.runs.values():
        for scores in run.scores.values():
            shift = lost.get(run.entry.name, 0.0)
            scores.values["dsc"][small] -= shift if true else -shift


def write_analyses(claim: Claim, true: bool, folder: Path, mix: str) -> None:
    """What the analyses measured that a claim names, a unit a run."""
    asked = [p for p in claim.predicates if isinstance(p, Measured | Above)]
    tables: dict[tuple[str, str], dict[str, float]] = {}  # (analysis, method) to value by column
    for predicate in asked:
        measure = MEASURES[predicate.measure]
        for name, value in _values(predicate, measure, true).items():
            tables.setdefault((measure.analysis, name), {})[measure.column] = value
    for (analysis, name), values in tables.items():
        measures = [m for p in asked if (m := MEASURES[p.measure]).analysis == analysis]
        for seed in range(SEEDS):
            unit = Paths(folder).results(mix) / FOLDER / analysis / name / f"seed-{seed}"
            write_unit(unit, name, seed, _table(measures, values, seed))


def _values(predicate: Measured | Above, measure: Measure, true: bool) -> dict[str, float]:
    sign = GAP if true != measure.lower else -GAP
    if isinstance(predicate, Above):
        start = predicate.level + (CLEAN if measure.minus else 0)
        return dict.fromkeys(predicate.of, start + sign)
    return {**dict.fromkeys(predicate.than, 0.5), **dict.fromkeys(predicate.one, 0.5 + sign)}


def _table(measures: list[Measure], values: Mapping[str, float], seed: int) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    sets = ELSEWHERE if measures[0].elsewhere else SETS
    for (name, modality), k in itertools.product(sets.items(), range(CASES)):
        hard = np.random.default_rng(k).normal(0, 0.02)
        about = {"dataset": name, "modality": modality, "case": f"{name}{k:03d}", "group": f"g{k}"}
        lines = {tuple(line.items()): line for m in measures for line in _lines(m.lines)}
        for line in lines.values():
            found = {c: v + hard + rng.normal(0, 0.005) for c, v in values.items()}
            others = {m.minus: CLEAN + hard for m in measures if m.minus}
            rows.append({**about, **line, **found, **others})
        clean = {tuple(x.items()): x for m in measures for x in _lines(m.minus_lines) if x}
        rows += [{**about, **line, **dict.fromkeys(values, CLEAN)} for line in clean.values()]
    return pd.DataFrame(rows)


def _lines(lines: Lines) -> list[dict[str, object]]:
    return [dict(zip(lines, each, strict=True)) for each in itertools.product(*lines.values())]


def write_unit(folder: Path, method: str, seed: int, table: pd.DataFrame) -> None:
    """The two files of a unit."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / MEASURED, index=False, float_format="%.6f")
    record = {"method": method, "seeds": [seed], "files": {MEASURED: digest_of(folder / MEASURED)}}
    (folder / RECORD).write_text(json.dumps(record))
