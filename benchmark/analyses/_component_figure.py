"""Missed lesions by size, a panel a test set."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.summary import Value
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
from benchmark.reports.tables.strata import Stratum
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "components"
Points = Mapping[tuple[str, str, str], Value]  # by row, test set and size


def figure(
    measured: Measured,
    sizes: Mapping[str, Stratum],
    of: Callable[[Measured, Entry, str, str], Value | None],
) -> Sequence[Figure]:
    """The figure, or nothing where no lesion was counted.

    Args:
        sizes: by the name of a size in the columns.
        of: the value of a row on a set, by column.
    """
    entries, sets = measured.rows(), measured.sets()
    found = {
        (entry.name, dataset, size): of(measured, entry, dataset, f"missed_10_{size}")
        for entry in entries
        for dataset in sets
        for size in sizes
    }
    points = {key: each for key, each in found.items() if each is not None}
    if not points:
        return ()
    columns = min(2, len(sets))
    rows = math.ceil(len(sets) / columns)
    with canvas_of((9.2, 0.5 + rows * (0.85 + 0.26 * len(entries)))) as canvas:
        axes = axes_of(canvas, len(sets), columns, sharey=True)
        for ax, dataset in zip(axes, sets, strict=False):
            ax.set_title(heading(measured.results.set_title(dataset), columns), loc="left")
            _panel(ax, points, dataset, sizes=sizes, entries=entries)
        handles = handles_of(axes)
        shown = [handles[s.label] for s in sizes.values() if s.label in handles]
        canvas.legend(handles=shown, loc="outside upper left", ncols=3, frameon=False)
        svg = svg_of(canvas, NAME)
    made = Figure(
        name=NAME,
        title="Missed lesions by size",
        caption="The share of missed lesions, by the share of the image that a lesion covers: mean"
        " over seeds, with the 95 % interval of the method. A lesion is missed if no predicted"
        " component has an IoU above 0.1 with it. The tables say how lesions are counted.",
        alt=f"Dot plot of the share of missed lesions of {len(entries)} methods on {len(sets)}"
        " panels, one a test set, with a mark for each size. The tables below hold the numbers.",
        svg=svg,
        records=[
            {"method": name, "dataset": dataset, "size": sizes[size].label, "missed": each.mean,
             "low": each.low, "high": each.high, "cases": each.cases}
            for (name, dataset, size), each in points.items()
        ],
    )  # fmt: skip
    return (made,)


def _panel(
    ax: "Axes",
    points: Points,
    dataset: str,
    *,
    sizes: Mapping[str, Stratum],
    entries: Sequence[Entry],
) -> None:
    ax.set_yticks(range(len(entries)), [wrapped(entry.title) for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.set_xlim(-0.03, 1.03)
    ax.tick_params(axis="y", length=0)
    for k, (size, stratum) in enumerate(sizes.items()):
        label = stratum.label
        for y, entry in enumerate(entries):
            each = points.get((entry.name, dataset, size))
            if each is None:
                continue
            height = y + 0.22 * (k - 1)
            if not math.isnan(each.low):
                ax.plot([each.low, each.high], [height, height], color=COLOURS[k], lw=1.2)
            ax.plot([each.mean], [height], stratum.marker, color=COLOURS[k], ms=4.5, label=label)
            label = "_"
