"""Each kind of predicate, as numbers with verdicts; the conventions are those of `check`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.claims.decisions import Decide, apart, judged, no_gain, side
from benchmark.claims.evidence import Evidence, defined, part, places_of
from benchmark.claims.quantity import Figure, Found, combined, softened, whole
from benchmark.claims.spec import (
    EACH,
    MODALITY,
    Better,
    Cases,
    Compared,
    Count,
    Easier,
    Growing,
    NoBetter,
    Open,
    Part,
    Rising,
    Smaller,
    Verdict,
)
from benchmark.statistics.compare import Comparison, comparisons
from benchmark.statistics.method_level import MethodInterval, method_intervals
from benchmark.statistics.scores import Array
from benchmark.statistics.table import Entry, ScoreTable

Pair = tuple[str, str]
FOREGROUND = "foreground"


class Judge:
    """Judges predicates by the scores of one mix; what two of them need is computed once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._compared: dict[tuple[str, str, str], dict[str, Comparison]] = {}
        self._lost: dict[tuple[str, str, str], int] = {}
        self._kinds: dict[type[Part], Callable[[Any, int], Found]] = {
            Better: self._better,
            NoBetter: self._no_better,
            Rising: self._rising,
            Easier: self._easier,
            Smaller: self._smaller,
            Count: self._count,
            Growing: self._growing,
            Cases: self._cases,
            Open: self._open,
        }

    def part(self, predicate: Part, seeds: int) -> Found:
        """What a predicate comes to.

        Args:
            seeds: the fewest that a trained method needs.
        """
        return self._kinds[type(predicate)](predicate, seeds)

    def _better(self, asked: Better, seeds: int) -> Found:
        return self._all_pairs(asked, seeds, side)

    def _no_better(self, asked: NoBetter, seeds: int) -> Found:
        return self._all_pairs(asked, seeds, partial(no_gain, asked.margin))

    def _all_pairs(self, asked: Compared, seeds: int, decide: Decide) -> Found:
        figures = tuple(
            self._figure((one, other), place, (asked.metric, seeds, decide))
            for place in self._places(asked.where)
            for one in _named(asked.one, place)
            for other in _named(asked.than, place)
        )
        return Found(figures, _needed(asked, figures))

    def _rising(self, asked: Rising, seeds: int) -> Found:
        """Neighbours must rise; any two the wrong way round contradict."""
        pairs = [
            (place, low, high)
            for place in self._places(asked.where)
            for low, high in combinations(range(len(asked.order)), 2)
        ]
        every = [
            self._figure((asked.order[high], asked.order[low]), place, (asked.metric, seeds, side))
            for place, low, high in pairs
        ]
        verdicts = softened(every)
        counted = [
            (figure, verdict)
            for figure, verdict, (_, low, high) in zip(every, verdicts, pairs, strict=True)
            if high - low == 1 or verdict == "contradicted"
        ]
        return Found(tuple(f for f, _ in counted), combined([verdict for _, verdict in counted]))

    def _places(self, on: Sequence[str]) -> list[tuple[str, str]]:
        return places_of(self.evidence, on, EACH)

    def _figure(self, pair: Pair, place: Pair, how: tuple[str, int, Decide]) -> Figure:
        """The difference of two methods at a place (modality and test set), and its verdict.

        Args:
            how: the column, the fewest seeds, and what an interval decides.
        """
        metric, seeds, decide = how
        title = " − ".join(self.evidence.title(name) for name in pair)
        where = self._where(place)
        entries = [self.evidence.entry(name) for name in pair]
        gone = [name for name, entry in zip(pair, entries, strict=True) if entry is None]
        if gone or not place[1]:
            note = (
                f"{' and '.join(gone)} not planned on this mix" if gone
                else f"no test set of {place[0]}"
            )  # fmt: skip
            return Figure(title, where, metric, None, None, None, "not run", note)
        one, other = (entry for entry in entries if entry is not None)
        found = self._compare(one, other, metric).get(place[1])
        if found is None:
            return Figure(title, where, metric, None, None, None, "not run", "no test set is whole")
        verdict, note = judged(found, seeds, decide)
        lost = self._lost[one.key, other.key, metric]
        if lost:
            noun = "case" if lost == 1 else "cases"
            note += f"; {lost} {noun} without a value left out, over all test sets"
        limits = _known(found.value), _known(found.low), _known(found.high)
        return Figure(title, where, metric, *limits, verdict, note, _known(found.p))

    def _compare(self, one: Entry, other: Entry, metric: str) -> dict[str, Comparison]:
        key = one.key, other.key, metric
        if key not in self._compared:
            table, self._lost[key] = defined(self.evidence.table, (one, other), metric)
            found = comparisons(table, one, [other], metric)
            self._compared[key] = {each.dataset: each for each in found}
        return self._compared[key]

    def _where(self, place: tuple[str, str]) -> str:
        modality, dataset = place
        if not modality:
            return dataset
        about = self.evidence.data.get("datasets", {}).get(dataset, {})
        return f"{modality} ({about.get('title') or dataset})" if dataset else modality

    def _easier(self, asked: Easier, seeds: int) -> Found:
        cells = method_intervals(self._only(asked.of), [asked.metric])
        figures = []
        for name in asked.of:
            fewest = self._fewest(name, seeds)
            for high in self._places(asked.high):
                for low in self._places(asked.low):
                    sides = [self._cell(cells, name, place[1], asked.metric) for place in
                             (high, low)]  # fmt: skip
                    where = f"{self._where(high)} − {self._where(low)}"
                    title = self.evidence.title(name)
                    figures.append(apart((title, where, asked.metric), sides, fewest))
        return Found(tuple(figures), whole(figures))

    def _smaller(self, asked: Smaller, seeds: int) -> Found:
        """The smallest masks of each test set against the others."""
        table = self._only(asked.of)
        small = {each.name: self._small(table, each.name, asked.share) for each in table.sets}
        known = {name: chosen for name, chosen in small.items() if chosen is not None}
        parts = [
            method_intervals(part(table, kept), [asked.metric])
            for kept in (known, {name: ~chosen for name, chosen in known.items()})
        ]
        figures = []
        for name in asked.of:
            for place in self._places(asked.where):
                both = [self._cell(cells, name, place[1], asked.metric) if place[1] in known
                        else None for cells in parts]  # fmt: skip
                count = int(known[place[1]].sum()) if place[1] in known else 0
                what = f"{self.evidence.title(name)}: other cases − {count} smallest"
                about = (what, self._where(place), asked.metric)
                figures.append(apart(about, both[::-1], self._fewest(name, seeds)))
        return Found(tuple(figures), whole(figures))

    def _small(self, table: ScoreTable, dataset: str, share: float) -> Array | None:
        arrays = (table.values(entry, dataset, FOREGROUND) for entry in table.entries)
        found = next((values[0] for values in arrays if values is not None), None)
        if found is None or len(found) < 2:
            return None
        order = np.argsort(found, kind="stable")
        chosen = np.zeros(len(found), dtype=bool)
        chosen[order[: max(1, round(share * len(found)))]] = True
        return chosen

    def _only(self, names: Sequence[str]) -> ScoreTable:
        entries = [entry for name in names if (entry := self.evidence.entry(name))]
        return replace(self.evidence.table, entries=tuple(entries))

    def _fewest(self, name: str, seeds: int) -> int:
        """What never trains needs no seeds."""
        entry = self.evidence.entry(name)
        return seeds if entry and entry.trained else 0

    def _cell(
        self,
        cells: dict[tuple[str, str, str], MethodInterval],
        name: str,
        dataset: str,
        metric: str,
    ) -> MethodInterval | None:
        entry = self.evidence.entry(name)
        return cells.get((entry.key, dataset, metric)) if entry else None

    def _count(self, asked: Count, seeds: int) -> Found:
        found = self.evidence.parameters(asked.method)
        title = self.evidence.title(asked.method)
        if found is None:
            return _one(Figure(title, "", "parameters", None, None, None, "not run", "no card"))
        digits = len(asked.printed.partition(".")[2].rstrip("M"))
        ours = f"{found / 1e6:.{digits}f}M"
        note = f"{ours} against {asked.printed}"
        if asked.exactly is not None:
            note += f"; {asked.exactly:,} by arithmetic"
        fits = ours == asked.printed and asked.exactly in (None, found)
        verdict: Verdict = "supported" if fits else "contradicted"
        return _one(Figure(title, "", "parameters", found, None, None, verdict, note))

    def _growing(self, asked: Growing, seeds: int) -> Found:
        counts = [self.evidence.parameters(name) for name in asked.order]
        figures = []
        for name, before, count in zip(asked.order, [None, *counts], counts, strict=False):
            verdict: Verdict = "supported" if (before or 0) < (count or 0) else "contradicted"
            note = "the first" if before is None else f"{before:,} before it"
            if count is None:
                verdict, note = "not run", "no card"
            figures.append(
                Figure(
                    self.evidence.title(name), "", "parameters", count, None, None, verdict, note
                )
            )
        return Found(tuple(figures), whole(figures))

    def _cases(self, asked: Cases, seeds: int) -> Found:
        if self.evidence.mix != asked.mix:
            note = f"a count of {asked.mix} alone"
            return _one(Figure("training cases", "", "cases", None, None, None, "not run", note))
        sets = self.evidence.data.get("datasets", {}).values()
        counts = [each.get(split) for each in sets for split in ("train", "val")]
        if not counts or any(not isinstance(each, int) for each in counts):
            note = "the data of this mix is not described"
            return _one(Figure("training cases", "", "cases", None, None, None, "not run", note))
        total = sum(counts)
        verdict: Verdict = "supported" if total == asked.exactly else "contradicted"
        note = f"{asked.exactly:,} are stated"
        return _one(Figure("training cases", "", "cases", total, None, None, verdict, note))

    def _open(self, asked: Open, seeds: int) -> Found:
        count = self.evidence.parameters(asked.method) if asked.method else None
        figures: tuple[Figure, ...] = ()
        if count is not None:
            title = self.evidence.title(asked.method)
            figures = (
                Figure(title, "", "parameters", count, None, None, asked.verdict, asked.reads),
            )
        return Found(figures, asked.verdict, asked.reads, asked.why)


def _one(figure: Figure) -> Found:
    return Found((figure,), figure.verdict)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _named(names: Sequence[str], place: Pair) -> list[str]:
    return [name.replace(MODALITY, place[0]) for name in names]


def _needed(asked: Compared, figures: Sequence[Figure]) -> Verdict:
    """All parts, or more than half of them (then one part alone contradicts nothing)."""
    if asked.need == "all" or not figures:
        return whole(figures)
    verdicts = [each.verdict for each in figures]
    half = len(verdicts) / 2
    for wanted in ("supported", "contradicted", "not run"):
        if verdicts.count(wanted) > half:
            return wanted
    return "undecided"
