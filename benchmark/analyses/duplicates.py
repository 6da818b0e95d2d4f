"""What duplicates between training and test images do to the scores."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import SIGNED, Measure, grid
from benchmark.analyses.kit.summary import NONE, Value, lines, value
from benchmark.reports.tables.grid import Grid
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

ALL, WITHOUT, DIFFERENCE = (
    Measure("all", "DSC, all cases"),
    Measure("without", "DSC without"),
    Measure("difference", "Difference", best="", within=SIGNED),
)
HOW = (
    "Without: without the test cases that leaks.csv lists as duplicates of a case in train "
    "or val. The difference is the DSC of all cases minus that without. It has no interval, "
    "because most cases are on both sides. A row that was not trained on the mix shows the "
    "effect of the cases themselves."
)


def _value(measured: Measured, entry: Entry, dataset: str, measure: Measure) -> Value | None:
    """One of the three; the latter two only where the set has duplicates and other cases."""
    rows = lines(measured, entry, dataset)
    every = value(rows, "dsc", trained=entry.trained)
    if measure is ALL or every is None:
        return every
    rest = rows[rows["duplicate"] == "no"]
    without = value(rest, "dsc", trained=entry.trained)
    if without is None or len(rest) == len(rows):
        return None
    return without if measure is WITHOUT else _difference(rows, rest, every)


def _difference(rows: "pd.DataFrame", rest: "pd.DataFrame", every: Value) -> Value:
    by_seed = rows.groupby("seed")["dsc"].mean() - rest.groupby("seed")["dsc"].mean()
    sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else NONE
    return Value(float(by_seed.mean()), NONE, NONE, sd, every.seeds, every.cases)


def _touched(measured: Measured) -> "pd.DataFrame":
    """The test cases that have a duplicate, each once."""
    table = measured.table
    found = table[table["duplicate"] != "no"]
    return found.drop_duplicates(["dataset", "case"])


def _grids(measured: Measured) -> Sequence[Grid]:
    if _touched(measured).empty:
        return ()
    made = grid(
        measured, "duplicates", "DSC with and without duplicates", (ALL, WITHOUT, DIFFERENCE),
        (HOW, _sets(measured)), lambda *asked: _value(measured, *asked),
    )  # fmt: skip
    return (made,)


def _sets(measured: Measured) -> str:
    """Test cases with a duplicate by set and kind."""
    touched, said = _touched(measured), []
    for dataset in measured.sets():
        kinds = touched[touched["dataset"] == dataset]["duplicate"].value_counts()
        counts = " and ".join(
            f"{kinds[kind]} {kind}" for kind in ("exact", "near") if kind in kinds
        )
        said.append(f"{measured.results.set_title(dataset)} {counts or 'none'}")
    return f"Test cases with a duplicate in train or val: {', '.join(said)}."


def _leads(measured: Measured) -> Sequence[str]:
    touched = _touched(measured)
    total = len(measured.table.drop_duplicates(["dataset", "case"]))
    if touched.empty:
        return (
            f"None of the {total} test cases has a duplicate among the training and validation"
            " images of this mix, so no score depends on one.",
        )
    changes = [
        (abs(found.mean), found.mean, f"{entry.title}, {measured.results.set_title(dataset)}")
        for entry in measured.rows()
        for dataset in measured.sets()
        if (found := _value(measured, entry, dataset, DIFFERENCE)) is not None
    ]
    verb = "has" if len(touched) == 1 else "have"
    lead = f"{len(touched)} of {total} test cases {verb} a duplicate among the images trained on."
    if not changes:
        return (lead, "No test set has other cases beside them, so nothing can be compared.")
    _, change, where = max(changes)
    return (lead, f"The largest change of a DSC that they make is {change:+.3f} ({where}).")


ANALYSIS = Analysis(
    name="duplicates",
    title="Scores without duplicate images",
    short="Duplicates",
    about="DSC with and without the test cases that have a duplicate in train or val",
    module="benchmark/analyses/measures/duplicates.py",
    needs=("scores", "leaks"),
    leads=_leads,
    grids=_grids,
)
