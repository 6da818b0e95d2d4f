"""Scores against severity, a panel a test set; and which corruption costs which row how much."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.analyses._corruption_values import Corrupted, shown_names
from benchmark.analyses.measures.corruption_sets import CORRUPTIONS, GENERIC
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.")
PANELS = 2  # side by side
LEAST = 0.05  # the scale of colours reaches at least this fall
DARK = 0.55  # from this share of the scale on, numbers are white


def curves(found: Corrupted, column: str, title: str, name: str) -> Figure:
    """A measure against severity, the mean over the generic corruptions."""
    measured = found.measured
    sets, rows = measured.sets(), measured.rows()
    lines = math.ceil(len(sets) / PANELS)
    under = 0.25 * math.ceil(len(rows) / 3)
    with canvas_of((9.2, 0.6 + 2.4 * lines + under)) as canvas:
        axes = axes_of(canvas, len(sets), PANELS, sharex=True)
        for ax, dataset in zip(axes, sets, strict=False):
            _panel(ax, found, dataset, column)
            ax.set_title(heading(measured.results.set_title(dataset), PANELS), loc="left")
            ax.set_ylabel(title)
            ax.set_xlabel("Severity")
        handles, labels = axes[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False)
        svg = svg_of(canvas, name)
    return Figure(
        name=name,
        title=f"{title} by severity",
        caption="Mean over the generic corruptions and over seeds; severity 0 is the clean"
        " picture.",
        alt=f"Curves of the {title} of {len(rows)} methods against severity on {len(sets)} panels,"
        " one a test set.",
        svg=svg,
        records=[*_curve_records(found, column)],
    )


def _panel(ax: "Axes", found: Corrupted, dataset: str, column: str) -> None:
    for k, entry in enumerate(found.measured.rows()):
        points = found.by_severity(entry, dataset, column)
        x, y = [severity for severity, _ in points], [one.mean for _, one in points]
        style = STYLES[k // len(COLOURS) % len(STYLES)]
        ax.plot(
            x, y, style, marker="o", ms=2.5, lw=1.2, color=COLOURS[k % len(COLOURS)],
            label=wrapped(entry.title),
        )  # fmt: skip
    ax.set_xticks([0, *found.severities])


def _curve_records(found: Corrupted, column: str) -> Iterator[Mapping[str, Any]]:
    for entry in found.measured.rows():
        for dataset in found.measured.sets():
            for severity, one in found.by_severity(entry, dataset, column):
                about = {"method": entry.name, "title": entry.title, "dataset": dataset}
                yield {**about, "severity": severity, column: one.mean, "seeds": one.seeds}


def heat(found: Corrupted, remarks: Sequence[str]) -> Figure:
    """The fall of DSC of every row under every corruption, as coloured numbers."""
    rows, names = found.measured.rows(), shown_names(found)
    falls = [[found.fall_under(entry, name) for name in names] for entry in rows]
    top = max([LEAST, *(fall for line in falls for fall in line if fall is not None)])
    with canvas_of((max(5.0, 3.0 + 0.42 * len(names)), 3.0 + 0.26 * len(rows))) as canvas:
        ax = canvas.subplots()
        shown = [[math.nan if fall is None else fall for fall in line] for line in falls]
        ax.pcolormesh(shown, cmap="cividis_r", vmin=0, vmax=top, edgecolors="white", linewidth=0.5)
        for y, line in enumerate(falls):
            for x, fall in enumerate(line):
                if fall is not None:
                    ink = "#ffffff" if fall > DARK * top else "#000000"
                    ax.text(x + 0.5, y + 0.5, f"{round(100 * fall)}", color=ink, ha="center",
                            va="center", fontsize=7)  # fmt: skip
        ax.set_yticks([y + 0.5 for y in range(len(rows))], [wrapped(e.title) for e in rows])
        ax.set_xticks([x + 0.5 for x in range(len(names))], [_label(n) for n in names], rotation=90)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.tick_params(length=0)
        svg = svg_of(canvas, "corruptions-heat")
    records = [
        {"method": entry.name, "title": entry.title, "corruption": name, "fall": fall}
        for entry, line in zip(rows, falls, strict=True)
        for name, fall in zip(names, line, strict=True)
        if fall is not None
    ]
    return Figure(
        name="corruptions-heat",
        title="Fall of DSC by corruption",
        caption="DSC on the clean pictures minus DSC on the corrupted ones, in hundredths: the "
        "mean over severities, seeds and the test sets to which the corruption applies. "
        f"{' '.join(remarks)}",
        alt=f"A table of coloured numbers, {len(rows)} methods by {len(names)} corruptions: the"
        " darker, the further the DSC falls. The tables by test set hold the scores.",
        svg=svg,
        records=records,
    )


def _label(name: str) -> str:
    each = CORRUPTIONS[name]
    short = each.title.removesuffix(" (ours)")
    return short if each.family == GENERIC else f"{short}, {each.family.lower()}"
