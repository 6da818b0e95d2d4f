"""What was measured on a mix, as the report reads it.

**Conventions** A row of `Measured.table` is a row of a measured.csv with `method` and `seed` before
it. Rows with an empty `case` are of a whole set (pooled over its cases). A unit whose file was
edited is left out, and named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.recorded import EDITED
from benchmark.statistics.measured import FOLDER, LEFT_OUT, MANY, read_unit, units
from benchmark.statistics.results import MixResults
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured:
    """The results of one analysis on one mix.

    Attributes:
        results: of the mix.
        records: the record of each unit, by its folder below the analysis.
        edited: the units that are left out because their file was edited.
        left_out: the rows that take no part, by the reason.
    """

    analysis: Analysis
    results: MixResults = field(repr=False)
    records: Mapping[str, Mapping[str, Any]] = field(repr=False)
    edited: tuple[str, ...] = ()
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def table(self) -> "pd.DataFrame":
        """All rows: method, seed, then the columns of the analysis; text columns never NaN."""
        import pandas as pd

        folder = self.results.folder / FOLDER / self.analysis.name
        tables = []
        for place, record in self.records.items():
            seed = record["seeds"][0] if self.analysis.unit == "run" else MANY
            tables.append(read_unit(folder / place, record, seed))
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def parts(self) -> "Mapping[tuple[str, str], pd.DataFrame]":
        """The rows of the table by method and dataset."""
        groups = self.table.groupby(["method", "dataset"], sort=False)
        return {(str(method), str(dataset)): rows for (method, dataset), rows in groups}

    @cached_property
    def pivoted(self) -> "dict[tuple[object, ...], tuple[pd.DataFrame, Mapping[str, str]]]":
        """What `summary.of` keeps: lines by seed and case, and the group of each case."""
        return {}

    def rows(self) -> list[Entry]:
        """The rows of the mix that were measured, in the order of its tables."""
        known = {str(record["method"]) for record in self.records.values()}
        return [entry for entry in self.results.table.entries if entry.name in known]

    def sets(self) -> list[str]:
        """The datasets in the order of the mix, others after them."""
        found = {dataset: None for _, dataset in self.parts}
        order = [each.name for each in self.results.table.sets]
        return sorted(found, key=lambda name: order.index(name) if name in order else len(order))

    def notes(self) -> Sequence[str]:
        """What a reader must know of the units."""
        return (
            *(f"{place}: left out, {EDITED}." for place in self.edited),
            *(f"Left out, {why}: {', '.join(names)}." for why, names in self.left_out.items()),
        )


def read(results: MixResults, analysis: Analysis) -> Measured | None:
    """The results of an analysis on a mix; None where nothing was measured."""
    found, edited = units(results.folder / FOLDER / analysis.name)
    records, left_out = {}, dict[str, list[str]]()
    for place, record in found.items():
        entry = results.entry(record["method"]) if record["method"] else None
        if record["method"] and entry is None:
            continue
        if not record.get(LEFT_OUT):
            records[place] = record
        elif entry is not None:
            names = left_out.setdefault(str(record[LEFT_OUT]), [])
            names += [entry.title] if entry.title not in names else []
    return Measured(analysis, results, records, tuple(edited), left_out) if records else None


def every(results: MixResults, analyses: Sequence[Analysis]) -> Iterator[Measured]:
    """The results of each analysis that has some on a mix."""
    for analysis in analyses:
        found = read(results, analysis)
        if found is not None:
            yield found
