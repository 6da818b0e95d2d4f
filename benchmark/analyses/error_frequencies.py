"""At which frequencies the networks err."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import POSITIVE, Measure, grid
from benchmark.analyses.kit.summary import lines, over_sets
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    plain_ticks,
    svg_of,
)
from benchmark.reports.tables.grid import Grid, number

SHOWN = 6  # rows in a panel: as many as there are colours
MEASURES = (
    Measure("error", "Squared error", 4, "low"),
    Measure("centroid", "Mean frequency", 1, "", POSITIVE),
)
HOW = (
    "The error map is the probability minus the reference; the squared error is the mean of "
    "its square. The mean frequency is that of its energy on a logarithmic scale, in cycles "
    "per image. A missed lesion has a low frequency; an edge that is off by a pixel has a "
    "high one."
)


def _leads(measured: Measured) -> Iterator[str]:
    found = {entry.title: over_sets(measured, entry, "centroid") for entry in measured.rows()}
    means = {title: mean for title, mean in found.items() if not math.isnan(mean)}
    if not means:
        return
    low, high = (end(means, key=lambda title: means[title]) for end in (min, max))
    text = f"The mean frequency of the errors is {number(means[low], 1)} cycles per image ({low})"
    if low != high:
        text += f" to {number(means[high], 1)} ({high})"
    yield f"{text}, as a mean over test sets."


def _grids(measured: Measured) -> tuple[Grid, ...]:
    title = "Frequencies of the error maps"
    return (grid(measured, "error-frequencies", title, MEASURES, (HOW,)),)


def _figures(measured: Measured) -> Iterator[Figure]:
    from benchmark.analyses.measures.spectra import middles

    names, entries = measured.sets(), measured.rows()[:SHOWN]
    bins = [name for name in measured.table.columns if len(name) == 3 and name[0] == "f"]
    f = middles(len(bins))
    records: list[Mapping[str, Any]] = []
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    with canvas_of((9.2, 0.6 + 2.4 * rows)) as canvas:
        axes = axes_of(canvas, len(names), columns, sharex=True, sharey=True)
        for ax, name in zip(axes, names, strict=False):
            ax.set_title(heading(measured.results.set_title(name), columns), loc="left")
            for entry, colour in zip(entries, itertools.cycle(COLOURS), strict=False):
                shares = lines(measured, entry, name)[bins].mean().to_numpy(float)
                ax.plot(f, shares, color=colour, lw=1.3, marker="o", ms=2.5, label=entry.title)
                for x, y in zip(f, shares, strict=True):
                    about = {"method": entry.name, "dataset": name}
                    records.append({**about, "cycles_per_image": float(x), "share": float(y)})
            ax.set_xscale("log", base=2)
            plain_ticks(ax.xaxis, [1, 4, 16, 64])
            ax.set_xlabel("cycles per image")
        handles = axes[0].get_legend_handles_labels()[0]
        canvas.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
        svg = svg_of(canvas, "error-frequencies")
    yield Figure(
        name="error-frequencies",
        title="Spectra of the error maps",
        caption="Mean share of the energy of the error maps in bins half an octave wide"
        f"{f', of the first {SHOWN} rows' if len(measured.rows()) > SHOWN else ''}.",
        alt=f"Curves of the error's energy by frequency, of {len(entries)} methods on"
        f" {len(names)} panels, one a test set.",
        svg=svg,
        records=records,
    )


ANALYSIS = Analysis(
    name="error-frequencies",
    title="At which frequencies the networks err",
    short="Error frequencies",
    about="spectra of probability minus reference, from the stored maps",
    module="benchmark/analyses/measures/error_frequencies.py",
    leads=lambda measured: tuple(_leads(measured)),
    grids=_grids,
    figures=lambda measured: tuple(_figures(measured)),
)
