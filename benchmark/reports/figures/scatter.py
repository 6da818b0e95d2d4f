"""Case by case: the focus against the best other row, a dot a case."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.core.text import percent
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
)
from benchmark.reports.study import Study
from benchmark.reports.tables.compared import Compared, best_of
from benchmark.statistics.table import Entry, TestSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def scatter_figure(study: Study, found: Compared) -> Figure | None:
    """DSC of every case, mean over seeds; a panel a test set."""
    best = best_of(study, found.others)
    if found.focus is None or best is None:
        return None
    panels = [
        (each, records)
        for each in study.table.sets
        if (records := _records(study, each, (found.focus, best)))
    ]
    if not panels:
        return None
    columns = min(4, max(2, len(panels)))
    rows = math.ceil(len(panels) / columns)
    with canvas_of((9.2, 0.4 + 9.2 / columns * rows)) as canvas:
        axes = axes_of(canvas, len(panels), columns, sharex=True, sharey=True)
        for ax, (each, records) in zip(axes, panels, strict=False):
            _panel(ax, heading(study.set_title(each.name), columns), records)
        canvas.supxlabel(f"DSC of {best.title}", fontsize=9)
        canvas.supylabel(f"DSC of {found.focus.title}", fontsize=9)
        svg = svg_of(canvas, "scatter")
    cases = sum(len(records) for _, records in panels)
    return Figure(
        name="scatter",
        title=f"Case by case: {found.focus.title} against {best.title}",
        caption=f"Each dot is a case, averaged over seeds. Above the line {found.focus.title} is "
        f"better. {best.title} is the other method with the highest mean. Each panel "
        "gives the share of dots above the line; ties count half.",
        alt=f"Scatter plots of the DSC of {cases} cases on {len(panels)} panels: "
        f"{found.focus.title} against {best.title}, with the line of equality.",
        svg=svg,
        records=[record for _, records in panels for record in records],
    )


def _records(study: Study, each: TestSet, pair: tuple[Entry, Entry]) -> list[dict[str, Any]]:
    focus, other = (study.table.values(entry, each.name, "dsc") for entry in pair)
    if focus is None or other is None:
        return []
    means = zip(each.cases, focus.mean(axis=0), other.mean(axis=0), strict=True)
    return [
        {"dataset": each.name, "case": case, pair[0].name: float(one), pair[1].name: float(two)}
        for case, one, two in means
    ]


def _panel(ax: "Axes", title: str, records: Sequence[dict[str, Any]]) -> None:
    pairs = [tuple(record.values())[2:] for record in records]
    won = sum((one > two) + (one == two) / 2 for one, two in pairs) / len(pairs)
    ax.set_title(title, loc="left")
    ax.plot([0, 1], [0, 1], color="#888888", lw=0.9)
    one, two = zip(*pairs, strict=True)
    ax.plot(two, one, "o", color=COLOURS[0], ms=3, mew=0, alpha=0.6)
    ax.text(0.04, 0.96, f"{percent(won)} above", transform=ax.transAxes, va="top", fontsize=8)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    ax.set_aspect("equal")
