"""Made scores: a table of any methods, with means, spreads over cases and over seeds as asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.files import Paths
from benchmark.core.params import Params
from benchmark.methods.discover import SyncedCard
from benchmark.statistics.results import MixResults
from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, MissingRun, Run, ScoreTable, TestSet

SETS = {"f": "fundus", "c": "colonoscopy", "u": "ultrasound", "d": "dermoscopy"}
CASES = 40
RECIPE: dict[str, Any] = {
    "epochs": 8, "batch": 8, "optimiser": "adamw", "lr": 5e-4, "lr_end": 1e-6,
    "weight_decay": 0.01, "schedule": "cosine", "hflip": 0.5, "vflip": 0.5, "rotation_deg": 5.0,
}  # fmt: skip


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


def card(name: str, **more: Any) -> SyncedCard:
    """A row; its title is its name in capitals."""
    values = {
        "title": name.upper(), "source": "tests", "licence": "Apache-2.0", "folder": "baselines/a",
        "structure": "s" * 64, "parameters": {"total": 9, "trainable": 9},
    }  # fmt: skip
    return SyncedCard.model_validate({**values, "name": name, **more})


def results_of(
    methods: Mapping[str, Mapping[str, float] | float],
    seeds: int = 4,
    mix: str = "mix1",
    missing: tuple[tuple[str, int], ...] = (),
) -> MixResults:
    """Results on four test sets: method to its mean by set, or on all of them."""
    entries, runs, rng = [], {}, np.random.default_rng(5)
    for name, means in methods.items():
        by_set = means if isinstance(means, Mapping) else dict.fromkeys(SETS, means)
        entries.append(Entry(name, name.upper(), "main", "none", tuple(range(seeds)), trained=True))
        for seed in range(seeds):
            if (name, seed) not in missing:
                scores = scores_of(by_set, seed, rng)
                record = {"initialisation": "pretrained", "identity": {}}
                runs[entries[-1].key, seed] = Run(entries[-1], seed, record, scores)
    sets = tuple(
        TestSet(name, modality, tuple(f"{name}{i:03d}" for i in range(CASES)),
                tuple(f"{name}{i:03d}" for i in range(CASES)))
        for name, modality in SETS.items()
    )  # fmt: skip
    by_name = {entry.name: entry for entry in entries}
    gone = tuple(MissingRun(by_name[name], seed, "", "not run") for name, seed in missing)
    table = ScoreTable(sets, tuple(entries), runs, gone)
    cards = {name: card(name) for name in methods}
    return MixResults(mix, params(mix), cards, Paths(Path("nowhere")), {}, table)


def params(mix: str) -> Params:
    """Parameters of one mix, which asks for pretrained weights."""
    about = {"title": mix, "size": 32, "train": list(SETS), "test": list(SETS), "seeds": [0],
             "weights": "pretrained", "recipe": RECIPE}  # fmt: skip
    values = {"focus": "a", "threshold": 0.5, "resamples": 200, "mixes": {mix: about}}
    return Params.model_validate(values)


def begun_from(results: MixResults, method: str, initialisation: str) -> None:
    """Changes what the runs of a method say of their weights."""
    for run in results.table.runs.values():
        if run.entry.name == method:
            run.record["initialisation"] = initialisation
