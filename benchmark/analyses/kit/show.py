"""How the report shows what was measured: one table builder for all analyses, and its section."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.summary import Value, of
from benchmark.reports.page.sections import Addition
from benchmark.reports.tables.cells import plus_minus
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, Marks, number
from benchmark.statistics.method_level import CUT, MIN_SEEDS
from benchmark.statistics.results import GROUPS
from benchmark.statistics.table import Entry

INTERVALS = (
    "Mean over seeds ± standard deviation over seeds. Below it is the 95 % interval of the "
    "method, over trainings and cases together (crossed-variance t); a trained row with "
    f"fewer than three seeds has none. {CUT}"
)
ARROWS = {"low": " ↓", "high": " ↑", "": ""}


SIGNED, POSITIVE = (-1.0, 1.0), (0.0, math.inf)  # other ranges of a measure


@dataclass(frozen=True)
class Measure:
    """A column of measured.csv as a column of a table.

    Attributes:
        best: which end is better, "low" or "high"; empty where neither is.
        within: its range; the ends of a shown interval are cut to it. Most are shares.
    """

    column: str
    title: str
    digits: int = 3
    best: str = "high"
    within: tuple[float, float] = (0.0, 1.0)


Lookup = Callable[[Entry, str, Measure], Value | None]
Values = Mapping[tuple[str, str, str], Value | None]


def grid(
    measured: Measured,
    name: str,
    title: str,
    measures: Sequence[Measure],
    remarks: Sequence[str] = (),
    lookup: Lookup | None = None,
    sets: Sequence[str] | None = None,
    **keys: object,
) -> Grid:
    """A table of rows by datasets and measures.

    Args:
        name: of its files and its anchor; must be the only one of that name in the report.
        lookup: gives the value of a row on a set, where it is not the plain mean of a column.
        sets: the datasets that it shows; None for all.
        keys: values of other columns of measured.csv, to choose among its lines.
    """
    found = lookup or (
        lambda entry, dataset, measure: of(measured, entry, dataset, measure.column, **keys)
    )
    results, marks = measured.results, Marks()
    sets = measured.sets() if sets is None else sets
    values = {
        (entry.name, dataset, measure.column): found(entry, dataset, measure)
        for entry in measured.rows()
        for dataset in sets
        for measure in measures
    }
    columns = [(dataset, measure) for dataset in sets for measure in measures]
    blocks = [
        Block(title, tuple(lines))
        for group, title in GROUPS.items()
        if (lines := _lines(measured, group, columns, values, marks))
    ]
    return Grid(
        name=name,
        of=results.mix.title,
        title=title,
        head="Method",
        columns=tuple(
            Column(f"{measure.title}{ARROWS[measure.best]}", results.set_title(dataset))
            for dataset, measure in columns
        ),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(INTERVALS, *remarks, *measured.notes()),
        records=list(_records(measured, sets, measures, values)),
    )


def _lines(
    measured: Measured,
    group: str,
    columns: Sequence[tuple[str, Measure]],
    values: Values,
    marks: Marks,
) -> list[Line]:
    lines = []
    for entry in measured.rows():
        if entry.group == group:
            found = [(values[entry.name, name, m.column], m) for name, m in columns]
            cells = tuple(cell(value, measure) for value, measure in found)
            notes = _notes(entry, values) if measured.analysis.unit == "run" else ()
            lines.append(Line(entry.title, cells, marks.of([*notes])))
    return lines


def cell(found: Value | None, measure: Measure) -> Cell:
    """A value with its interval; a dash where nothing was measured."""
    if found is None:
        return Cell(NONE)
    text = plus_minus(found.mean, found.sd, measure.digits)
    if math.isnan(found.low):
        return Cell(text, sort=found.mean)
    least, most = measure.within
    cut = (min(max(end, least), most) for end in (found.low, found.high))
    ends = ", ".join(number(end, measure.digits) for end in cut)
    return Cell(text, f"[{ends}]", found.mean)


def _notes(entry: Entry, values: Values) -> Iterator[str]:
    own = [found for key, found in values.items() if key[0] == entry.name and found is not None]
    seeds = min((found.seeds for found in own), default=0)
    if entry.trained and 0 < seeds < MIN_SEEDS:
        yield "fewer than three seeds: no method-level claim"


def _records(
    measured: Measured,
    sets: Sequence[str],
    measures: Sequence[Measure],
    values: Values,
) -> Iterator[Mapping[str, Any]]:
    for entry in measured.rows():
        for dataset in sets:
            for measure in measures:
                found = values[entry.name, dataset, measure.column]
                keys = ("mean", "sd", "low", "high", "seeds", "cases", "left_out")
                yield {
                    "method": entry.name,
                    "title": entry.title,
                    "dataset": dataset,
                    "measure": measure.column,
                    **{key: getattr(found, key) if found else "" for key in keys},
                }


def addition(measured: Measured) -> Addition:
    """The section of an analysis."""
    analysis = measured.analysis
    return Addition(
        anchor=analysis.name,
        title=analysis.title,
        short=analysis.short,
        leads=tuple(analysis.leads(measured)),
        grids=tuple(analysis.grids(measured)),
        figures=tuple(analysis.figures(measured)),
    )
