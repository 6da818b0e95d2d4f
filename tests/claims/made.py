"""Made scores: a table of any methods, with means, spreads over cases and over seeds as asked."""

from collections.abc import Mapping

import numpy as np

from benchmark.claims.evidence import Evidence
from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, Hole, Run, ScoreTable, TestSet

SETS = {"f": "fundus", "c": "colonoscopy", "u": "ultrasound", "d": "dermoscopy"}
CASES = 40


def scores_of(
    means: Mapping[str, float], seed: int, rng: np.random.Generator
) -> dict[str, SetScores]:
    """One run: cases differ much and alike for all methods, trainings little."""
    found = {}
    for name, mean in means.items():
        cases = tuple(f"{name}{i:03d}" for i in range(CASES))
        hard = np.random.default_rng(sum(map(ord, name))).normal(0, 0.05, CASES)
        dsc = mean + hard - hard.mean() + rng.normal(0, 0.003) + rng.normal(0, 0.01, CASES)
        shares = np.linspace(0.01, 0.4, CASES)
        counts = {key: np.full(CASES, 10.0) for key in ("tp", "fp", "fn", "tn")}
        values = {"dsc": dsc, "sensitivity": dsc, "assd_px": 10 * (1 - dsc), "foreground": shares}
        found[name] = SetScores(SETS[name], cases, cases, values | counts, 0, 0, CASES)
    return found


def evidence_of(
    methods: Mapping[str, Mapping[str, float] | float],
    seeds: int = 4,
    mix: str = "mix1",
    holes: tuple[tuple[str, int], ...] = (),
) -> Evidence:
    """Evidence on four test sets: method to its mean by set, or on all of them."""
    entries, runs, rng = [], {}, np.random.default_rng(5)
    for name, means in methods.items():
        by_set = means if isinstance(means, Mapping) else dict.fromkeys(SETS, means)
        entries.append(Entry(name, name.upper(), "main", "none", tuple(range(seeds)), trained=True))
        for seed in range(seeds):
            if (name, seed) not in holes:
                scores = scores_of(by_set, seed, rng)
                runs[entries[-1].key, seed] = Run(entries[-1], seed, {"weights": {}}, scores)
    sets = tuple(
        TestSet(name, modality, tuple(f"{name}{i:03d}" for i in range(CASES)),
                tuple(f"{name}{i:03d}" for i in range(CASES)))
        for name, modality in SETS.items()
    )  # fmt: skip
    by_name = {entry.name: entry for entry in entries}
    gone = tuple(Hole(by_name[name], seed, "", "not run") for name, seed in holes)
    table = ScoreTable(sets, tuple(entries), runs, gone, (), ())
    cards = {name: {"name": name, "title": name.upper()} for name in methods}
    return Evidence(mix, table, cards)
