"""Puts the runs of a mix into one table, and names what is missing before anything is averaged.

**Conventions**

1. Every run of a test set must hold the same cases. The right set of cases is the one of the size
   that the data says, else the one that most runs hold, else the largest; a run that differs from
   it is a hole on that test set.
2. A row of which a planned seed is a hole on a test set has no value there: it is never an average
   over fewer seeds. Its other runs are still shown one by one.
3. Results without a place in the plan (a removed method, a seed no longer planned, a foreign test
   set) are named and not counted.

**Sources** Christodoulou et al., MICCAI 2024 (what reports of segmentation leave out).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.statistics.scores import COLUMNS, Array, SetScores, read_record, read_scores

CONTROLS = "controls"


@dataclass(frozen=True)
class Entry:
    """A row that is planned: a method or a control.

    Attributes:
        name, title, group, prompt: as on its card.
        seeds: the seeds that the mix plans for it.
        trained: false for what has no seed term (controls, methods used as released).
        pretrained_on: datasets that its weights have seen.
    """

    name: str
    title: str
    group: str
    prompt: str
    seeds: tuple[int, ...]
    trained: bool
    pretrained_on: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What names the row: a control may share its name with a method."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True)
class Run:
    """One finished run: its record, and its scores by test set."""

    entry: Entry
    seed: int
    record: dict[str, Any]
    scores: dict[str, SetScores]


@dataclass(frozen=True)
class TestSet:
    """A test set with its cases in order, and the group of each."""

    __test__ = False  # no test case, whatever pytest thinks of the name

    name: str
    modality: str = ""
    cases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hole:
    """Something planned that is not there; without a dataset, it is the whole run."""

    entry: Entry
    seed: int
    dataset: str
    why: str


@dataclass(frozen=True)
class LeftOut:
    """Results that lie there and are not counted."""

    what: str
    why: str


@dataclass(frozen=True)
class ScoreTable:
    """All scores of a mix, aligned by case.

    Attributes:
        sets: the test sets, in the order of the mix.
        entries: the planned rows.
        runs: by (entry key, seed).
        protocols: columns of the named protocols, in the order of the files.
    """

    sets: tuple[TestSet, ...]
    entries: tuple[Entry, ...]
    runs: dict[tuple[str, int], Run]
    holes: tuple[Hole, ...]
    left_out: tuple[LeftOut, ...]
    protocols: tuple[str, ...]
    _open: frozenset[tuple[str, str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = {(hole.entry.key, hole.dataset) for hole in self.holes}
        object.__setattr__(self, "_open", frozenset(found))

    def rows(self, groups: Sequence[str]) -> list[Entry]:
        """The planned rows of some groups, group by group."""
        return [entry for group in groups for entry in self.entries if entry.group == group]

    def runs_of(self, entry: Entry) -> list[Run]:
        """The finished runs of a row, by seed."""
        return [self.runs[entry.key, s] for s in entry.seeds if (entry.key, s) in self.runs]

    def scores_of(self, entry: Entry, dataset: str) -> list[SetScores] | None:
        """The scores of all planned seeds on a test set; None where one is a hole."""
        if {(entry.key, ""), (entry.key, dataset)} & self._open:
            return None
        return [run.scores[dataset] for run in self.runs_of(entry)]

    def values(self, entry: Entry, dataset: str, column: str) -> Array | None:
        """Scores (seeds, cases) of one column; None where a seed or the column is missing."""
        scores = self.scores_of(entry, dataset)
        if not scores or any(column not in s.values for s in scores):
            return None
        return np.stack([s.values[column] for s in scores])


def read_table(
    results: Path, entries: Sequence[Entry], sizes: Mapping[str, int | None]
) -> ScoreTable:
    """Reads every planned run of a mix.

    Args:
        results: results/<mix>.
        entries: the planned rows.
        sizes: the test sets in order, each with its number of cases where the data says it.

    Raises: ScoreTableError if a file that is there cannot be used.
    """
    runs: dict[tuple[str, int], Run] = {}
    holes: list[Hole] = []
    for entry in entries:
        for seed in entry.seeds:
            run = _read_run(results / entry.group / entry.name / f"seed-{seed}", entry, seed)
            if isinstance(run, Run):
                runs[entry.key, seed] = run
            else:
                holes.append(run)
    sets = tuple(_test_set(name, size, runs.values()) for name, size in sizes.items())
    return ScoreTable(
        sets=sets,
        entries=tuple(entries),
        runs=runs,
        holes=(*holes, *(hole for run in runs.values() for hole in _holes_of(run, sets))),
        left_out=(*_unplanned(results, entries), *_other_sets(runs.values(), sizes)),
        protocols=_protocols(runs.values()),
    )


def _read_run(folder: Path, entry: Entry, seed: int) -> Run | Hole:
    gone = [name for name in ("run.json", "scores.csv") if not (folder / name).is_file()]
    if gone:
        return Hole(entry, seed, "", f"no {gone[0]}" if len(gone) == 1 else "not run")
    record = read_record(folder / "run.json", (entry.group, entry.name, seed))
    return Run(entry, seed, record, read_scores(folder / "scores.csv"))


def _test_set(name: str, size: int | None, runs: Iterable[Run]) -> TestSet:
    """The cases of a test set (Conventions, 1)."""
    scored = [run.scores[name] for run in runs if name in run.scores]
    if not scored:
        return TestSet(name)
    votes = Counter(s.cases for s in scored)
    cases = max(votes, key=lambda each: (len(each) == size, votes[each], len(each), each))
    first = next(s for s in scored if s.cases == cases)
    return TestSet(name, first.modality, cases, first.groups)


def _holes_of(run: Run, sets: Iterable[TestSet]) -> list[Hole]:
    """The test sets on which a run does not hold the cases that it should."""
    holes = []
    for each in sets:
        scores = run.scores.get(each.name)
        if scores is None:
            why = "not scored on this test set"
        elif scores.cases != each.cases:
            why = _difference(set(scores.cases), set(each.cases))
        elif (scores.groups, scores.modality) != (each.groups, each.modality):
            why = "its groups or its modality are not those of the other runs"
        else:
            continue
        holes.append(Hole(run.entry, run.seed, each.name, why))
    return holes


def _difference(found: set[str], expected: set[str]) -> str:
    """Which cases are missing and which are foreign; three names of each."""
    parts = []
    for cases, text in ((expected - found, "lacks"), (found - expected, "holds the foreign")):
        if cases:
            first = [*sorted(cases)[:3], *["..."] * (len(cases) > 3)]
            noun = "case" if len(cases) == 1 else "cases"
            parts.append(f"{text} {noun} {', '.join(first)} ({len(cases)} in all)")
    return "; ".join(parts)


def _unplanned(results: Path, entries: Sequence[Entry]) -> list[LeftOut]:
    """Runs that lie there without a place in the plan (Conventions, 3)."""
    seeds = {entry.key: {f"seed-{seed}" for seed in entry.seeds} for entry in entries}
    now = {entry.name: entry.group for entry in entries if entry.group != CONTROLS}
    found: dict[tuple[str, str], int] = {}
    for path in sorted(results.glob("*/*/seed-*/scores.csv")):
        group, name, seed = path.parts[-4:-1]
        if f"{group}/{name}" not in seeds:
            why = (
                f"its group is {now[name]} now"
                if name in now
                else "removed: no card plans it for this mix"
            )
            found[f"{group}/{name}", why] = found.get((f"{group}/{name}", why), 0) + 1
        elif seed not in seeds[f"{group}/{name}"]:
            found[f"{group}/{name}/{seed}", "this seed is not planned"] = 1
    return [
        LeftOut(f"{what} ({runs} {'run' if runs == 1 else 'runs'})", why)
        for (what, why), runs in found.items()
    ]


def _other_sets(runs: Iterable[Run], sizes: Mapping[str, int | None]) -> list[LeftOut]:
    found = {(run.entry.key, name) for run in runs for name in run.scores if name not in sizes}
    return [LeftOut(f"{key} on {name}", "no test set of this mix") for key, name in sorted(found)]


def _protocols(runs: Iterable[Run]) -> tuple[str, ...]:
    names = [name for run in runs for scores in run.scores.values() for name in scores.values]
    return tuple(name for name in dict.fromkeys(names) if name not in COLUMNS)
