"""Each kind of predicate, as numbers with verdicts; the conventions are those of `judge`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from benchmark.claims.decisions import Decide, apart, judged, no_gain, side
from benchmark.claims.quantity import Found, Quantity, combined, softened, whole
from benchmark.claims.selection import defined, places_of
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
    PredicateBase,
    Rising,
    Smaller,
    Verdict,
)
from benchmark.statistics.compare import Comparison, comparisons
from benchmark.statistics.method_level import MethodInterval, method_intervals
from benchmark.statistics.results import MixResults
from benchmark.statistics.schema import Array
from benchmark.statistics.table import Entry, ScoreTable

Pair = tuple[str, str]
FOREGROUND = "foreground"


class Judge:
    """Judges predicates by the scores of one mix; what two of them need is computed once."""

    def __init__(self, results: MixResults) -> None:
        self.results = results
        self._compared: dict[tuple[str, str, str], dict[str, Comparison]] = {}
        self._lost: dict[tuple[str, str, str], int] = {}
        self._kinds: dict[type[PredicateBase], Callable[[Any, int], Found]] = {
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

    def part(self, predicate: PredicateBase, seeds: int) -> Found:
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
        quantities = tuple(
            self._quantity((one, other), place, asked.metric, seeds=seeds, decide=decide)
            for place in self._paths(asked.where)
            for one in _named(asked.one, place)
            for other in _named(asked.than, place)
        )
        return Found(quantities, _needed(asked, quantities))

    def _rising(self, asked: Rising, seeds: int) -> Found:
        """Neighbours must rise; any two the wrong way round contradict."""
        pairs = [
            (place, low, high)
            for place in self._paths(asked.where)
            for low, high in combinations(range(len(asked.order)), 2)
        ]
        every = [
            self._quantity(
                (asked.order[high], asked.order[low]), place, asked.metric, seeds=seeds, decide=side
            )
            for place, low, high in pairs
        ]
        verdicts = softened(every)
        counted = [
            (quantity, verdict)
            for quantity, verdict, (_, low, high) in zip(every, verdicts, pairs, strict=True)
            if high - low == 1 or verdict == "contradicted"
        ]
        return Found(tuple(f for f, _ in counted), combined([verdict for _, verdict in counted]))

    def _paths(self, on: Sequence[str]) -> list[tuple[str, str]]:
        return places_of(self.results, on, EACH)

    def _quantity(
        self, pair: Pair, place: Pair, metric: str, *, seeds: int, decide: Decide
    ) -> Quantity:
        """The difference of two methods at a place (modality and test set), and its verdict.

        Args:
            seeds: the fewest that a trained method needs.
            decide: what an interval decides.
        """
        title = " − ".join(self.results.title(name) for name in pair)
        where = self._where(place)
        entries = [entry for name in pair if (entry := self.results.entry(name))]
        why = self._not_compared(pair, place, entries)
        found = None if why else self._compare(entries[0], entries[1], metric).get(place[1])
        if found is None:
            note = why or "no test set is complete"
            about = (title, where, metric, None, None, None)
            return Quantity(*about, "not run", note, methods=pair)
        verdict, note = judged(found, seeds, decide)
        lost = self._lost[entries[0].key, entries[1].key, metric]
        if lost:
            some = "1 case that has" if lost == 1 else f"{lost} cases that have"
            note += f"; without {some} no value, over all test sets"
        limits = _known(found.value), _known(found.low), _known(found.high)
        p = _known(found.p)
        return Quantity(title, where, metric, *limits, verdict, note, p, methods=pair)

    def _not_compared(self, pair: Pair, place: Pair, entries: Sequence[Entry]) -> str:
        """Why two methods are not compared at a place; empty where they are."""
        known = {entry.name for entry in entries}
        gone = [name for name in pair if name not in known]
        if gone:
            return f"{' and '.join(gone)} not planned on this mix"
        if not place[1]:
            return f"no test set of {place[0]}"
        if self.results.unlike(*entries):
            began = (f"{e.name} began from {self.results.initialisation(e)}" for e in entries)
            return f"not compared: {', '.join(began)} weights"
        return ""

    def _compare(self, one: Entry, other: Entry, metric: str) -> dict[str, Comparison]:
        key = one.key, other.key, metric
        if key not in self._compared:
            table, self._lost[key] = defined(self.results.table, (one, other), metric)
            found = comparisons(table, one, [other], metric)
            self._compared[key] = {each.dataset: each for each in found}
        return self._compared[key]

    def _where(self, place: tuple[str, str]) -> str:
        modality, dataset = place
        if not modality:
            return dataset
        about = self.results.datasets.get(dataset, {})
        return f"{modality} ({about.get('title') or dataset})" if dataset else modality

    def _easier(self, asked: Easier, seeds: int) -> Found:
        cells = method_intervals(self._only(asked.of), [asked.metric])
        quantities = []
        for name in asked.of:
            fewest = self._fewest(name, seeds)
            for high in self._paths(asked.high):
                for low in self._paths(asked.low):
                    sides = [self._cell(cells, name, place[1], asked.metric) for place in
                             (high, low)]  # fmt: skip
                    where = f"{self._where(high)} − {self._where(low)}"
                    title = self.results.title(name)
                    found = apart((title, where, asked.metric), sides, fewest)
                    quantities.append(replace(found, methods=(name,)))
        return Found(tuple(quantities), whole(quantities))

    def _smaller(self, asked: Smaller, seeds: int) -> Found:
        """The smallest masks of each test set against the others."""
        table = self._only(asked.of)
        small = {each.name: self._small(table, each.name, asked.share) for each in table.sets}
        known = {name: chosen for name, chosen in small.items() if chosen is not None}
        parts = [
            method_intervals(table.cases(kept), [asked.metric])
            for kept in (known, {name: ~chosen for name, chosen in known.items()})
        ]
        quantities = []
        for name in asked.of:
            for place in self._paths(asked.where):
                both = [self._cell(cells, name, place[1], asked.metric) if place[1] in known
                        else None for cells in parts]  # fmt: skip
                count = int(known[place[1]].sum()) if place[1] in known else 0
                what = f"{self.results.title(name)}: other cases − {count} smallest"
                about = (what, self._where(place), asked.metric)
                found = apart(about, both[::-1], self._fewest(name, seeds))
                quantities.append(replace(found, methods=(name,)))
        return Found(tuple(quantities), whole(quantities))

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
        entries = [entry for name in names if (entry := self.results.entry(name))]
        return replace(self.results.table, entries=tuple(entries))

    def _fewest(self, name: str, seeds: int) -> int:
        """What never trains needs no seeds."""
        entry = self.results.entry(name)
        return seeds if entry and entry.trained else 0

    def _cell(
        self,
        cells: dict[tuple[str, str, str], MethodInterval],
        name: str,
        dataset: str,
        metric: str,
    ) -> MethodInterval | None:
        entry = self.results.entry(name)
        return cells.get((entry.key, dataset, metric)) if entry else None

    def _count(self, asked: Count, seeds: int) -> Found:
        found = self.results.parameters(asked.method)
        title = self.results.title(asked.method)
        if found is None:
            return _one(Quantity(title, "", "parameters", None, None, None, "not run", "no card"))
        digits = len(asked.printed.partition(".")[2].rstrip("M"))
        ours = f"{found / 1e6:.{digits}f}M"
        note = f"{ours} against {asked.printed}"
        if asked.exactly is not None:
            note += f"; {asked.exactly:,} by arithmetic"
        fits = ours == asked.printed and asked.exactly in (None, found)
        verdict: Verdict = "supported" if fits else "contradicted"
        about = (title, "", "parameters", found, None, None)
        return _one(Quantity(*about, verdict, note, methods=(asked.method,)))

    def _growing(self, asked: Growing, seeds: int) -> Found:
        """Each neighbour must have more parameters than the one before it."""
        quantities = []
        for before, after in pairwise(asked.order):
            fewer, more = (self.results.parameters(name) for name in (before, after))
            title = self.results.title(after)
            verdict: Verdict = "not run"
            if fewer is None or more is None:
                note = f"no card of {before if fewer is None else after}"
            else:
                note = f"{fewer:,} of {self.results.title(before)} before it"
                verdict = "supported" if fewer < more else "contradicted"
            value = None if verdict == "not run" else more
            about = (title, "", "parameters", value, None, None)
            quantities.append(Quantity(*about, verdict, note, methods=(before, after)))
        return Found(tuple(quantities), whole(quantities))

    def _cases(self, asked: Cases, seeds: int) -> Found:
        if self.results.name != asked.mix:
            note = f"a count of {asked.mix} alone"
            return _one(Quantity("training cases", "", "cases", None, None, None, "not run", note))
        sets = self.results.datasets.values()
        found = [each.get(split) for each in sets for split in ("train", "val")]
        counts = [count for count in found if isinstance(count, int)]
        if not counts or len(counts) < len(found):
            note = "the data of this mix is not described"
            return _one(Quantity("training cases", "", "cases", None, None, None, "not run", note))
        total = sum(counts)
        verdict: Verdict = "supported" if total == asked.exactly else "contradicted"
        note = f"{asked.exactly:,} are stated"
        return _one(Quantity("training cases", "", "cases", total, None, None, verdict, note))

    def _open(self, asked: Open, seeds: int) -> Found:
        count = self.results.parameters(asked.method) if asked.method else None
        quantities: tuple[Quantity, ...] = ()
        if count is not None:
            about = (self.results.title(asked.method), "", "parameters", count, None, None)
            quantities = (Quantity(*about, asked.verdict, asked.reads, methods=(asked.method,)),)
        return Found(quantities, asked.verdict, asked.reads, asked.why)


def _one(quantity: Quantity) -> Found:
    return Found((quantity,), quantity.verdict)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _named(names: Sequence[str], place: Pair) -> list[str]:
    return [name.replace(MODALITY, place[0]) for name in names]


def _needed(asked: Compared, quantities: Sequence[Quantity]) -> Verdict:
    """All parts, or more than half of them (then one part alone contradicts nothing)."""
    if asked.need == "all" or not quantities:
        return whole(quantities)
    verdicts = [each.verdict for each in quantities]
    half = len(verdicts) / 2
    for wanted in ("supported", "contradicted", "not run"):
        if verdicts.count(wanted) > half:
            return wanted
    return "undecided"
