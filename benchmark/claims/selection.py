"""The test sets and the cases on which a claim is judged.

**Conventions**

1. A modality stands for all test sets of it, each on its own.
2. Boundary distances are undefined where a mask is empty. Two rows are compared over the cases in
   which both have one in every run; how many are not counted is said.
"""

from collections.abc import Sequence

import numpy as np

from benchmark.statistics.intervals import MEAN
from benchmark.statistics.results import MixResults
from benchmark.statistics.schema import may_be_undefined
from benchmark.statistics.table import Entry, ScoreTable


def defined(table: ScoreTable, entries: Sequence[Entry], column: str) -> tuple[ScoreTable, int]:
    """The table with the cases that have a value in all runs of some rows, and how many lack it."""
    if not may_be_undefined(column):
        return table, 0
    kept, lost = {}, 0
    for each in table.sets:
        found = [table.values(entry, each.name, column) for entry in entries]
        arrays = [values for values in found if values is not None]
        if len(arrays) == len(found):
            known = np.logical_and.reduce([~np.isnan(values).any(axis=0) for values in arrays])
            kept[each.name], lost = known, lost + int((~known).sum())
    return table.cases(kept), lost


def places_of(results: MixResults, on: Sequence[str], each: str) -> list[tuple[str, str]]:
    """Modality and test set of every place named; MEAN has no modality.

    Args:
        on: modalities, or «mean».
        each: the word that stands for all modalities.
    """
    found: list[tuple[str, str]] = []
    for word in on:
        if word == "mean":
            found.append(("", MEAN))
            continue
        wanted = results.modalities() if word == each else [word]
        found += [(name, dataset) for name in wanted for dataset in results.sets_of(name) or [""]]
    return found
