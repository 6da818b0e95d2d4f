"""The same scores by the share of the image that the reference covers: small lesions apart."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmark.reports.figures.chosen import left_out, plotted
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    handles_of,
    heading,
    svg_of,
)
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import MISSING, Block, Column, Grid, Line, Marks
from benchmark.reports.tables.main import (
    BEST,
    apart_remark,
    block_title,
    blocks_of,
    missing_remarks,
    rows_of,
    score_cells,
)
from benchmark.statistics.intervals import Score, scores
from benchmark.statistics.schema import DSC, METRICS, Array
from benchmark.statistics.sizes import LARGE, MIDDLE
from benchmark.statistics.table import Entry, ScoreTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS = ("main", "prompted")
SHARE = "foreground"  # the column of scores.csv
Cells = Mapping[tuple[str, str, str], Score]


@dataclass(frozen=True)
class Stratum:
    """Cases whose reference covers at least `low` and less than `high` of the image."""

    label: str
    low: float
    high: float
    marker: str


STRATA = (
    Stratum("under 2 %", 0.0, MIDDLE, "v"),
    Stratum("2 to 10 %", MIDDLE, LARGE, "o"),
    Stratum("10 % and over", LARGE, math.inf, "s"),
)
HOW = (
    "Grouped by the share of the image that the reference covers; empty references are in "
    "the smallest group. The bounds are the same for every dataset."
)


@dataclass(frozen=True)
class SizeStrata:
    """The test sets cut by the size of the reference.

    Attributes:
        parts: test set, stratum and number of cases of what holds any.
        cells: the scores of each, by (entry key, name of the part, column).
    """

    parts: tuple[tuple[str, Stratum, int], ...]
    cells: Cells


def size_strata(study: Study) -> SizeStrata:
    """Cuts every test set by size, and scores the parts."""
    entries = study.table.rows(GROUPS)
    kept: dict[str, tuple[str, Array]] = {}
    parts = []
    for each in study.table.sets:
        share = _share(study.table, entries, each.name)
        if share is None:
            continue
        for stratum in STRATA:
            inside = (share >= stratum.low) & (share < stratum.high)
            if inside.any():
                kept[_name(each.name, stratum)] = (each.name, inside)
                parts.append((each.name, stratum, int(inside.sum())))
    if not parts:
        return SizeStrata((), {})
    table = replace(study.table, entries=tuple(entries)).parts(kept, [DSC])
    return SizeStrata(tuple(parts), scores(table, [DSC], study.params.resamples))


def _share(table: ScoreTable, entries: Sequence[Entry], dataset: str) -> Array | None:
    """What the reference of each case covers: the same in every run."""
    found = (table.values(entry, dataset, SHARE) for entry in entries)
    return next((values[0] for values in found if values is not None), None)


def _name(dataset: str, stratum: Stratum) -> str:
    return f"{dataset}, {stratum.label}"


def strata_grid(study: Study, strata: SizeStrata) -> Grid:
    """DSC of every method by test set and size of the reference."""
    marks, blocks = Marks(), []
    for block in blocks_of(study, GROUPS):
        columns = [
            score_cells(
                [_score(strata, entry, name, stratum) for entry in block.entries],
                METRICS[DSC],
                block.ranked,
            )
            for name, stratum, _ in strata.parts
        ]
        rows = zip(block.entries, zip(*columns, strict=True), strict=True) if columns else ()
        lines = [Line(e.title, cells, marks.of(study.notes(e))) for e, cells in rows]
        blocks.append(Block(block.title, tuple(lines)))
    return Grid(
        name="strata",
        of=study.mix.title,
        title="DSC by size of the reference",
        head="Method",
        columns=tuple(
            Column(f"{stratum.label} (n = {n}) ↑", study.set_title(name))
            for name, stratum, n in strata.parts
        ),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            HOW,
            f"Mean over seeds ± standard deviation over seeds, and the 95 % bootstrap interval over"
            f" cases. {BEST}",
            *apart_remark(study, GROUPS),
            *missing_remarks(blocks),
        ),
        records=[*_records(study, strata)],
        inner="Size",
    )


def _score(strata: SizeStrata, entry: Entry, dataset: str, stratum: Stratum) -> Score | None:
    return strata.cells.get((entry.key, _name(dataset, stratum), DSC))


def _records(study: Study, strata: SizeStrata) -> Iterator[Mapping[str, Any]]:
    for entry in rows_of(study, GROUPS):
        for name, stratum, n in strata.parts:
            score = _score(strata, entry, name, stratum)
            keys = ("mean", "seed_sd", "low", "high")
            yield {
                "block": block_title(study, entry),
                "method": entry.name,
                "title": entry.title,
                "dataset": name,
                "share_from": stratum.low,
                "share_below": min(stratum.high, 1.0),
                "cases": n,
                "status": "ok" if score else MISSING,
                **{key: getattr(score, key) if score else "" for key in keys},
                "notes": "; ".join(study.notes(entry)),
            }


def strata_figure(study: Study, strata: SizeStrata) -> Figure | None:
    """DSC of every method by size of the reference, a panel a test set."""
    entries = [e for e in rows_of(study, GROUPS) if any(k[0] == e.key for k in strata.cells)]
    names = list(dict.fromkeys(name for name, *_ in strata.parts))
    if not entries or not names:
        return None
    columns = min(2, len(names))
    rows, shown = math.ceil(len(names) / columns), plotted(study, entries)
    with canvas_of((9.2, 0.5 + rows * (0.85 + 0.26 * len(shown)))) as canvas:
        axes = axes_of(canvas, len(names), columns, sharey=True)
        for ax, name in zip(axes, names, strict=False):
            _panel(ax, study, strata, name, entries=shown)
        handles = handles_of(axes)
        named = [handles[s.label] for s in STRATA if s.label in handles]
        canvas.legend(handles=named, loc="outside upper left", ncols=3, frameon=False)
        svg = svg_of(canvas, "strata")
    return Figure(
        name="strata",
        title="DSC by size of the reference",
        caption=f"Mean over seeds, with the 95 % interval over cases. {HOW}"
        f"{left_out(len(shown), len(entries))}",
        alt=f"Dot plot of the DSC of {len(shown)} methods on {len(names)} panels, one a test"
        " set, with a mark for each size of the reference. The table below holds the numbers.",
        svg=svg,
        records=[*_records(study, strata)],
    )


def _panel(
    ax: "Axes", study: Study, strata: SizeStrata, name: str, *, entries: Sequence[Entry]
) -> None:
    ax.set_title(heading(study.set_title(name), 2), loc="left")
    ax.set_yticks(range(len(entries)), [entry.title for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    for y, (one, other) in enumerate(itertools.pairwise(entries)):
        if block_title(study, one) != block_title(study, other):
            ax.axhline(y + 0.5, color="#888888", lw=0.8)  # another block below
    here = [stratum for dataset, stratum, _ in strata.parts if dataset == name]
    for k, stratum in enumerate(STRATA):
        if stratum not in here:
            continue
        label = stratum.label
        for y, entry in enumerate(entries):
            score = _score(strata, entry, name, stratum)
            if score is None or math.isnan(score.mean):
                continue
            height = y + 0.22 * (k - 1)
            ax.plot([score.low, score.high], [height, height], color=COLOURS[k], lw=1.2)
            ax.plot([score.mean], [height], stratum.marker, color=COLOURS[k], ms=4.5, label=label)
            label = "_"
