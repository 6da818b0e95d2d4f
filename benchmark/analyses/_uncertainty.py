"""What the sections of dropout and of ensembles share: their tables and their figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import POSITIVE, SIGNED, Measure, grid
from benchmark.analyses.kit.summary import Value, of
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    handles_of,
    heading,
    svg_of,
    wrapped,
)
from benchmark.reports.tables.grid import Grid
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHERE = (
    Measure("entropy_bit_inside", "Entropy inside", best=""),
    Measure("entropy_bit_outside", "Entropy outside", best=""),
    Measure("information_mbit_inside", "Information inside", 2, "", POSITIVE),
    Measure("information_mbit_outside", "Information outside", 2, "", POSITIVE),
)
DETECTION = (
    Measure("entropy_auroc", "Pixels, entropy"),
    Measure("information_auroc", "Pixels, information"),
    Measure("entropy_case_auroc", "Images, entropy"),
    Measure("information_case_auroc", "Images, information"),
)
OBSERVED = (
    Measure("sharpness_uncertain", "|p − 0.5|, uncertain", best=""),
    Measure("sharpness_rest", "|p − 0.5|, rest", best=""),
    Measure("sharpness_difference", "Difference", best="", within=SIGNED),
    Measure("background_share", "Left as background", best=""),
)
BITS = (
    "Entropy: of the mean probability, in bits. Information: the mutual information, in "
    "thousandths of a bit. It is the part of the entropy that comes from disagreement "
    "between the predictions. Inside and outside are of the reference; an image with an "
    "empty reference has no inside."
)
ERRORS = (
    "AUROC; 0.5 is chance. Pixels: whether wrong pixels of an image have the larger "
    "uncertainty, over at most 10,000 drawn pixels an image. Images without a wrong pixel "
    "are left out. Images: whether images with a DSC below the median of the set have the "
    "larger mean uncertainty; one value a set."
)
SENTENCES = (
    "Uncertain pixels are the tenth of an image with the largest mutual information. The "
    "last column is about the hundredth with the largest: it gives the share that is "
    "background both in the reference and in the prediction. Images without any mutual "
    "information are left out."
)


def scores_grid(measured: Measured, single: str, remark: str) -> Grid:
    """DSC of the mean map beside that of single predictions."""
    place = f"work/uncertainty/{measured.results.name}/{measured.analysis.name}"
    pictures = f"`mixseg analyse` draws the maps of one image for each set and run into {place}."
    return grid(
        measured, f"{measured.analysis.name}-scores", "DSC of the mean map",
        [Measure("dsc_single", single), Measure("dsc_mean", "Mean map"),
         Measure("gain", "Gain", 4, within=SIGNED)],
        (remark, pictures), over="case",
    )  # fmt: skip


def grids(measured: Measured) -> Iterator[Grid]:
    """Where the uncertainty lies, whether it finds errors, and the two observations."""
    name = measured.analysis.name
    yield grid(
        measured, f"{name}-uncertainty", "Uncertainty inside and outside the reference",
        WHERE, (BITS,), over="case",
    )  # fmt: skip
    yield grid(
        measured, f"{name}-errors", "Whether uncertainty finds errors",
        DETECTION, (ERRORS,), _detection(measured),
    )  # fmt: skip
    yield grid(
        measured, f"{name}-observations", "Uncertain pixels: blurred, or left as background",
        OBSERVED, (SENTENCES,), over="case",
    )  # fmt: skip


def _detection(measured: Measured) -> Any:
    def lookup(entry: Entry, dataset: str, measure: Measure) -> Value | None:
        over = "set" if "case" in measure.column else "case"
        return of(measured, entry, dataset, measure.column, over=over)

    return lookup


def values(measured: Measured, column: str) -> list[float]:
    """The values of a column, one a row and set where there is one."""
    found = (
        of(measured, entry, dataset, column, over="case")
        for entry in measured.rows()
        for dataset in measured.sets()
    )
    return [each.mean for each in found if each is not None]


def observations(measured: Measured) -> Iterator[str]:
    """Sentences on the two observations of the MMSNet paper."""
    apart = values(measured, "sharpness_difference")
    if not apart:
        yield "All predictions are equal, so there is no mutual information."
        return
    blurred = sum(each < 0 for each in apart)
    yield (
        f"In {blurred} of {len(apart)} pairs of a method and a test set, uncertain pixels are "
        "more blurred than the rest: their mean |p − 0.5| is lower."
    )
    left = values(measured, "background_share")
    yield (
        f"Of the most uncertain pixels, {_percent(min(left), max(left))} are background that is"
        " predicted as background."
    )


def _count(of_them: Sequence[object], noun: str) -> str:
    return f"{len(of_them)} {noun}{'s' if len(of_them) != 1 else ''}"


def _percent(low: float, high: float) -> str:
    ends = f"{100 * low:.0f}", f"{100 * high:.0f}"
    return f"{ends[0]} %" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} %"


def figures(measured: Measured) -> Iterator[Figure]:
    """How sharp uncertain pixels and the rest are, a panel a test set."""
    entries, sets, name = measured.rows(), measured.sets(), f"{measured.analysis.name}-sharpness"
    if not values(measured, "sharpness_difference"):
        return
    columns = min(2, len(sets))
    rows = math.ceil(len(sets) / columns)
    with canvas_of((9.2, 0.6 + rows * (0.85 + 0.26 * len(entries)))) as canvas:
        axes = axes_of(canvas, len(sets), columns, sharey=True)
        for ax, dataset in zip(axes, sets, strict=False):
            ax.set_title(heading(measured.results.set_title(dataset), 2), loc="left")
            _panel(ax, measured, dataset, entries)
        handles = handles_of(axes)
        canvas.legend(
            handles=list(handles.values()), loc="outside upper left", ncols=2, frameon=False
        )
        svg = svg_of(canvas, name)
    yield Figure(
        name=name,
        title="How sharp uncertain pixels are",
        caption="Mean |p − 0.5| of the mean map, over images and seeds: 0 is undecided, 0.5 is"
        " sure. A bar is the 95 % interval of the method where there is one.",
        alt=f"Dot plot of {_count(entries, 'method')} on {_count(sets, 'panel')}, one a test set,"
        " with one mark for uncertain pixels and one for the rest. The table below holds the"
        " numbers.",
        svg=svg,
        records=list(_records(measured)),
    )


MARKS = (("sharpness_uncertain", "uncertain pixels", "o"), ("sharpness_rest", "the rest", "s"))


def _panel(ax: "Axes", measured: Measured, dataset: str, entries: Sequence[Entry]) -> None:
    ax.set_yticks(range(len(entries)), [wrapped(entry.title) for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.set_xlim(0, 0.51)
    ax.tick_params(axis="y", length=0)
    for k, (column, label, marker) in enumerate(MARKS):
        shown = label
        for y, entry in enumerate(entries):
            found = of(measured, entry, dataset, column, over="case")
            if found is None:
                continue
            height = y + 0.2 * (2 * k - 1)
            ax.plot([found.low, found.high], [height, height], color=COLOURS[k], lw=1.2)
            ax.plot([found.mean], [height], marker, color=COLOURS[k], ms=4.5, label=shown)
            shown = "_"


def _records(measured: Measured) -> Iterator[Mapping[str, Any]]:
    for entry in measured.rows():
        for dataset in measured.sets():
            for column, *_ in MARKS:
                found = of(measured, entry, dataset, column, over="case")
                if found is not None:
                    yield {
                        "method": entry.name, "title": entry.title, "dataset": dataset,
                        "measure": column, "mean": found.mean, "low": found.low,
                        "high": found.high,
                    }  # fmt: skip
