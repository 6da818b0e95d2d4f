"""Every test case as a row, and differences from a row that the reader chooses.

The numbers lie in a script file beside the page, because a browser lets a page that was opened as a
file fetch nothing.
"""

import json
from typing import Any

import numpy as np

from benchmark.reports.page.gallery import pictured
from benchmark.reports.page.render import render
from benchmark.reports.study import Study
from benchmark.reports.tables.compared import best_of, comparable
from benchmark.reports.tables.strata import SHARE
from benchmark.statistics.intervals import set_weights
from benchmark.statistics.results import GROUPS, RANKED
from benchmark.statistics.schema import DSC, Array
from benchmark.statistics.table import Entry, TestSet

DATA = "cases.js"
VARIABLE = "mixsegCases"
DIGITS = 4


def explorer(study: Study, images: bool) -> dict[str, str]:
    """The page cases.html and its data, by name.

    Args:
        images: whether a gallery is written too, whose pictures the page links to.
    """
    return {"cases.html": render("cases.html", study=study, images=images, file=DATA),
            DATA: f"window.{VARIABLE} = {_script(_data(study, images))};\n"}  # fmt: skip


def _script(value: Any) -> str:
    """JSON that cannot end a script, whatever names it holds."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _data(study: Study, images: bool) -> dict[str, Any]:
    shown = pictured(study) if images else {}
    entries = [e for e in study.table.rows(RANKED) if study.table.runs_of(e)]
    weights, best = set_weights(study.table), best_of(study, comparable(study))
    return {
        "rows": [{"title": entry.title, "block": GROUPS[entry.group]} for entry in entries],
        "reference": next((k for k, entry in enumerate(entries) if entry == best), 0),
        "sets": [
            {
                "name": each.name,
                "title": study.set_title(each.name),
                "weight": weights[each.name],
                "cases": list(each.cases),
                "groups": np.unique(each.groups, return_inverse=True)[1].tolist(),
                "sizes": _sizes(study, each),
                "spread": _spread(study, each),
                "dsc": [_numbers(_means(study, entry, each)) for entry in entries],
                "pictures": [shown.get((each.name, case), "") for case in each.cases],
            }
            for each in study.table.sets
        ],
    }


def _means(study: Study, entry: Entry, each: TestSet) -> Array | None:
    """DSC of each case, mean over seeds (cases,); None where a run is missing."""
    values = study.table.values(entry, each.name, DSC)
    return None if values is None else values.mean(axis=0)


def _numbers(values: Array | None) -> list[float | None] | None:
    if values is None:
        return None
    return [None if np.isnan(x) else round(float(x), DIGITS) for x in values]


def _sizes(study: Study, each: TestSet) -> list[float | None] | None:
    """The share of the image that the reference of each case covers."""
    found = (study.table.values(entry, each.name, SHARE) for entry in study.table.entries)
    return _numbers(next((values[0] for values in found if values is not None), None))


def _spread(study: Study, each: TestSet) -> list[float | None] | None:
    """Standard deviation of the DSC of a case over the unprompted methods that may be compared."""
    found = [_means(study, entry, each) for entry in comparable(study)]
    known = [values for values in found if values is not None]
    return _numbers(np.std(known, axis=0)) if len(known) > 1 else None
