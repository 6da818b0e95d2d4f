"""DSC against what it costs: parameters that learn, and the latency of an image."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.figures.drawing import COLOURS, Figure, canvas_of, svg_of
from benchmark.reports.figures.figures import hollow_note
from benchmark.reports.study import Study
from benchmark.reports.tables.cost import Measured, measured_cost
from benchmark.reports.tables.main import is_prompted, rows_of
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 14  # up to so many methods all bear their name; of more only those that nothing beats

SIZE = (300.0, 220.0)  # of the axes, about, in points
# where a name may stand beside its point: side, and points up
AROUND = ((1, 0), (-1, 0), (0, 10), (0, -10), (1, 10), (1, -10), (-1, 10), (-1, -10), (1, 20),
          (-1, 20), (1, -20), (-1, -20))  # fmt: skip
HOW = {1: "left", -1: "right", 0: "center"}
NEAR = 9  # points from a dot; a name there seems to be the name of that dot
BESIDE = 10  # a name further up or down than this gets a line to its point
AWAY = 3.0  # a point of height away from its point costs as much as so many covered


@dataclass(frozen=True)
class Point:
    """A method with its DSC and its costs; NaN where one is not known.

    Attributes:
        apart: it began from random weights where its mix asks for pretrained ones.
        where: the machine on which its latency was measured.
    """

    entry: Entry
    apart: bool
    dsc: float
    parameters: float
    latency: float
    where: str


def tradeoff_figure(study: Study) -> Figure | None:
    """DSC over parameters, and over latency."""
    dataset = MEAN if len(study.table.sets) > 1 else study.table.sets[0].name
    points = [*_points(study, dataset)]
    if not points:
        return None
    with canvas_of((9.2, 3.8)) as canvas:
        left, right = canvas.subplots(1, 2, sharey=True)
        _scatter(left, points, [p.parameters / 1e6 for p in points])
        _scatter(right, points, [p.latency for p in points])
        left.set_xlabel("Parameters (millions)")
        right.set_xlabel("Latency of one image (ms, median)")
        left.set_ylabel(f"DSC, {dataset}" if dataset == MEAN else "DSC")
        svg = svg_of(canvas, "tradeoff")
    machines = {p.where for p in points if p.where}
    beside = " Latencies were measured on different machines." if len(machines) > 1 else ""
    return Figure(
        name="tradeoff",
        title="DSC against parameters and latency",
        caption="Blue circle: unprompted; vermilion square: prompted. The horizontal axes are "
        f"logarithmic.{hollow_note([p.entry.key for p in points if p.apart])} Labels: all "
        f"methods, or only the Pareto-optimal ones when space is short.{beside}",
        alt=f"Two scatter plots of the DSC of {len(points)} methods: against their parameters, and"
        " against the latency of one image. The cost table holds the same numbers.",
        svg=svg,
        records=[
            {
                "method": p.entry.name,
                "title": p.entry.title,
                "dataset": dataset,
                "dsc": p.dsc,
                "parameters": p.parameters,
                "latency_ms": p.latency,
                "measured_on": p.where,
                "notes": "; ".join(study.notes(p.entry)),
            }
            for p in points
        ],
    )


def _points(study: Study, dataset: str) -> Iterator[Point]:
    for entry in rows_of(study, ("main", "prompted")):
        score = study.cells.get((entry.key, dataset, "dsc"))
        if score is None or math.isnan(score.mean):
            continue
        cost = measured_cost(study, entry)
        yield Point(
            entry,
            study.stands_apart(entry),
            score.mean,
            _parameters(study, entry, cost),
            *_latency(cost),
        )


def _latency(cost: Measured | None) -> tuple[float, str]:
    return (cost.latency_ms[0], cost.where) if cost else (math.nan, "")


def _parameters(study: Study, entry: Entry, cost: Measured | None) -> float:
    """As counted at a run, or when costs were measured, or on the card."""
    told = [run.record.get("parameters", {}) for run in study.table.runs_of(entry)]
    card = study.card(entry)
    counts = [about.get("total") for about in told]
    counts += [card.parameters.total] if card else []
    counts += [cost.parameters[0]] if cost else []
    return next((float(count) for count in counts if count), math.nan)


def _scatter(ax: "Axes", points: Sequence[Point], costs: Sequence[float]) -> None:
    known = [(p, x) for p, x in zip(points, costs, strict=True) if x > 0]
    if not known:
        ax.text(0.5, 0.5, "not measured", transform=ax.transAxes, ha="center", style="italic")
        ax.grid(visible=False)
        ax.set_xticks([])
        return
    ax.set_xscale("log")
    ax.margins(0.12)
    for p, x in known:
        prompted = is_prompted(p.entry)
        colour = COLOURS[1 if prompted else 0]
        face = "none" if p.apart else colour
        ax.plot([x], [p.dsc], "s" if prompted else "o", color=colour, mfc=face, ms=5)
    _ticks(ax, [x for _, x in known])
    chosen = [k for k in known if len(known) <= NAMED or _unbeaten(k, known)]
    _names(ax, known, [p for p, _ in chosen])


def _ticks(ax: "Axes", values: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers, at least two of them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    span = max(values) / min(values)
    few = LogLocator(base=10, subs=(1, 2, 5) if span < 100 else (1,))
    ax.xaxis.set_major_locator(few if span > 10 else MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _unbeaten(one: tuple[Point, float], known: Sequence[tuple[Point, float]]) -> bool:
    """Whether no other method is as good or better in both directions."""
    point, cost = one
    return not any(
        p.dsc >= point.dsc and x <= cost and (p.dsc, x) != (point.dsc, cost) for p, x in known
    )


def _names(ax: "Axes", known: Sequence[tuple[Point, float]], named: Sequence[Point]) -> None:
    """Names beside their points, each where it covers least of the others."""
    low, high = ax.get_ylim()
    left, right = map(math.log, ax.get_xlim())

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - left) / (right - left) * SIZE[0]
        return across, (y - low) / (high - low) * SIZE[1]

    at = {point: place(cost, point.dsc) for point, cost in known}
    names = list[_Box]()
    for point, cost in sorted(known, key=lambda each: -each[0].dsc):
        if point not in named:
            continue
        width = 4.3 * len(point.entry.title)
        dots = [_Box.around(xy, 4 if other is point else NEAR) for other, xy in at.items()]
        places = [(*shift, _Box.at(at[point], shift, width)) for shift in AROUND]
        side, up, box = min(places, key=lambda each: _badness(each, [*dots, *names]))
        names.append(box)
        line = {"arrowstyle": "-", "lw": 0.6, "color": "#888888", "shrinkA": 1, "shrinkB": 3}
        ax.annotate(point.entry.title, (cost, point.dsc), (6 * side, up), ha=HOW[side],
                    textcoords="offset points", va="center", fontsize=7.5,
                    arrowprops=line if abs(up) > BESIDE else None)  # fmt: skip


def _badness(place: "tuple[int, int, _Box]", taken: "Sequence[_Box]") -> float:
    """How bad a place for a name is: what it covers, and how far it is from its point."""
    _, up, box = place
    return sum(box.shared(each) for each in taken) + AWAY * abs(up)


@dataclass(frozen=True)
class _Box:
    """A rectangle in points from the lower left corner of the axes."""

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def around(cls, point: tuple[float, float], margin: float) -> "_Box":
        """A square with a point in its middle."""
        x, y = point
        return cls(x - margin, y - margin, x + margin, y + margin)

    @classmethod
    def at(cls, point: tuple[float, float], shift: tuple[int, int], width: float) -> "_Box":
        """That of a name beside a point."""
        side, y = shift[0], point[1] + shift[1]
        left = point[0] + (6 if side > 0 else -6 - width if side < 0 else -width / 2)
        return cls(left, y - 5, left + width, y + 5)

    def shared(self, other: "_Box") -> float:
        """The area that two have in common, and what lies outside of the axes."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.high, other.high) - max(self.low, other.low)
        outside = max(0.0, -self.left) + max(0.0, self.right - SIZE[0])
        return max(0.0, wide) * max(0.0, tall) + 10 * outside
