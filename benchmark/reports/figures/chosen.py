"""Which rows a figure shows: of many, the best and the focus; its CSV holds all of them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.reports.tables.compared import focus_of, mean_place
from benchmark.statistics.schema import DSC

if TYPE_CHECKING:
    from benchmark.reports.study import Study
    from benchmark.statistics.table import Entry

PLOTTED = 30  # rows: more cannot be read, and the page would grow without bound


def plotted(study: "Study", entries: Sequence["Entry"]) -> list["Entry"]:
    """Some rows in their order; of more than PLOTTED, those of the highest DSC and the focus."""
    if len(entries) <= PLOTTED:
        return list(entries)
    place, focus = mean_place(study), focus_of(study)

    def worst_last(entry: "Entry") -> tuple[bool, float]:
        score = study.cells.get((entry.key, place, DSC))
        value = score.mean if score and not math.isnan(score.mean) else -math.inf
        return entry != focus, -value

    best = {entry.key for entry in sorted(entries, key=worst_last)[:PLOTTED]}
    return [entry for entry in entries if entry.key in best]


def left_out(shown: int, of: int, which: str = "those of the highest DSC, and the focus") -> str:
    """The sentence of a caption that says which rows are shown; empty where all are."""
    return f" {shown} of {of} methods: {which}; the CSV holds all." if shown < of else ""
