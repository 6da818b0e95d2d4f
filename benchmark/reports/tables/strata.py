"""The same scores by the share of the image that the reference covers: small lesions apart."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.reports.figures.drawing import COLOURS, Figure, canvas_of, heading, svg_of
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import MISSING, Block, Column, Grid, Line, Marks
from benchmark.reports.tables.main import BEST, DSC, WHOLE, block_title, blocks_of, score_cells
from benchmark.statistics.intervals import Score, scores
from benchmark.statistics.scores import Array, SetScores
from benchmark.statistics.table import Entry, Run, ScoreTable, TestSet

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
    Stratum("under 2 %", 0.0, 0.02, "v"),
    Stratum("2 to 10 %", 0.02, 0.1, "o"),
    Stratum("10 % and over", 0.1, math.inf, "s"),
)
HOW = (
    "By the share of the image that the reference covers, empty references among the smallest; the"
    " bounds are the same for every dataset."
)


@dataclass(frozen=True)
class Split:
    """The test sets cut by size.

    Attributes:
        places: test set, stratum and number of cases of what holds any.
        cells: the scores of each, by (entry key, name of the place, column).
    """

    places: tuple[tuple[str, Stratum, int], ...]
    cells: Cells


def split(study: Study) -> Split:
    """Cuts every test set by size, and scores the parts."""
    entries, parts, places = study.table.rows(GROUPS), [], []
    for each in study.table.sets:
        share = _share(study.table, entries, each.name)
        if share is None:
            continue
        for stratum in STRATA:
            index = np.flatnonzero((share >= stratum.low) & (share < stratum.high))
            if len(index):
                parts.append((each, stratum, index))
                places.append((each.name, stratum, len(index)))
    if not parts:
        return Split((), {})
    cells = scores(_cut(study.table, entries, parts), [DSC.column], study.resamples)
    return Split(tuple(places), cells)


def _share(table: ScoreTable, entries: Sequence[Entry], dataset: str) -> Array | None:
    """What the reference of each case covers: the same in every run."""
    found = (table.values(entry, dataset, SHARE) for entry in entries)
    return next((values[0] for values in found if values is not None), None)


def _name(dataset: str, stratum: Stratum) -> str:
    return f"{dataset}, {stratum.label}"


def _cut(
    table: ScoreTable, entries: Sequence[Entry], parts: Sequence[tuple[TestSet, Stratum, Array]]
) -> ScoreTable:
    """The table with a test set for each part."""
    sets = [
        TestSet(
            _name(each.name, stratum),
            each.modality,
            tuple(each.cases[i] for i in index),
            tuple(each.groups[i] for i in index),
        )
        for each, stratum, index in parts
    ]
    holes = [h for h in table.holes if not h.dataset]
    holes += [
        replace(hole, dataset=_name(each.name, stratum))
        for each, stratum, _ in parts
        for hole in table.holes
        if hole.dataset == each.name
    ]
    runs = {
        key: _cut_run(run, parts) for key, run in table.runs.items() if run.entry in set(entries)
    }
    return ScoreTable(tuple(sets), tuple(entries), runs, tuple(holes), (), ())


def _cut_run(run: Run, parts: Sequence[tuple[TestSet, Stratum, Array]]) -> Run:
    found = {}
    for each, stratum, index in parts:
        whole = run.scores.get(each.name)
        if whole is None or whole.cases != each.cases:
            continue  # a hole of the whole set, and so of its parts
        found[_name(each.name, stratum)] = SetScores(
            modality=whole.modality,
            cases=tuple(whole.cases[i] for i in index),
            groups=tuple(whole.groups[i] for i in index),
            values={DSC.column: whole.values[DSC.column][index]},
            both_empty=0,
            one_empty=0,
            rows=len(index),
        )
    return replace(run, scores=found)


def strata_grid(study: Study, parts: Split) -> Grid:
    """DSC of every method by test set and size of the reference."""
    marks, blocks = Marks(), []
    for title, entries in blocks_of(study, GROUPS).items():
        columns = [
            score_cells([_score(parts, e, name, stratum) for e in entries], DSC, ranked=True)
            for name, stratum, _ in parts.places
        ]
        rows = zip(entries, zip(*columns, strict=True), strict=True) if columns else ()
        lines = [Line(e.title, cells, marks.of(study.notes(e))) for e, cells in rows]
        blocks.append(Block(title, tuple(lines)))
    holes = any(cell.kind == "hole" for b in blocks for line in b.lines for cell in line.cells)
    return Grid(
        name="strata",
        of=study.mix.title,
        title="DSC by size of the reference",
        head="Method",
        columns=tuple(
            Column(f"{stratum.label} (n = {n}) ↑", study.set_title(name))
            for name, stratum, n in parts.places
        ),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            HOW,
            f"Mean over seeds ± standard deviation over seeds, and the 95 % bootstrap interval over"
            f" cases. {BEST}",
            *([WHOLE] if holes else []),
        ),
        records=[*_records(study, parts)],
        inner="Size",
    )


def _score(parts: Split, entry: Entry, dataset: str, stratum: Stratum) -> Score | None:
    return parts.cells.get((entry.key, _name(dataset, stratum), DSC.column))


def _records(study: Study, parts: Split) -> Iterator[Mapping[str, Any]]:
    for entry in study.table.rows(GROUPS):
        for name, stratum, n in parts.places:
            score = _score(parts, entry, name, stratum)
            keys = ("mean", "seed_sd", "low", "high")
            yield {
                "block": block_title(entry),
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


def strata_figure(study: Study, parts: Split) -> Figure | None:
    """DSC of every method by size of the reference, a panel a test set."""
    entries = [e for e in study.table.rows(GROUPS) if any(k[0] == e.key for k in parts.cells)]
    names = list(dict.fromkeys(name for name, *_ in parts.places))
    if not entries or not names:
        return None
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    with canvas_of((9.2, 0.5 + rows * (0.85 + 0.26 * len(entries)))) as canvas:
        axes = canvas.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for ax, name in zip(axes, names, strict=False):
            _panel(ax, study, parts, (name, entries))
        for ax in axes[len(names) :]:
            ax.set_axis_off()
        handles = {h.get_label(): h for ax in axes for h in ax.get_legend_handles_labels()[0]}
        shown = [handles[s.label] for s in STRATA if s.label in handles]
        canvas.legend(handles=shown, loc="outside upper left", ncols=3, frameon=False)
        svg = svg_of(canvas, "strata")
    return Figure(
        name="strata",
        title="DSC by size of the reference",
        caption=f"Mean over seeds, with the 95 % interval over cases. {HOW}",
        alt=f"Dot plot of the DSC of {len(entries)} methods on {len(names)} panels, one a test"
        " set, with a mark for each size of the reference. The table below holds the numbers.",
        svg=svg,
        records=[*_records(study, parts)],
    )


def _panel(ax: "Axes", study: Study, parts: Split, of: tuple[str, Sequence[Entry]]) -> None:
    name, entries = of
    ax.set_title(heading(study.set_title(name), 2), loc="left")
    ax.set_yticks(range(len(entries)), [entry.title for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    for y, (one, other) in enumerate(itertools.pairwise(entries)):
        if one.group != other.group:
            ax.axhline(y + 0.5, color="#888888", lw=0.8)  # prompted below
    here = [stratum for dataset, stratum, _ in parts.places if dataset == name]
    for k, stratum in enumerate(STRATA):
        if stratum not in here:
            continue
        label = stratum.label
        for y, entry in enumerate(entries):
            score = _score(parts, entry, name, stratum)
            if score is None or math.isnan(score.mean):
                continue
            at = y + 0.22 * (k - 1)
            ax.plot([score.low, score.high], [at, at], color=COLOURS[k], lw=1.2)
            ax.plot([score.mean], [at], stratum.marker, color=COLOURS[k], ms=4.5, label=label)
            label = "_"
