"""Curves of rows, a panel a test set; a few rows in colour, the others grey."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.analyses.kit.read import Measured
from benchmark.reports.figures.drawing import (
    COLOURS,
    axes_of,
    canvas_of,
    handles_of,
    heading,
    svg_of,
)
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADLINE = ("main", "prompted")
GREY = "#888888"
OTHERS = "others"
Points = tuple[Sequence[float], Sequence[float]]  # x and y


@dataclass(frozen=True)
class Panels:
    """How the panels look.

    Attributes:
        name: of the figure.
        diagonal: whether the line y = x is drawn.
        unit: whether both axes go from 0 to 1.
    """

    name: str
    across: str
    up: str
    marker: str = ""
    diagonal: bool = False
    unit: bool = False


def shown(measured: Measured) -> list[Entry]:
    """The rows that figures show: of the headline, or all where none of those was measured."""
    rows = measured.rows()
    return [entry for entry in rows if entry.group in HEADLINE] or rows


def coloured(
    measured: Measured, entries: Sequence[Entry], error: Callable[[Entry], float]
) -> list[Entry]:
    """The rows drawn in colour: the focus, then those of least error, six in all; rows in order.

    Args:
        error: NaN goes last.
    """

    def order(entry: Entry) -> tuple[bool, bool, float]:
        value = error(entry)
        return entry.name != measured.results.params.focus, math.isnan(value), value

    chosen = {entry.key for entry in sorted(entries, key=order)[: len(COLOURS)]}
    return [entry for entry in entries if entry.key in chosen]


def panel_title(measured: Measured, dataset: str) -> str:
    """The modality of a test set, and its name."""
    modality = next(
        (each.modality for each in measured.results.table.sets if each.name == dataset), ""
    )
    title = measured.results.set_title(dataset)
    return f"{modality.capitalize()}: {title}" if modality else title


def draw(
    panels: Panels,
    curves: Mapping[str, Mapping[str, Points]],
    titles: Mapping[str, str],
    colours: Sequence[str],
) -> str:
    """The figure as SVG.

    Args:
        curves: by title of the panel and name of the row.
        titles: of the rows, by name.
        colours: the names of the rows in colour, in their order.
    """
    columns = min(2, len(curves))
    rows = math.ceil(len(curves) / columns)
    with canvas_of((9.2, 0.6 + 3.0 * rows)) as canvas:
        axes = axes_of(canvas, len(curves), columns)
        for ax, (title, lines) in zip(axes, curves.items(), strict=False):
            ax.set_title(heading(title, columns), loc="left")
            _panel(ax, panels, lines, titles, colours)
        canvas.supxlabel(panels.across, fontsize=9)
        canvas.supylabel(panels.up, fontsize=9)
        handles = handles_of(axes)
        names = [titles[name] for name in colours] + [OTHERS]
        known = [handles[name] for name in names if name in handles]
        canvas.legend(handles=known, loc="outside upper left", ncols=3, frameon=False)
        return svg_of(canvas, panels.name)


def _panel(
    ax: "Axes",
    panels: Panels,
    lines: Mapping[str, Points],
    titles: Mapping[str, str],
    colours: Sequence[str],
) -> None:
    if panels.diagonal:
        ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
    if panels.unit:
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.02, 1.02)
    if not any(len(x) for x, _ in lines.values()):
        ax.text(0.5, 0.5, "no value", transform=ax.transAxes, ha="center", style="italic")
    for name in sorted(lines, key=lambda name: name in colours):  # the grey ones behind
        x, y = lines[name]
        if name in colours:
            colour = COLOURS[list(colours).index(name)]
            ax.plot(x, y, color=colour, lw=1.4, marker=panels.marker, ms=3, label=titles[name])
        else:
            ax.plot(x, y, color=GREY, lw=0.7, alpha=0.6, label=OTHERS)
