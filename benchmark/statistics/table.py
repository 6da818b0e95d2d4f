"""Puts the runs of a mix into one table, and names what is missing before anything is averaged.

**Conventions**

1. Every run of a test set must hold the same cases. The right set of cases is the one of the size
   that the data says, else the one that most runs hold, else the largest; a run that differs from
   it counts as missing on that test set.
2. A row of which a planned seed is missing on a test set has no value there: it is never an average
   over fewer seeds. Its other runs are still shown one by one.
3. Results that are not planned (a removed method, a seed no longer planned, a foreign test set) are
   named and ignored.
4. A row has no value in a column that the file of one of its runs lacks: it was not scored.
5. A run of which run.json, scores.csv or history.csv is not as it was written counts as missing:
   nothing of it is used. What is recorded nowhere cannot be checked (`core/recorded.py`).

**Sources** Christodoulou et al., MICCAI 2024 (what reports of segmentation leave out).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.recorded import Edited, edited, files_of, listed, run_path
from benchmark.statistics.schema import COUNTS, KEYS, METRICS, Array
from benchmark.statistics.scores import SetScores, read_record, read_scores

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
class MissingRun:
    """A planned run that is not there, or not on one test set; without a dataset, on none.

    Attributes:
        edited: a file of the run that is not as it was written, if that is why.
    """

    entry: Entry
    seed: int
    dataset: str
    why: str
    edited: Edited | None = None


@dataclass(frozen=True)
class Ignored:
    """Results that lie in the folder and are not counted.

    Attributes:
        group: the folder of results/<mix> in which they lie.
    """

    group: str
    what: str
    why: str


@dataclass(frozen=True)
class ScoreTable:
    """All scores of a mix, aligned by case.

    Attributes:
        sets: the test sets, in the order of the mix.
        entries: the planned rows.
        runs: by (entry key, seed).
        missing: planned runs that are not there, or not on every test set.
        ignored: results that are not counted.
        sizes: by test set, its number of cases where the data says it.
    """

    sets: tuple[TestSet, ...]
    entries: tuple[Entry, ...]
    runs: Mapping[tuple[str, int], Run]
    missing: tuple[MissingRun, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    _open: frozenset[tuple[str, str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = {(gone.entry.key, gone.dataset) for gone in self.missing}
        object.__setattr__(self, "_open", frozenset(found))

    @cached_property
    def _gone(self) -> dict[Entry, list[MissingRun]]:
        found: dict[Entry, list[MissingRun]] = {}
        for gone in self.missing:
            found.setdefault(gone.entry, []).append(gone)
        return found

    @cached_property
    def _stacked(self) -> dict[tuple[Entry, str, str], Array | None]:
        return {}

    @cached_property
    def protocols(self) -> tuple[str, ...]:
        """Columns of the named protocols, in the order of the files."""
        scores = (each for run in self.runs.values() for each in run.scores.values())
        names = dict.fromkeys(name for each in scores for name in each.values)
        return tuple(name for name in names if name not in (*KEYS, *METRICS, *COUNTS))

    def rows(self, groups: Sequence[str]) -> list[Entry]:
        """The planned rows of some groups, group by group."""
        return [entry for group in groups for entry in self.entries if entry.group == group]

    def runs_of(self, entry: Entry) -> list[Run]:
        """The finished runs of a row, by seed."""
        return [self.runs[entry.key, s] for s in entry.seeds if (entry.key, s) in self.runs]

    def missing_of(self, entry: Entry) -> list[MissingRun]:
        """The missing runs of a row, in their order."""
        return [*self._gone.get(entry, ())]

    def is_planned(self, entry: Entry) -> bool:
        """Whether a row has no run yet, not even one that was edited."""
        return not (self.runs_of(entry) or self.is_edited(entry))

    def is_edited(self, entry: Entry) -> bool:
        """Whether a row lacks a run because a file of it was edited."""
        return any(gone.edited for gone in self.missing_of(entry))

    def scores_of(self, entry: Entry, dataset: str) -> list[SetScores] | None:
        """The scores of all planned seeds on a test set; None where one is missing."""
        if {(entry.key, ""), (entry.key, dataset)} & self._open:
            return None
        return [run.scores[dataset] for run in self.runs_of(entry)]

    def values(self, entry: Entry, dataset: str, column: str) -> Array | None:
        """Scores (seeds, cases) of one column; None where a seed or the column is missing.

        The array is kept for the next caller, and so cannot be changed.
        """
        key = entry, dataset, column
        if key not in self._stacked:
            self._stacked[key] = self._stack(entry, dataset, column)
        return self._stacked[key]

    def _stack(self, entry: Entry, dataset: str, column: str) -> Array | None:
        scores = self.scores_of(entry, dataset)
        if not scores or any(column not in s.values for s in scores):
            return None
        values = np.stack([s.values[column] for s in scores])
        values.flags.writeable = False
        return values

    def counts(self, entry: Entry, dataset: str) -> list[tuple[Array, ...]]:
        """The columns tp, fp, fn, tn (cases,) of each seed; empty where a seed is missing."""
        scores = self.scores_of(entry, dataset) or []
        return [tuple(each.values[name] for name in COUNTS) for each in scores]

    def not_scored(self, entry: Entry, dataset: str, column: str) -> bool:
        """Whether a row lacks a value because a file of its runs lacks the column."""
        scores = self.scores_of(entry, dataset)
        return bool(scores) and any(column not in each.values for each in scores or ())

    def rows_only(self, entries: Sequence[Entry]) -> "ScoreTable":
        """The table as it is read where these rows alone are planned; keeps what is ignored."""
        keys = {entry.key for entry in entries}
        runs = {key: run for key, run in self.runs.items() if key[0] in keys}
        gone = [each for each in self.missing if each.entry.key in keys and not each.dataset]
        return _assembled(entries, runs, gone, self.ignored, self.sizes)

    def cases(self, kept: Mapping[str, Array]) -> "ScoreTable":
        """The table with some of the cases of each test set; a set that is not named keeps all.

        Args:
            kept: bool (cases,) by test set.
        """
        every = {each.name: np.ones(len(each.cases), dtype=bool) for each in self.sets}
        return self.parts({name: (name, kept.get(name, every[name])) for name in every})

    def parts(
        self, parts: Mapping[str, tuple[str, Array]], columns: Collection[str] | None = None
    ) -> "ScoreTable":
        """The table whose test sets are parts of the present ones.

        Args:
            parts: by the name of the part, its test set and which cases it holds, bool (cases,).
            columns: those that it keeps; None keeps all.
        """
        known = {each.name: each for each in self.sets}
        index = {
            name: (known[whole], np.flatnonzero(kept)) for name, (whole, kept) in parts.items()
        }
        split = [
            replace(gone, dataset=name)
            for name, (whole, _) in parts.items()
            for gone in self.missing
            if gone.dataset == whole
        ]
        return replace(
            self,
            sets=tuple(_part_of_set(name, *part) for name, part in index.items()),
            runs={key: _part_of_run(run, index, columns) for key, run in self.runs.items()},
            missing=(*(gone for gone in self.missing if not gone.dataset), *split),
            sizes={name: len(kept) for name, (_, kept) in index.items()},
        )


def _part_of_set(name: str, whole: TestSet, index: Array) -> TestSet:
    cases, groups = (tuple(names[i] for i in index) for names in (whole.cases, whole.groups))
    return TestSet(name, whole.modality, cases, groups)


def _part_of_run(
    run: Run, parts: Mapping[str, tuple[TestSet, Array]], columns: Collection[str] | None
) -> Run:
    found = {}
    for name, (each, index) in parts.items():
        scores = run.scores.get(each.name)
        if scores is None or scores.cases != each.cases:
            continue  # missing on the whole set, and so on its parts
        found[name] = replace(
            scores,
            cases=tuple(scores.cases[i] for i in index),
            groups=tuple(scores.groups[i] for i in index),
            values={
                column: values[index]
                for column, values in scores.values.items()
                if columns is None or column in columns
            },
        )
    return replace(run, scores=found)


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
    recorded = listed(results)
    missing: list[MissingRun] = []
    for entry in entries:
        for seed in entry.seeds:
            run = _read_run(results, entry, seed, recorded)
            if isinstance(run, Run):
                runs[entry.key, seed] = run
            else:
                missing.append(run)
    ignored = [*_unplanned(results, entries), *_other_sets(runs.values(), sizes)]
    return _assembled(entries, runs, missing, ignored, sizes)


def _assembled(
    entries: Sequence[Entry],
    runs: Mapping[tuple[str, int], Run],
    missing: Sequence[MissingRun],
    ignored: Sequence[Ignored],
    sizes: Mapping[str, int | None],
) -> ScoreTable:
    """The table of some runs: which cases its test sets hold, and which runs lack some."""
    sets = tuple(_test_set(name, size, runs.values()) for name, size in sizes.items())
    partly = (gone for run in runs.values() for gone in _missing_of(run, sets))
    return ScoreTable(sets, tuple(entries), runs, (*missing, *partly), tuple(ignored), sizes)


def _read_run(
    results: Path, entry: Entry, seed: int, recorded: Mapping[str, str]
) -> Run | MissingRun:
    name = run_path(entry.group, entry.name, seed)
    folder = (results / name).parent
    gone = [name for name in ("run.json", "scores.csv") if not (folder / name).is_file()]
    if gone:
        return MissingRun(entry, seed, "", f"no {gone[0]}" if len(gone) == 1 else "not run")
    found = edited(results / name, recorded.get(name))
    if found is None:
        record = read_record(results / name, (entry.group, entry.name, seed))
        files = files_of(record)
        changed = (edited(folder / each, files.get(each)) for each in ("scores.csv", "history.csv"))
        found = next((each for each in changed if each), None)
    if found:
        return MissingRun(entry, seed, "", str(found), found)
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


def _missing_of(run: Run, sets: Iterable[TestSet]) -> list[MissingRun]:
    """The test sets on which a run does not hold the cases that it should."""
    missing = []
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
        missing.append(MissingRun(run.entry, run.seed, each.name, why))
    return missing


def _difference(found: set[str], expected: set[str]) -> str:
    """Which cases are missing and which are foreign; three names of each."""
    parts = []
    for cases, text in ((expected - found, "missing"), (found - expected, "not of this test set")):
        if cases:
            first = ", ".join([*sorted(cases)[:3], *["..."] * (len(cases) > 3)])
            told = f"case {first} is" if len(cases) == 1 else f"{len(cases)} cases ({first}) are"
            parts.append(f"{told} {text}")
    return "; ".join(parts)


def _unplanned(results: Path, entries: Sequence[Entry]) -> list[Ignored]:
    """Runs that lie in the folder and are not planned (Conventions, 3)."""
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
        Ignored(what.split("/")[0], f"{what} ({runs} {'run' if runs == 1 else 'runs'})", why)
        for (what, why), runs in found.items()
    ]


def _other_sets(runs: Iterable[Run], sizes: Mapping[str, int | None]) -> list[Ignored]:
    found = {
        (run.entry.group, f"{run.entry.key} on {name}")
        for run in runs
        for name in run.scores
        if name not in sizes
    }
    return [Ignored(group, what, "no test set of this mix") for group, what in sorted(found)]
