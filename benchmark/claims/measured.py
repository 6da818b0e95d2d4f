"""Predicates about what the analyses beyond the scores measured.

**Conventions**

1. A difference is the mean over modalities of the difference per case, with the crossed-variance t
   of `statistics.contrasts`: other trainings and other cases together.
2. Only cases that both rows have in all of their seeds count. A row that lacks a test set of the
   mix, or an unseen set that the other has, is not run.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.claims.decisions import decided, side
from benchmark.claims.measures import MEASURES, Measure
from benchmark.claims.quantity import Quantity
from benchmark.claims.rows import Rows
from benchmark.claims.spec import Above, Measured
from benchmark.statistics.contrasts import Combined, weigh
from benchmark.statistics.crossed import Grouping, Row
from benchmark.statistics.measured import FOLDER, chosen, matrix, read_measured
from benchmark.statistics.schema import Array
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean"


class Measurements:
    """What the analyses of a mix measured; each file is read once."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._read: dict[str, dict[str, pd.DataFrame]] = {}
        self._values: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}

    def better(self, asked: Measured, seeds: int) -> tuple[Quantity, ...]:
        """Every pair of a predicate."""
        return tuple(
            self._quantity(asked.measure, (one, other), seeds)
            for one in asked.one
            for other in asked.than
        )

    def above(self, asked: Above, seeds: int) -> tuple[Quantity, ...]:
        """Every method of a predicate."""
        return tuple(self._quantity(asked.measure, (one,), seeds, asked.level) for one in asked.of)

    def _quantity(
        self, name: str, methods: Sequence[str], seeds: int, level: float = 0.0
    ) -> Quantity:
        """The first method, less the second or a level."""
        measure = MEASURES[name]
        about = self.rows.titles(methods), MEAN, measure.title
        entries = self.rows.entries(methods)
        found = self.rows.not_compared(methods) or self._combined(measure, entries, level)
        if isinstance(found, str):
            return Quantity(*about, None, None, None, "not run", found, methods=tuple(methods))
        verdict, note = decided(found, entries, seeds, side, lower=measure.lower)
        limits = found.value + level, found.low + level, found.high + level
        if level:
            note += f"; against {level:g}"
        value, low, high, p = (None if math.isnan(each) else each for each in (*limits, found.p))
        return Quantity(
            *about, value, low, high, verdict, note, p,
            self.rows.methods(methods), self.rows.stand_ins(methods),
        )  # fmt: skip

    def _combined(self, measure: Measure, entries: Sequence[Entry], level: float) -> Combined | str:
        """The sum of the rows, or why there is none."""
        values = [self._values_of(measure, entry) for entry in entries]
        for entry, found in zip(entries, values, strict=True):
            if not found:
                return f"{measure.analysis} not measured for {entry.name}"
        sets = self._sets(measure, values)
        for entry, found in zip(entries, values, strict=True):
            gone = [dataset for dataset in sets if dataset not in found]
            if gone:
                return f"{measure.analysis} of {entry.name} not measured on {', '.join(gone)}"
        signs = (1.0, -1.0)[: len(entries)]
        table = self._rows_of(measure, entries[0])
        about = table.drop_duplicates(["dataset", "case"]).set_index(["dataset", "case"])
        parts = [_part([found[dataset] for found in values]) for dataset in sets]
        if any(not cases for cases, _ in parts):
            return f"{measure.analysis}: no case that {' and '.join(e.name for e in entries)} share"
        rows = [
            Row(sign, [arrays[k] - level for _, arrays in parts], entry.trained)
            for k, (sign, entry) in enumerate(zip(signs, entries, strict=True))
        ]
        if any(len({len(part) for part in row.scores}) > 1 for row in rows):
            return f"{measure.analysis}: not all seeds are measured on all sets"
        groups = [
            Grouping.of([str(about.loc[(dataset, case), "group"]) for case in cases])
            for dataset, (cases, _) in zip(sets, parts, strict=True)
        ]
        modality = dict(zip(table["dataset"], table["modality"], strict=True))
        kinds = [modality[dataset] for dataset in sets]
        weights = [1 / (len(set(kinds)) * kinds.count(kind)) for kind in kinds]
        return weigh(entries, rows, groups, weights)

    def _sets(self, measure: Measure, values: Sequence[Mapping[str, object]]) -> list[str]:
        if not measure.elsewhere:
            return [each.name for each in self.rows.results.table.sets]
        return list(dict.fromkeys(dataset for found in values for dataset in found))

    def _values_of(self, measure: Measure, entry: Entry) -> dict[str, "pd.DataFrame"]:
        """By dataset, a line a seed and a column a case; empty where nothing was measured."""
        key = measure.title, entry.name
        if key not in self._values:
            found = {}
            for dataset, rows in self._rows_of(measure, entry).groupby("dataset", sort=False):
                values = _values(measure, rows)
                if not values.empty:
                    found[str(dataset)] = values
            self._values[key] = found
        return self._values[key]

    def _rows_of(self, measure: Measure, entry: Entry) -> "pd.DataFrame":
        import pandas as pd

        name = measure.analysis
        if name not in self._read:
            table = read_measured(self.rows.results.folder / FOLDER / name)
            groups = {} if table is None else dict(iter(table.groupby("method", sort=False)))
            self._read[name] = {str(method): rows for method, rows in groups.items()}
        nothing = pd.DataFrame(columns=["dataset", "modality", "case", "group"])
        return self._read[name].get(entry.name, nothing)


def _values(measure: Measure, rows: "pd.DataFrame") -> "pd.DataFrame":
    values = matrix(chosen(rows, measure.lines), measure.column)
    if measure.minus:
        values = values - matrix(chosen(rows, measure.lines), measure.minus)
    if measure.minus_lines:
        values = values - matrix(chosen(rows, measure.minus_lines), measure.column)
    return values.dropna(axis=0, how="all").dropna(axis=1)


def _part(sides: "Sequence[pd.DataFrame]") -> tuple[list[str], list[Array]]:
    """The cases that all sides share, and each side's values, (seeds, cases)."""
    cases = [case for case in sides[0].columns if all(case in side for side in sides)]
    return [str(case) for case in cases], [side[cases].to_numpy(float) for side in sides]
