"""The focus method beside every other main row, test set by test set: how sure a difference is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark.core.text import percent
from benchmark.reports.figures.chosen import left_out, plotted
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
)
from benchmark.reports.study import Study, missing_notes
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.compared import Compared, stands_in
from benchmark.reports.tables.grid import (
    MISSING,
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
from benchmark.reports.tables.main import apart_remark
from benchmark.statistics.compare import ALPHA, Comparison
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.signed_rank import ROPE
from benchmark.statistics.wilcoxon import COMMON_PRACTICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGHEST = "those of the highest DSC"
COLUMNS = (
    Column("Difference ↑"),
    Column("Verdict", numeric=False),
    Column("p (Holm)"),
    Column("Effect size"),
    Column("Cases won"),
    Column("False claim"),
    Column("False claim, cases alone"),
    Column("Wilcoxon p (common practice)"),
)
HOW = (
    "Difference of DSC, the focus minus the row, with its 95 % interval over trainings and "
    "cases together (crossed-variance t, Satterthwaite). p: of the same t, with Holm's "
    f"correction over all rows of a test set; a verdict needs p below {ALPHA:g}.",
    "Effect size: the difference divided by the standard deviation of the differences over "
    "cases. Cases won: the share of cases on which the focus is better; ties count half. "
    "False claim: the probability that the true order is the reverse of the one seen. From "
    "cases alone it ignores that another training gives other scores.",
    f"Wilcoxon: {COMMON_PRACTICE} Below it are the smallest and the largest p over pairs of "
    "single runs.",
)
NUMBERS = ("value", "low", "high", "se", "df", "t", "p", "p_holm", "effect", "wins", "false_claim",
           "false_claim_cases")  # fmt: skip


def dataset_title(study: Study, dataset: str) -> str:
    """The name of a test set, or of the mean over them."""
    return dataset.capitalize() if dataset == MEAN else study.set_title(dataset)


def comparisons_grid(study: Study, found: Compared) -> Grid:
    """A block a test set, a line a row that the focus is compared with."""
    marks = Marks()
    first = replace(COLUMNS[0], marks=marks.of(notes_of_focus(study, found)))
    blocks: dict[str, list[Line]] = {}
    for one in found.comparisons:
        notes = [*study.notes(one.other), *_why(study, one)]
        line = Line(one.other.title, _cells(one), marks.of(notes))
        blocks.setdefault(dataset_title(study, one.dataset), []).append(line)
    title = found.focus.title if found.focus else ""
    instead = stands_in(study, found.focus) if found.focus else ""
    return Grid(
        name="comparisons",
        of=study.mix.title,
        title=f"{title} minus each other method of the main block" if title else "Comparisons",
        head="Compared with",
        columns=(first, *COLUMNS[1:]),
        blocks=tuple(Block(name, tuple(lines)) for name, lines in blocks.items()),
        notes=marks.notes(),
        remarks=(*([instead] if instead else []), *apart_remark(study, ("main",)), *HOW),
        records=[_record(study, one) for one in found.comparisons],
    )


def notes_of_focus(study: Study, found: Compared) -> list[str]:
    """What a reader must know of the focus, which every difference is a part of."""
    if found.focus is None:
        return []
    return [f"{found.focus.title}: {note}" for note in study.notes(found.focus)]


def _why(study: Study, one: Comparison) -> Iterator[str]:
    """Why there is no number, or no claim; what the row itself lacks its own notes say."""
    for each in one.missing:
        if each.entry != one.other or not each.runs:
            why = "; ".join(missing_notes(study, each.runs)) or each.why
            yield f"no difference: {each.entry.title}: {why}"
    if one.why and not one.missing:
        yield one.why


def _cells(one: Comparison) -> tuple[Cell, ...]:
    if one.verdict == "missing":
        return (missing(),) * len(COLUMNS)
    limits = "" if math.isnan(one.low) else f"[{signed(one.low)}, {signed(one.high)}]"
    return (
        Cell(signed(one.value), limits, one.value),
        Cell(one.verdict, sort=one.verdict, kind=_kind(one)),
        _number(one.p_holm, probability(one.p_holm)),
        _number(one.effect, signed(one.effect, 2)),
        _number(one.wins, NONE if math.isnan(one.wins) else percent(one.wins)),
        _number(one.false_claim, probability(one.false_claim)),
        _number(one.false_claim_cases, probability(one.false_claim_cases)),
        _wilcoxon(one),
    )


def _kind(one: Comparison) -> Any:
    return {"better": "good", "worse": "bad", "no claim": "missing"}.get(one.verdict, "")


def _number(value: float, text: str) -> Cell:
    return Cell(text, sort=None if math.isnan(value) else value)


def _wilcoxon(one: Comparison) -> Cell:
    if one.wilcoxon is None:
        return Cell(NONE)
    low, high = probability(one.wilcoxon.p_low), probability(one.wilcoxon.p_high)
    return Cell(probability(one.wilcoxon.p), f"{low} to {high}", one.wilcoxon.p)


def probability(value: float) -> str:
    """A probability for reading."""
    return "< 0.001" if value < 0.001 else number(value, 3)


def _record(study: Study, one: Comparison) -> Mapping[str, Any]:
    paired = one.wilcoxon
    return {
        "focus": one.focus.name,
        "other": one.other.name,
        "title": one.other.title,
        "dataset": one.dataset,
        "column": one.column,
        "verdict": one.verdict,
        **{name: getattr(one, name) for name in NUMBERS},
        "wilcoxon_p": paired.p if paired else "",
        "wilcoxon_p_low": paired.p_low if paired else "",
        "wilcoxon_p_high": paired.p_high if paired else "",
        "cases": one.cases,
        "groups": one.groups,
        "seeds_focus": one.seeds[0],
        "seeds_other": one.seeds[1],
        "notes": "; ".join([*study.notes(one.other), *_why(study, one)]),
    }


def forest_figure(study: Study, found: Compared) -> Figure | None:
    """The differences with their intervals, a panel a test set."""
    shown = [one for one in found.comparisons if not math.isnan(one.value)]
    datasets = list(dict.fromkeys(one.dataset for one in found.comparisons))
    if not shown or found.focus is None:
        return None
    columns = min(3, len(datasets))
    rows = math.ceil(len(datasets) / columns)
    others = plotted(study, found.others)
    with canvas_of((9.2, 0.4 + rows * (0.85 + 0.24 * len(others)))) as canvas:
        axes = axes_of(canvas, len(datasets), columns, sharey=True)
        for ax, dataset in zip(axes, datasets, strict=False):
            here = [o for o in found.comparisons if o.dataset == dataset and o.other in others]
            _panel(ax, heading(dataset_title(study, dataset), columns), here)
        label = f"DSC of {found.focus.title} minus DSC of the row"
        canvas.supxlabel(label, fontsize=9)
        svg = svg_of(canvas, "forest")
    return Figure(
        name="forest",
        title=f"{found.focus.title} minus each other method",
        caption="Line: 95 % interval over trainings and cases. Filled dot: significant after "
        "Holm's correction, blue for better and vermilion for worse. Hollow dot: "
        "undecided. Cross without a line: no claim. Grey band: a difference of at most "
        f"{ROPE:g}.{left_out(len(others), len(found.others), HIGHEST)}",
        alt=f"Forest plot: the difference of DSC between {found.focus.title} and"
        f" {len(others)} other methods on {len(datasets)} panels, with intervals. The table"
        " below holds the numbers.",
        svg=svg,
        records=[_record(study, one) for one in found.comparisons],
    )


def _panel(ax: "Axes", title: str, found: Sequence[Comparison]) -> None:
    ax.set_title(title, loc="left")
    ax.axvspan(-ROPE, ROPE, color="#888888", alpha=0.18, lw=0)
    ax.axvline(0, color="#888888", lw=0.9)
    ax.set_yticks(range(len(found)), [one.other.title for one in found])
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)
    for y, one in enumerate(found):
        colour = {"better": COLOURS[0], "worse": COLOURS[1]}.get(one.verdict, "#777777")
        if math.isnan(one.value):
            ax.text(0.02, y, MISSING, transform=ax.get_yaxis_transform(), va="center",
                    style="italic")  # fmt: skip
            continue
        if not math.isnan(one.low):
            ax.plot([one.low, one.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
        claimed, none = one.verdict in ("better", "worse"), one.verdict == "no claim"
        face = colour if claimed else "none"
        ax.plot([one.value], [y], "x" if none else "o", color=colour, mfc=face, ms=5)
