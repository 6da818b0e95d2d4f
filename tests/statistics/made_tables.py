"""Score tables made of arrays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from support import ROOT

from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, MissingRun, Run, ScoreTable, TestSet

Array = np.ndarray
Values = Mapping[str, Mapping[str, Array]]  # method to test set to (seeds, cases)


@dataclass
class Made:
    """How a table is made.

    Attributes:
        modalities, groups: by test set; else its name, and single cases.
        untrained: methods without a seed term.
        columns: further columns, as a function of the first.
    """

    modalities: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    missing: tuple[tuple[str, int, str, str], ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)


def names(n: int) -> tuple[str, ...]:
    return tuple(f"c{i:04d}" for i in range(n))


def table_of(values: Values, made: Made | None = None) -> ScoreTable:
    """A table of the column dsc and those of `made`."""
    made = made or Made()
    entries: dict[str, Entry] = {}
    runs, sets = {}, {}
    for method, by_set in values.items():
        seeds = tuple(range(len(next(iter(by_set.values())))))
        trained = method not in made.untrained
        entry = entries[method] = Entry(method, method.upper(), "main", "none", seeds, trained)
        for each, array in by_set.items():
            cases = names(array.shape[1])
            about = made.modalities.get(each, each), cases, made.groups.get(each, cases)
            sets[each] = TestSet(each, *about)
        for seed in seeds:
            scores = {}
            for each, array in by_set.items():
                columns = {"dsc": array[seed]}
                columns |= {name: make(array[seed]) for name, make in made.columns.items()}
                about = sets[each].modality, sets[each].cases, sets[each].groups
                scores[each] = SetScores(*about, columns, 0, 0, array.shape[1])
            runs[entry.key, seed] = Run(entry, seed, {}, scores)
    missing = tuple(MissingRun(entries[m], seed, each, why) for m, seed, each, why in made.missing)
    return ScoreTable(tuple(sets.values()), tuple(entries.values()), runs, missing)


def oracle(name: str) -> Any:
    """What another library gave; written by tests/golden/write_statistics.py."""
    path = ROOT / "tests" / "golden" / "statistics" / "oracles.json"
    return json.loads(path.read_text(encoding="utf-8"))[name]
