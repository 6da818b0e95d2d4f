"""The appendix: Friedman's test and Nemenyi's over test sets, with the power that they have."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.reports.figures.chosen import PLOTTED, left_out
from benchmark.reports.figures.drawing import COLOURS, Figure, canvas_of, svg_of
from benchmark.reports.study import Study
from benchmark.reports.tables.comparisons import probability
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, Marks, number
from benchmark.statistics.friedman import Friedman, power_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRS = "figures/nemenyi.csv gives Nemenyi's p for each pair."
TICKS = 15  # numbers of the axis, about: more overlap
BAR = 0.32  # height between two bars of the diagram


def friedman_grid(study: Study, found: Friedman) -> Grid:
    """Mean ranks over test sets, and the p of every pair; no line where there is no test.

    Of more than PLOTTED rows the pairs stand in the CSV of the figure alone.
    """
    marks = Marks()
    by_key = {entry.key: entry for entry in study.table.entries}
    order = sorted(range(len(found.mean_ranks)), key=lambda i: found.mean_ranks[i])
    lines = []
    many = len(order) > PLOTTED
    beside = [] if many else order
    for i in order:
        pairs = (_pair(found, i, k) for k in beside)
        rank = Cell(number(found.mean_ranks[i], 2), sort=found.mean_ranks[i])
        notes = study.notes(by_key[found.keys[i]])
        lines.append(Line(found.titles[i], (rank, *pairs), marks.of(notes)))
    return Grid(
        name="friedman",
        of=study.mix.title,
        title="Mean ranks over test sets" + ("" if many else ", and Nemenyi's p of each pair"),
        head="Method",
        columns=(Column("Mean rank"), *(Column(found.titles[i], "p (Nemenyi)") for i in beside)),
        blocks=(Block("", tuple(lines)),),
        notes=marks.notes(),
        remarks=(*_remarks(found), *([PAIRS] if many else [])),
        inner="Method",
        outer="Part",
    )


def _pair(found: Friedman, i: int, k: int) -> Cell:
    if i == k or not found.nemenyi:
        return Cell(NONE)
    p = found.nemenyi[i][k]
    return Cell(probability(p), sort=None if math.isnan(p) else p)


def _remarks(found: Friedman) -> list[str]:
    if found.why:
        return [f"No test: {found.why}."]
    return [
        f"Over {len(found.sets)} test sets: Friedman's chi-squared {number(found.statistic, 2)},"
        f" p {probability(found.p)}; Iman and Davenport's F {number(found.iman_davenport, 2)},"
        f" p {probability(found.p_iman)}. Critical difference of mean ranks (Nemenyi, 5 %):"
        f" {number(found.cd, 2)}.",
        power_note(found),
    ]


def friedman_figure(study: Study, found: Friedman) -> Figure | None:
    """The critical-difference diagram."""
    if found.why or len(found.mean_ranks) < 2:
        return None
    order = sorted(range(len(found.mean_ranks)), key=lambda i: found.mean_ranks[i])
    shown = order[:PLOTTED]
    cliques = [both for each in found.cliques if len(both := [i for i in each if i in shown]) > 1]
    height = 0.9 + 0.24 * math.ceil(len(shown) / 2) + 0.13 * len(cliques)
    with canvas_of((9.2, height)) as canvas:
        ax = canvas.subplots()
        _diagram(ax, found, shown, cliques)
        svg = svg_of(canvas, "nemenyi")
    return Figure(
        name="nemenyi",
        title="Critical-difference diagram",
        caption="Mean rank over test sets; 1 is best. A bar joins methods that Nemenyi's test "
        "cannot distinguish. The notes of the table say how little this test can "
        f"detect.{left_out(len(shown), len(order), 'the best')}",
        alt=f"Critical-difference diagram of {len(shown)} methods; the table below holds the mean"
        " ranks and the p of each pair.",
        svg=svg,
        records=[_record(found, i) for i in order],
    )


def _record(found: Friedman, i: int) -> dict[str, Any]:
    return {
        "key": found.keys[i],
        "title": found.titles[i],
        "mean_rank": found.mean_ranks[i],
        "sets": len(found.sets),
        "critical_difference": found.cd,
        "p_friedman": found.p,
        "p_iman_davenport": found.p_iman,
        **{f"p_{key}": found.nemenyi[i][k] for k, key in enumerate(found.keys) if found.nemenyi},
    }


def _diagram(
    ax: "Axes", found: Friedman, order: Sequence[int], cliques: Sequence[Sequence[int]]
) -> None:
    count = len(order)
    # of many rows, those that are shown may have ranks beyond the number of those shown
    n = max(count, math.ceil(max(found.mean_ranks[i] for i in order)))
    ink: Any = {"color": "#777777", "lw": 1}
    inch = (n - 1) / 3.2  # in ranks; what is left and right of them is room for names
    ax.set_axis_off()
    ax.set_xlim(1 - 2.9 * inch, n + 2.9 * inch)
    ax.plot([1, n], [0, 0], **ink)
    for tick in range(1, n + 1, max(1, n // TICKS)):
        ax.plot([tick] * 2, [0, 0.15], **ink)
        ax.text(tick, 0.25, str(tick), ha="center", va="bottom")
    below, half = -(len(cliques) + 1) * BAR, math.ceil(count / 2)
    ax.set_ylim(below - 0.6 * half, 1.0)
    for place, i in enumerate(order):
        left = place < half
        level = below - 0.6 * (place if left else count - 1 - place)
        rank, edge = found.mean_ranks[i], 1 - 0.2 * inch if left else n + 0.2 * inch
        ax.plot([rank, rank, edge], [0, level, level], **ink)
        about: Any = {"va": "center", "ha": "right" if left else "left"}
        at = edge + (-0.06 if left else 0.06) * inch
        label = ax.text(at, level, f"{found.titles[i]} ({number(rank, 2)})", **about)
        label.set_in_layout(False)
    for k, clique in enumerate(cliques):
        ranks = [found.mean_ranks[i] for i in clique]
        at, more = -(k + 1) * BAR, 0.04 * inch
        ax.plot([min(ranks) - more, max(ranks) + more], [at, at], color=COLOURS[0], lw=3.5)
