"""Figures as SVG with text as text, each with the numbers that it plots."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from benchmark.reports.figures.chosen import left_out, plotted
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
)
from benchmark.reports.figures.history import by_epoch, read_history
from benchmark.reports.study import Study
from benchmark.reports.tables.main import is_prompted, rows_of
from benchmark.statistics.intervals import MEAN, Score
from benchmark.statistics.results import RANKED
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def scores_figure(study: Study) -> Figure | None:
    """DSC of every method by test set: mean, interval over cases, and every seed."""
    entries = rows_of(study, ("main", "prompted"))
    apart = {entry.key for entry in entries if study.stands_apart(entry)}
    sets = [(each.name, study.set_title(each.name)) for each in study.table.sets]
    sets += [(MEAN, MEAN.capitalize())] if len(sets) > 1 else []
    cells = {
        (e.key, name): study.cells.get((e.key, name, "dsc")) for e in entries for name, _ in sets
    }
    if not any(cells.values()):
        return None
    columns = min(3, len(sets))
    scored = [e for e in entries if any(cells[e.key, name] for name, _ in sets)]
    rows, shown = math.ceil(len(sets) / columns), plotted(study, scored)
    with canvas_of((9.2, rows * (0.85 + 0.24 * len(shown)))) as canvas:
        axes = axes_of(canvas, len(sets), columns, sharey=True)
        for ax, (name, title) in zip(axes, sets, strict=False):
            here = [cells[entry.key, name] for entry in shown]
            _dots(ax, heading(title, columns), here, shown, apart=apart)
        svg = svg_of(canvas, "scores")
    return Figure(
        name="scores",
        title="DSC by test set",
        caption="Dot: mean over seeds. Line: 95 % interval over cases. Ticks: the seeds. Blue:"
        f" unprompted; vermilion: prompted.{hollow_note(apart)} The axes differ between panels."
        f"{left_out(len(shown), len(scored))}{_unscored(len(entries) - len(scored))}",
        alt=f"Dot plot of the DSC of {len(shown)} methods on {len(sets)} panels: mean over seeds,"
        " 95 % interval over cases, and each seed as a small tick. The main table holds the same"
        " numbers.",
        svg=svg,
        records=[*_score_records(entries, sets, cells)],
    )


def _unscored(count: int) -> str:
    """The sentence on rows that no panel can show; empty where there is none."""
    rows = (
        "1 method has no result and is" if count == 1 else f"{count} methods have no result and are"
    )
    return f" {rows} not shown." if count else ""


def hollow_note(apart: Collection[str]) -> str:
    """What a hollow mark means; empty where there is none."""
    return " Hollow: random initialisation, not ranked." if apart else ""


def _dots(
    ax: "Axes",
    title: str,
    scores: Sequence[Score | None],
    entries: Sequence[Entry],
    *,
    apart: Collection[str],
) -> None:
    ax.set_title(title, loc="left")
    ax.set_yticks(range(len(entries)), [entry.title for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    for y, (score, entry) in enumerate(zip(scores, entries, strict=True)):
        if score is None or math.isnan(score.mean):
            ax.text(
                0.02, y, "missing", transform=ax.get_yaxis_transform(), va="center", style="italic"
            )
            continue
        colour = COLOURS[1 if is_prompted(entry) else 0]
        face = "none" if entry.key in apart else colour
        ax.plot([score.low, score.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
        ax.plot(score.seed_means, [y] * len(score.seed_means), "|", color=colour, ms=9, mew=0.8)
        ax.plot([score.mean], [y], "o", color=colour, mfc=face, ms=4.5)


def _score_records(
    entries: Sequence[Entry],
    sets: Sequence[tuple[str, str]],
    cells: Mapping[tuple[str, str], Score | None],
) -> Iterator[Mapping[str, Any]]:
    for entry in entries:
        for name, _ in sets:
            score = cells[entry.key, name]
            yield {
                "method": entry.name,
                "title": entry.title,
                "dataset": name,
                "dsc": score.mean if score else "",
                "low": score.low if score else "",
                "high": score.high if score else "",
                "seeds": " ".join(f"{value:.6f}" for value in score.seed_means) if score else "",
            }


def training_figure(study: Study) -> Figure | None:
    """Loss by epoch, a panel a method: every seed thin, their mean thick; None for one epoch."""
    curves = {
        entry: {
            run.seed: losses
            for run in study.table.runs_of(entry)
            if (losses := _losses(study, run))
        }
        for entry in study.table.rows(RANKED)
    }
    curves = {entry: seeds for entry, seeds in curves.items() if seeds}
    if all(len(losses) < 2 for seeds in curves.values() for losses in seeds.values()):
        return None  # one epoch is no course
    shown = {entry: curves[entry] for entry in plotted(study, [*curves])}
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    with canvas_of((9.2, 2.3 * rows)) as canvas:
        axes = axes_of(canvas, len(shown), columns, sharex=True)
        for ax, colour, (entry, seeds) in zip(axes, cycle(COLOURS), shown.items(), strict=False):
            _curves(ax, heading(entry.title, columns), seeds, colour)
        canvas.supxlabel("Epoch", fontsize=9)
        canvas.supylabel("Training loss", fontsize=9)
        svg = svg_of(canvas, "training")
    return Figure(
        name="training",
        title="Training loss by epoch",
        caption="Thin: single seeds. Thick: their mean. Methods may minimise different losses, "
        f"so do not compare heights between panels.{left_out(len(shown), len(curves))}",
        alt=f"Line plots of the training loss, one panel for each of {len(shown)} methods: every"
        " seed as a thin line, their mean as a thick one.",
        svg=svg,
        records=[
            {"method": e.name, "title": e.title, "seed": seed, "epoch": epoch, "loss": loss}
            for e, seeds in curves.items()
            for seed, losses in seeds.items()
            for epoch, loss in losses.items()
        ],
    )


def _losses(study: Study, run: Any) -> dict[int, float]:
    return by_epoch(read_history(study.run_folder(run) / "history.csv"))


def _curves(ax: "Axes", title: str, seeds: Mapping[int, Mapping[int, float]], colour: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    marker = "o" if max(len(losses) for losses in seeds.values()) == 1 else ""
    for losses in seeds.values():
        ax.plot([*losses], [*losses.values()], marker=marker, color=colour, lw=0.8, alpha=0.55)
    common = sorted(set.intersection(*(set(losses) for losses in seeds.values())))
    mean = [sum(losses[epoch] for losses in seeds.values()) / len(seeds) for epoch in common]
    ax.plot(common, mean, marker=marker, color=colour, lw=2.2)
