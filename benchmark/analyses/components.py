"""Lesions that are missed and pieces that are false, counted by connected components."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmark.analyses import _component_figure as drawn
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import POSITIVE, Measure, grid
from benchmark.analyses.kit.summary import Value, lines, value
from benchmark.reports.figures.drawing import Figure
from benchmark.reports.tables.grid import Grid
from benchmark.reports.tables.strata import STRATA
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

SIZES = dict(zip(("small", "middle", "large"), STRATA, strict=True))  # by the names of columns
MISSED = (
    Measure("missed_10", "Missed, IoU > 0.1", best="low"),
    Measure("missed_50", "Missed, IoU > 0.5", best="low"),
)
FALSE = Measure("false_10", "False per image", digits=2, best="low", within=POSITIVE)
BY_SIZE = tuple(
    Measure(f"missed_10_{size}", stratum.label.capitalize(), best="low")
    for size, stratum in SIZES.items()
)
HOW = (
    "A lesion is a connected component of the reference (8-connectivity). It is detected if "
    "one predicted component overlaps it with an IoU above the threshold; otherwise it is "
    "missed. A predicted component that detects no lesion at an IoU above 0.1 is false. No "
    "component is too small to count. For a prompted row the first prompt draw is counted."
)
PER_CASE = (
    "The mean over images of the share of their lesions that is missed. Images without a "
    "lesion have no such share, and count for false components alone."
)


def _per_case(measured: Measured, entry: Entry, dataset: str, column: str) -> Value | None:
    rows = lines(measured, entry, dataset)
    return value(rows[rows["case"] != ""], column, trained=entry.trained)


def _pooled(measured: Measured, entry: Entry, dataset: str, column: str) -> Value | None:
    return value(_whole(measured, entry, dataset), column, trained=entry.trained)


def _whole(measured: Measured, entry: Entry, dataset: str) -> "pd.DataFrame":
    """The lines of the whole set, one a seed."""
    rows = lines(measured, entry, dataset)
    return rows[rows["case"] == ""]


def _grids(measured: Measured) -> Sequence[Grid]:
    def made(
        name: str,
        title: str,
        measures: Sequence[Measure],
        remarks: Sequence[str],
        of: Callable[[Measured, Entry, str, str], Value | None] = _per_case,
    ) -> Grid:
        return grid(
            measured, name, title, measures, remarks,
            lambda entry, dataset, measure: of(measured, entry, dataset, measure.column),
        )  # fmt: skip

    pooled = (
        "All lesions of a set are counted together, so an image with more lesions has more "
        "weight. The interval is that over seeds."
    )
    by_size = f"IoU > 0.1, by the share of the image that a lesion covers. {PER_CASE}"
    return (
        made(
            "components",
            "Missed lesions and false components",
            (*MISSED, FALSE),
            (PER_CASE, HOW, _lesions(measured)),
        ),
        made("components-size", "Missed lesions by size", BY_SIZE, (by_size,)),
        made("components-pooled", "Missed lesions, pooled", MISSED, (pooled,), _pooled),
    )


def _lesions(measured: Measured) -> str:
    """How many lesions each test set has, by size."""
    said = []
    for dataset in measured.sets():
        rows = measured.table[measured.table["dataset"] == dataset]
        one = rows[rows["case"] == ""].iloc[0]
        sizes = ", ".join(
            f"{stratum.label}: {int(one[f'lesions_{size}'])}" for size, stratum in SIZES.items()
        )
        empty = f", empty references: {int(one['empty'])}" if one["empty"] else ""
        title = measured.results.set_title(dataset)
        said.append(f"{title} {int(one['lesions'])} ({sizes}{empty})")
    return f"Lesions: {'; '.join(said)}."


def _leads(measured: Measured) -> Sequence[str]:
    return [text for text in (_fewest(measured), _small(measured), _false(measured)) if text]


def _means(measured: Measured, column: str) -> list[tuple[float, str]]:
    """The mean over the test sets of each row, ascending; unprompted rows where there are any."""
    entries = [entry for entry in measured.rows() if entry.group == "main"] or measured.rows()
    found = []
    for entry in entries:
        values = [_per_case(measured, entry, name, column) for name in measured.sets()]
        known = [each.mean for each in values if each is not None]
        if known:
            found.append((sum(known) / len(known), entry.title))
    return sorted(found)


def _fewest(measured: Measured) -> str:
    means = _means(measured, "missed_10")
    if not means:
        return ""
    (low, best), (high, worst) = means[0], means[-1]
    if len(means) == 1:
        share = _percent(low)
        return f"{best} misses {share} of the lesions (IoU > 0.1), as a mean over the test sets."
    return (
        f"{best} misses the fewest lesions (IoU > 0.1), {_percent(low)} as a mean over the "
        f"test sets, and {worst} misses the most, {_percent(high)}. The table gives the "
        "intervals."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _small(measured: Measured) -> str:
    """Whether small lesions are missed more often than others, row by row and set by set."""
    more, both = 0, 0
    for entry in measured.rows():
        for dataset in measured.sets():
            one = _whole(measured, entry, dataset).mean(numeric_only=True)
            others = one["lesions"] - one["lesions_small"]
            if one["lesions_small"] > 0 and others > 0:
                small = one["missed_10_small"] * one["lesions_small"]
                rest = one["missed_10"] * one["lesions"] - small
                both += 1
                more += bool(one["missed_10_small"] > rest / others + 1e-9)
    label = STRATA[0].label
    if not both:
        return f"No test set has both lesions {label} of the image and larger ones."
    return (
        f"Lesions {label} of the image are missed more often than larger ones in {more} of {both}"
        " pairs of a row and a test set with both."
    )


def _false(measured: Measured) -> str:
    means = _means(measured, FALSE.column)
    if not means:
        return ""
    (low, fewest), (high, most) = means[0], means[-1]
    if len(means) == 1:
        return f"{fewest} draws {low:.2f} false components per image."
    return f"False components per image: from {low:.2f} ({fewest}) to {high:.2f} ({most})."


def _figures(measured: Measured) -> Sequence[Figure]:
    return drawn.figure(measured, SIZES, _per_case)


ANALYSIS = Analysis(
    name="components",
    title="Missed lesions and false components",
    short="Components",
    about="lesions detected, missed and false, by connected components and size",
    module="benchmark/analyses/measures/components.py",
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
