"""The main rows across test sets: signed-rank probabilities, ranks, how stable the order is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.reports.figures.chosen import PLOTTED, left_out
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
    wrapped,
)
from benchmark.reports.study import Study
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.compared import Compared
from benchmark.reports.tables.comparisons import dataset_title, notes_of_focus, probability
from benchmark.reports.tables.grid import (
    NONE,
    Block,
    Cell,
    Column,
    Grid,
    Line,
    Marks,
    missing,
    number,
)
from benchmark.statistics.ranking import Ranking, RowRank
from benchmark.statistics.schema import METRICS
from benchmark.statistics.signed_rank import ROPE, SignedRank
from benchmark.statistics.stability import Stability, Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR = 0.3  # between two bars of tied methods, in ranks
DOTS = (
    "The area of a dot is the share of resamples (of trainings and cases) in which a method "
    "takes this rank. The best method of each panel is first. A bar joins methods that "
    "cannot be distinguished from each other; if it passes a method without a dot, that "
    "method is not one of them."
)
RANGES = (
    "Dot: the rank. Line: its 95 % range over resampled trainings and cases. The best method "
    "of each panel is first."
)
BEST_OF_EACH = "the best of each panel"
POINTS = f"{100 * ROPE:g} point{'' if ROPE == 0.01 else 's'}"


def across_grid(study: Study, found: Compared) -> Grid:
    """The probabilities that the focus is worse, equal or better, over the test sets of the mix."""
    marks, title = Marks(), found.focus.title if found.focus else ""
    own = marks.of(notes_of_focus(study, found))
    sets = next((one.sets for one in found.signed if one.differences), ())
    lines = [
        Line(one.title, _signed_cells(one, len(sets)), marks.of(_notes(study, one.other, one.why)))
        for one in found.signed
    ]
    return Grid(
        name="across",
        of=study.mix.title,
        title=f"{title} against each other method, over test sets",
        head="Compared with",
        columns=(
            *(Column(k, "Probability", marks=own) for k in ("Worse", "Equal", "Better ↑")),
            *(Column(dataset_title(study, name), "Difference of DSC") for name in sets),
        ),
        blocks=(Block("", tuple(lines)),),
        notes=marks.notes(),
        remarks=(
            "Bayesian signed-rank test: the probability that on another test set like these "
            f"the focus is practically worse, equal (within {POINTS} of DSC) or better. The "
            "test treats each difference as exact; see the intervals above for their "
            "uncertainty.",
        ),
        records=[
            {
                "focus": one.focus,
                "other": one.other,
                "title": one.title,
                "sets": len(one.differences),
                **{key: getattr(one, key) for key in ("worse", "equal", "better")},
                "rope": ROPE,
                "why": one.why,
            }
            for one in found.signed
        ],
        inner="Value",
        outer="Part",
    )


def _notes(study: Study, key: str, why: str = "") -> list[str]:
    """The notes of a row, and why it has no number where they do not say so."""
    entry = next((e for e in study.table.entries if e.key == key), None)
    if entry is None:
        return [why] if why else []
    return [*study.notes(entry), *([why] if why and not study.table.missing_of(entry) else [])]


def _signed_cells(one: SignedRank, sets: int) -> tuple[Cell, ...]:
    if not one.differences:
        return (missing(),) * (3 + sets)
    shares = (one.worse, one.equal, one.better)
    return (
        *(Cell(probability(share), sort=share) for share in shares),
        *(Cell(signed(value), sort=value) for value in one.differences),
    )


def ranks_grid(study: Study, found: Compared) -> Grid:
    """The rank of every row by test set, with its 95 % range and the rows that it ties with."""
    marks, known = Marks(), _known(found)
    order = list(next(reversed(known.values())).rows) if known else []
    lines = [
        Line(row.title, tuple(_rank_cells(known, row.key)), marks.of(_notes(study, row.key)))
        for row in order
    ]
    left = "; ".join(f"{title}: {why}" for title, why in found.not_ranked)
    return Grid(
        name="ranks",
        of=study.mix.title,
        title="Ranks by DSC",
        head="Method",
        columns=tuple(
            Column(label, dataset_title(study, name), numeric=True)
            for name in known
            for label in ("Rank", "First", "Ties")
        ),
        blocks=(Block("", tuple(lines)),),
        notes=marks.notes(),
        remarks=(
            "Rank 1 is best; below it is the 95 % range over resampled trainings and cases. "
            "First: the share of resamples in which the row is first. Ties: two rows with a "
            "common letter cannot be distinguished, and two rows without one can (5 %, all "
            "pairs together).",
            "Agreement of the resampled rankings with this one (Kendall's tau, median and "
            f"2.5 % quantile): {', '.join(_agreement(study, one) for one in known.values())}.",
            *([f"Not ranked: {left}."] if left else []),
        ),
        records=[*_rank_records(known)],
        inner="Value",
    )


def _known(found: Compared) -> dict[str, Ranking]:
    return {name: one for name, one in (found.rankings or {}).items() if one.rows}


def _agreement(study: Study, one: Ranking) -> str:
    return f"{dataset_title(study, one.dataset)} {_tau(one.tau)} and {_tau(one.tau_low)}"


def _tau(value: float) -> str:
    return number(value, 2).replace("-", "−")


def _rank_cells(known: Mapping[str, Ranking], key: str) -> Iterator[Cell]:
    for one in known.values():
        row = next((row for row in one.rows if row.key == key), None)
        if row is None:
            yield from (missing(),) * 3
            continue
        yield Cell(f"{row.rank:g}", f"{row.low:g} to {row.high:g}", row.rank)
        yield Cell(probability(row.shares[0]), sort=row.shares[0])
        yield Cell(row.letters, sort=row.letters)


def _rank_records(known: Mapping[str, Ranking]) -> Iterator[Mapping[str, Any]]:
    for name, one in known.items():
        for row in one.rows:
            keys = ("key", "title", "score", "rank", "low", "high", "first", "last")
            yield {
                "dataset": name,
                **{key: getattr(row, key) for key in keys},
                "ties": row.letters,
                "shares": " ".join(f"{share:.6f}" for share in row.shares),
                "tau": one.tau,
                "tau_low": one.tau_low,
            }


def stability_grid(study: Study, found: Stability) -> Grid:
    """The rank of every row under other metrics and other ways to average."""
    marks = Marks()
    lines = [
        Line(
            title,
            (
                *(_rank(variant.ranks[i : i + 1]) for variant in found.variants),
                _rank(found.best[i : i + 1]),
                _rank(found.worst[i : i + 1]),
            ),
            marks.of(_notes(study, key)),
        )
        for i, (key, title) in enumerate(zip(found.keys, found.titles, strict=True))
    ]
    taus = [Cell(_tau(each.tau), sort=each.tau) for each in found.variants]
    agree = Line("Kendall's tau with the first column", (*taus, Cell(NONE), Cell(NONE)))
    why = [f"{each.label}: {each.why}." for each in found.variants if each.why]
    left = "; ".join(f"{title}: {text}" for title, text in found.excluded)
    return Grid(
        name="stability",
        of=study.mix.title,
        title="Ranks under other metrics and other averages",
        head="Method",
        columns=(
            *(Column(_aggregation(each), _metric(each.column)) for each in found.variants),
            *(Column(label, "Of all") for label in ("Best", "Worst")),
        ),
        blocks=(Block("", tuple(lines)), Block("", (agree,))) if lines else (),
        notes=marks.notes(),
        remarks=(
            "The first column is the ranking of the main table. If ranks differ between "
            "columns, the order depends on the metric or on the average.",
            *why,
            *([f"Not ranked: {left}."] if left else []),
        ),
        inner="Average",
        outer="Metric",
    )


def _metric(column: str) -> str:
    return METRICS[column].title if column in METRICS else column


def _aggregation(variant: Variant) -> str:
    """The label of a variant without its column, which stands above it."""
    return variant.label.removeprefix(f"{variant.column}, ")


def _rank(value: Sequence[float]) -> Cell:
    if not value or math.isnan(value[0]):
        return missing()
    return Cell(f"{value[0]:g}", sort=value[0])


def ranks_figure(study: Study, found: Compared) -> Figure | None:
    """How often each row takes each rank, a panel a test set."""
    known = _known(found)
    if not known:
        return None
    every = max(len(one.rows) for one in known.values())
    methods = min(every, PLOTTED)
    longest = max(len(row.title) for one in known.values() for row in one.rows)
    columns = min(3 if longest < 26 else 2, len(known))  # every panel names its rows
    rows = math.ceil(len(known) / columns)
    with canvas_of((9.2, 0.4 + rows * (0.9 + 0.28 * methods))) as canvas:
        axes = axes_of(canvas, len(known), columns)
        for ax, (name, one) in zip(axes, known.items(), strict=False):
            _panel(ax, heading(dataset_title(study, name), columns), one.rows)
        canvas.supxlabel("Rank by DSC", fontsize=9)
        svg = svg_of(canvas, "ranks")
    return Figure(
        name="ranks",
        title="How often each method takes each rank",
        caption=f"{RANGES if methods < every else DOTS} Blue: not distinguishable from the first. "
        f"Orange: distinguishable from it.{left_out(methods, every, BEST_OF_EACH)}",
        alt=f"Dot plots of rank distributions of {methods} methods on {len(known)} panels"
        f"{', with bars that join tied methods' if methods == every else ''}."
        " The table of ranks holds the numbers.",
        svg=svg,
        records=[*_rank_records(known)],
    )


def _panel(ax: "Axes", title: str, ranked: Sequence[RowRank]) -> None:
    ax.set_title(title, loc="left")
    rows = ranked[:PLOTTED]
    n = len(rows)
    ax.set_yticks(range(n), [wrapped(row.title) for row in rows])
    ax.set_ylim(n - 0.4, -0.6)
    tied = {tie for row in rows for tie in row.ties}
    cut = n < len(ranked)  # then ranges take the place of dots, and of bars, which would be many
    bars = [k for k in sorted(tied) if sum(k in row.ties for row in rows) > 1 and not cut]
    # of many rows, some that are shown take ranks beyond the number of those shown
    last = max(n, *(int(row.high) for row in rows)) if cut else n
    ax.set_xlim(0.2, last + 1.1 + BAR * max(1, len(bars)))
    ax.set_xticks(range(1, last + 1, max(1, last // 5)))
    ax.tick_params(axis="y", length=0)
    for y, row in enumerate(rows):
        colour = COLOURS[0 if set(row.ties) & set(rows[0].ties) else 1]
        if cut:
            ax.plot([row.low, row.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
            ax.plot([row.rank], [y], "o", color=colour, ms=4.5)
        for rank, share in enumerate(() if cut else row.shares, 1):
            if share >= 0.005:
                ax.plot([rank], [y], "o", color=colour, ms=13 * math.sqrt(share), mew=0)
    for place, tie in enumerate(bars):
        members = [y for y, row in enumerate(rows) if tie in row.ties]
        ax.plot(
            [last + 1.1 + BAR * place] * len(members), members, "o-", color="#777777", lw=1.5, ms=3
        )
