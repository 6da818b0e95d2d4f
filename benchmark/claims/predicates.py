"""Each kind of predicate, as numbers with verdicts; the conventions are those of `judge`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.claims.counts import count, growing, left_open, training_cases
from benchmark.claims.decisions import Decide, apart, close, decided, judged, no_gain, side
from benchmark.claims.measured import Measurements
from benchmark.claims.quantity import Found, Quantity, combined, softened, whole
from benchmark.claims.rows import Rows
from benchmark.claims.selection import defined, places_of
from benchmark.claims.spec import (
    EACH,
    MODALITY,
    Above,
    Better,
    Cases,
    Close,
    Compared,
    Count,
    Easier,
    GainsMore,
    Growing,
    Measured,
    NoBetter,
    Open,
    PredicateBase,
    Rising,
    Smaller,
    Verdict,
)
from benchmark.statistics.compare import Comparison, comparisons
from benchmark.statistics.contrasts import Combined, weigh
from benchmark.statistics.contrasts import combined as combined_rows
from benchmark.statistics.crossed import Grouping, Row
from benchmark.statistics.differences import Missing, values_of
from benchmark.statistics.differences import side as side_of
from benchmark.statistics.intervals import set_weights
from benchmark.statistics.method_level import MethodInterval, method_intervals
from benchmark.statistics.results import MixResults
from benchmark.statistics.schema import Array, is_lower
from benchmark.statistics.table import Entry, ScoreTable

Pair = tuple[str, str]
FOREGROUND = "foreground"
SIGNS = (1.0, -1.0, -1.0, 1.0)  # of a difference, and of a difference of differences


class Judge:
    """Judges predicates by the scores of one mix; what two of them need is computed once."""

    def __init__(self, results: MixResults) -> None:
        self.results, self.rows = results, Rows(results)
        self._measured = Measurements(self.rows)
        self._compared: dict[tuple[str, str, str], dict[str, Comparison]] = {}
        self._lost: dict[tuple[str, str, str], int] = {}
        self._kinds: dict[type[PredicateBase], Callable[[Any, int], Found]] = {
            Better: self._better,
            NoBetter: self._no_better,
            Close: self._close,
            GainsMore: self._gains_more,
            Measured: self._measured_better,
            Above: self._measured_above,
            Rising: self._rising,
            Easier: self._easier,
            Smaller: self._smaller,
            Count: partial(count, results),
            Growing: partial(growing, results),
            Cases: partial(training_cases, results),
            Open: partial(left_open, results),
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

    def _close(self, asked: Close, seeds: int) -> Found:
        return self._all_pairs(asked, seeds, partial(close, asked.margin))

    def _measured_better(self, asked: Measured, seeds: int) -> Found:
        quantities = self._measured.better(asked, seeds)
        return Found(quantities, whole(quantities))

    def _measured_above(self, asked: Above, seeds: int) -> Found:
        quantities = self._measured.above(asked, seeds)
        return Found(quantities, whole(quantities))

    def _all_pairs(self, asked: Compared, seeds: int, decide: Decide) -> Found:
        quantities = tuple(
            self._quantity((one, other), place, asked.metric, seeds=seeds, decide=decide)
            for place in self._paths(asked.where)
            for one in _at(asked.one, place)
            for other in _at(asked.than, place)
        )
        return Found(quantities, _needed(asked.need, quantities))

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
        title, where = self.rows.titles(pair), self._where(place)
        entries = self.rows.entries(pair)
        why = "" if place[1] else f"no test set of {place[0]}"
        why = self.rows.not_compared(pair) or why
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
        return Quantity(title, where, metric, *limits, verdict, note, _known(found.p),
                        **self._named(pair))  # fmt: skip

    def _named(self, names: Sequence[str]) -> dict[str, Any]:
        """The rows of a quantity, and which of them stand in for others."""
        return {"methods": self.rows.methods(names), "stand_ins": self.rows.stand_ins(names)}

    def _gains_more(self, asked: GainsMore, seeds: int) -> Found:
        quantities = tuple(
            self._sum(_at((*asked.gain, *asked.over), place), place, asked.metric, seeds)
            for place in self._paths(asked.where)
        )
        return Found(quantities, whole(quantities))

    def _sum(self, names: Sequence[str], place: Pair, metric: str, seeds: int) -> Quantity:
        """(a - b) - (c - d) of four methods on a test set."""
        what = f"({self.rows.titles(names[:2])}) − ({self.rows.titles(names[2:])})"
        about = what, self._where(place), metric
        entries = self.rows.entries(names)
        why = self.rows.not_compared(names) or ("" if place[1] else f"no test set of {place[0]}")
        if why:
            return Quantity(*about, None, None, None, "not run", why, methods=tuple(names))
        weights = {place[1]: 1.0} if place[0] else set_weights(self.results.table)
        signed = list(zip(SIGNS, entries, strict=True))
        found = combined_rows(self.results.table, signed, weights, metric)
        return self._judged(about, found, names, seeds, lower=is_lower(metric))

    def _judged(
        self,
        about: tuple[str, str, str],
        found: Combined,
        names: Sequence[str],
        seeds: int,
        *,
        lower: bool = False,
    ) -> Quantity:
        """A sum of rows with its verdict; the names are those of its rows."""
        verdict, note = decided(found, self.rows.entries(names), seeds, side, lower=lower)
        limits = _known(found.value), _known(found.low), _known(found.high)
        named = self._named(names)
        return Quantity(*about, *limits, verdict, note, _known(found.p), **named)

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
            fewest = self.rows.fewest(name, seeds)
            for high in self._paths(asked.high):
                for low in self._paths(asked.low):
                    sides = [self._cell(cells, name, place[1], asked.metric) for place in
                             (high, low)]  # fmt: skip
                    where = f"{self._where(high)} − {self._where(low)}"
                    title = self.rows.title(name)
                    found = apart((title, where, asked.metric), sides, fewest)
                    quantities.append(replace(found, **self._named([name])))
        return Found(tuple(quantities), whole(quantities))

    def _smaller(self, asked: Smaller, seeds: int) -> Found:
        """The smallest masks of each test set against the others."""
        table = self._only([*asked.of, *asked.than])
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
                what = f"{self.rows.title(name)}: other cases − {count} smallest"
                about = (what, self._where(place), asked.metric)
                found = apart(about, both[::-1], self.rows.fewest(name, seeds))
                quantities.append(replace(found, **self._named([name])))
        more = [
            self._loses_more((one, other), place, known.get(place[1]), asked, seeds)
            for place in self._paths(asked.where)
            for one in asked.of
            for other in asked.than
        ]
        verdicts = [whole(quantities), *([_needed(asked.need, more)] if more else [])]
        return Found((*quantities, *more), combined(verdicts))

    def _loses_more(
        self, pair: Pair, place: Pair, small: Array | None, asked: Smaller, seeds: int
    ) -> Quantity:
        """What one method loses on small masks, less what another loses there."""
        about = f"{self.rows.titles(pair)}: loss on the smallest", self._where(place), asked.metric
        entries = self.rows.entries(pair)
        gone = "" if small is not None else f"no scores of {place[0]}"
        why = self.rows.not_compared(pair) or gone
        if why or small is None:
            return Quantity(*about, None, None, None, "not run", why, methods=pair)
        sides = [side_of(self.results.table, e, {place[1]: 1.0}, asked.metric) for e in entries]
        missing = tuple(each for each in sides if isinstance(each, Missing))
        if missing:
            return self._judged(about, Combined(missing=missing), pair, seeds)
        groups = next(s.groups for s in self.results.table.sets if s.name == place[1])
        kept = (~small, small)
        rows = []
        for sign, entry in zip(SIGNS, entries, strict=False):
            values = values_of(self.results.table, entry, place[1], asked.metric)
            rows.append(Row(sign, [values[:, some] for some in kept], entry.trained))
        groupings = [Grouping.of([g for g, k in zip(groups, some, strict=True) if k])
                     for some in kept]  # fmt: skip
        found = replace(weigh(entries, rows, groupings, (1.0, -1.0)), cases=len(groups))
        return self._judged(about, found, pair, seeds)

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
        return replace(self.results.table, entries=tuple(self.rows.entries(names)))

    def _cell(
        self,
        cells: dict[tuple[str, str, str], MethodInterval],
        name: str,
        dataset: str,
        metric: str,
    ) -> MethodInterval | None:
        entry = self.rows.entry(name)
        return cells.get((entry.key, dataset, metric)) if entry else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _at(names: Sequence[str], place: Pair) -> list[str]:
    return [name.replace(MODALITY, place[0]) for name in names]


def _needed(need: str, quantities: Sequence[Quantity]) -> Verdict:
    """All parts, or more than half of them (then one part alone contradicts nothing)."""
    if need == "all" or not quantities:
        return whole(quantities)
    verdicts = [each.verdict for each in quantities]
    half = len(verdicts) / 2
    for wanted in ("supported", "contradicted", "not run"):
        if verdicts.count(wanted) > half:
            return wanted
    return "undecided"
