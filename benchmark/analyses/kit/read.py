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
from benchmark.analyses.kit.units import FOLDER, MEASURED, RECORD
from benchmark.core.digests import digest_of
from benchmark.core.errors import MixSegError
from benchmark.core.files import read_json
from benchmark.core.recorded import EDITED
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
        current: whether the present code, data and runs would measure the same, by unit.
    """

    analysis: Analysis
    results: MixResults = field(repr=False)
    records: Mapping[str, Mapping[str, Any]] = field(repr=False)
    edited: tuple[str, ...] = ()

    @cached_property
    def table(self) -> "pd.DataFrame":
        """All rows: method, seed, then the columns of the analysis; text columns never NaN."""
        import pandas as pd

        folder = self.results.folder / FOLDER / self.analysis.name
        tables = []
        for place, record in self.records.items():
            one = pd.read_csv(folder / place / MEASURED, dtype=TEXT)
            one[list(TEXT)] = one[list(TEXT)].fillna("")
            seeds = record["seeds"]
            one.insert(0, "method", record["method"])
            one.insert(1, "seed", seeds[0] if self.analysis.unit == "run" else -1)
            tables.append(one)
        return pd.concat(tables, ignore_index=True)

    def rows(self) -> list[Entry]:
        """The rows of the mix that were measured, in the order of its tables."""
        known = {str(record["method"]) for record in self.records.values()}
        return [entry for entry in self.results.table.entries if entry.name in known]

    def sets(self) -> list[str]:
        """The datasets in the order of the mix, others after them."""
        found = list(dict.fromkeys(self.table["dataset"]))
        order = [each.name for each in self.results.table.sets]
        return sorted(found, key=lambda name: order.index(name) if name in order else len(order))

    def notes(self) -> Sequence[str]:
        """What a reader must know of the units."""
        return tuple(f"{place}: left out, {EDITED}." for place in self.edited)


TEXT = {"dataset": str, "modality": str, "case": str, "group": str}


def read(results: MixResults, analysis: Analysis) -> Measured | None:
    """The results of an analysis on a mix; None where nothing was measured."""
    folder = results.folder / FOLDER / analysis.name
    records, edited = {}, []
    for path in sorted(folder.glob(f"**/{RECORD}")):
        place = path.parent.relative_to(folder).as_posix()
        record = _record(results, path.parent / RECORD)
        if record is None:
            edited.append(place)
        elif not record["method"] or results.entry(record["method"]) is not None:
            records[place] = record
    return Measured(analysis, results, records, tuple(edited)) if records else None


def _record(results: MixResults, path: Any) -> Mapping[str, Any] | None:
    try:
        record: Mapping[str, Any] = read_json(path)
        same = record["files"][MEASURED] == digest_of(path.with_name(MEASURED))
        return record if same else None
    except (MixSegError, OSError, KeyError, TypeError):
        return None


def every(results: MixResults, analyses: Sequence[Analysis]) -> Iterator[Measured]:
    """The results of each analysis that has some on a mix."""
    for analysis in analyses:
        found = read(results, analysis)
        if found is not None:
            yield found
