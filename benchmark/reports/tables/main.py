"""The tables of scores: one row a method, one column a test set and metric."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmark.reports.study import GROUPS, HEADLINE, RANKED, Study
from benchmark.reports.tables.cells import plus_minus
from benchmark.reports.tables.grid import (
    MISSING,
    NONE,
    Block,
    Cell,
    Column,
    Grid,
    Line,
    Marks,
    number,
)
from benchmark.statistics.intervals import MEAN, Score
from benchmark.statistics.table import Entry


@dataclass(frozen=True)
class Metric:
    """How a column of scores is printed.

    Attributes:
        up: larger is better.
    """

    column: str
    title: str
    up: bool
    digits: int = 3

    @property
    def label(self) -> str:
        """The heading of its column."""
        return f"{self.title} {'↑' if self.up else '↓'}"


DSC, IOU, MAE = (
    Metric("dsc", "DSC", True),
    Metric("iou", "IoU", True),
    Metric("mae", "MAE", False),
)
MAIN = (DSC, IOU, MAE)
ERRORS = (
    Metric("sensitivity", "Sensitivity", True),
    Metric("precision", "Precision", True),
    Metric("hd95_px", "HD95 (px)", False, 1),
    Metric("assd_px", "ASSD (px)", False, 2),
)
WHOLE = "missing: a planned run is not there. Nothing is averaged over fewer seeds than planned."
ALONE = (
    "These networks saw one modality in training, which their note names; on the others they show"
    " what they never learnt. They are not ranked, and not averaged over modalities."
)
BEST = "Best bold, second underlined, within a block and as printed."


def main_grid(study: Study, groups: Sequence[str] = HEADLINE, name: str = "main") -> Grid:
    """DSC, IoU and MAE of some groups of methods, test set by test set."""
    return _score_grid(study, groups, MAIN, (name, "DSC, IoU, MAE"))


def headline_grid(study: Study) -> Grid:
    """DSC alone: the table that fits into a README."""
    return _score_grid(study, HEADLINE, (DSC,), ("headline", "DSC"))


def errors_grid(study: Study) -> Grid:
    """Sensitivity, precision and boundary distances."""
    title = "Sensitivity, precision, boundary distances"
    return _score_grid(study, HEADLINE, ERRORS, ("errors", title))


def block_title(entry: Entry) -> str:
    """The block that a row stands in: prompted rows never stand among the others."""
    if entry.group == "main" and entry.prompt != "none":
        return GROUPS["prompted"]
    apart = ", prompted" if entry.group != "prompted" and entry.prompt != "none" else ""
    return GROUPS[entry.group] + apart


def blocks_of(study: Study, groups: Sequence[str]) -> dict[str, list[Entry]]:
    """The rows of some groups, block by block."""
    blocks: dict[str, list[Entry]] = {}
    for entry in study.table.rows(groups):
        blocks.setdefault(block_title(entry), []).append(entry)
    order = [t for g in GROUPS for t in (GROUPS[g], f"{GROUPS[g]}, prompted")]
    return {title: blocks[title] for title in order if title in blocks}


def columns_of(study: Study) -> list[tuple[str, str]]:
    """Test sets with their headings, and the mean over modalities where there are several."""
    found = []
    for each in study.table.sets:
        about = [study.modality(each)] if study.modality(each) else []
        if each.cases:
            about.append(f"n = {len(each.cases)}")
        if len(set(each.groups)) < len(each.cases):
            about.append(f"{len(set(each.groups))} groups")
        title = study.set_title(each.name)
        found.append((each.name, f"{title} ({', '.join(about)})" if about else title))
    return [*found, (MEAN, MEAN.capitalize())] if len(found) > 1 else found


def _places(study: Study, groups: Sequence[str]) -> list[tuple[str, str]]:
    """The columns of some groups: rows trained on one modality have no mean over modalities."""
    found = columns_of(study)
    return [place for place in found if place[0] != MEAN] if "single" in groups else found


def _score_grid(
    study: Study, groups: Sequence[str], metrics: Sequence[Metric], named: tuple[str, str]
) -> Grid:
    marks, places = Marks(), _places(study, groups)
    blocks = []
    for title, entries in blocks_of(study, groups).items():
        ranked = any(entry.group in RANKED and entry.group != "single" for entry in entries)
        columns = [
            _column(study, entries, (place, m), ranked) for place, _ in places for m in metrics
        ]
        rows = zip(entries, zip(*columns, strict=True), strict=True)
        lines = [Line(e.title, cells, marks.of(study.notes(e))) for e, cells in rows]
        blocks.append(Block(title, tuple(lines)))
    return Grid(
        name=named[0],
        of=study.mix.title,
        title=named[1],
        head="Method",
        columns=tuple(Column(m.label, heading) for _, heading in places for m in metrics),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=_remarks(study, groups, blocks),
        records=[*_records(study, groups, metrics)],
    )


def _column(
    study: Study, entries: Sequence[Entry], at: tuple[str, Metric], ranked: bool
) -> list[Cell]:
    """One column of a block, with the method interval of each cell below that over cases."""
    place, metric = at
    keys = [(entry.key, place, metric.column) for entry in entries]
    cells = score_cells([study.cells.get(key) for key in keys], metric, ranked)
    told = [
        (_of_draws(study, e, at), _of_method(study, (e.key, place, metric.column), metric))
        for e in entries
    ]
    return [
        replace(cell, sub="\n".join(filter(None, (cell.sub, *more))))
        for more, cell in zip(told, cells, strict=True)
    ]


def draw_sd(study: Study, entry: Entry, at: tuple[str, Metric]) -> float:
    """Standard deviation over prompt draws of a set's mean, a mean over seeds; NaN for one draw."""
    place, metric = at
    if place == MEAN:
        return math.nan
    scores = study.table.scores_of(entry, place) or []
    found = [s.draw_sd.get(metric.column, math.nan) for s in scores]
    return sum(found) / len(found) if found else math.nan


def _of_draws(study: Study, entry: Entry, at: tuple[str, Metric]) -> str:
    spread = draw_sd(study, entry, at)
    return "" if math.isnan(spread) else f"± {number(spread, at[1].digits)} over prompt draws"


def _of_method(study: Study, key: tuple[str, str, str], metric: Metric) -> str:
    found = study.methods.get(key)
    if found is None or math.isnan(found.low):
        return ""
    low, high = (number(x, metric.digits).replace("-", "−") for x in (found.low, found.high))
    return f"⟨{low}, {high}⟩"


def score_cells(found: Sequence[Score | None], metric: Metric, ranked: bool) -> list[Cell]:
    """One column of a block, with the best and the second marked where rows are ranked."""
    printed = [number(s.mean, metric.digits) if s else NONE for s in found]
    values = {float(text) for text in printed if text != NONE}
    best = sorted(values, reverse=metric.up)[:2] if ranked and len(values) > 1 else []
    ranks = {f"{value:.{metric.digits}f}": place for place, value in enumerate(best, 1)}
    return [
        _cell(s, metric, ranks.get(text, 0)) if s else Cell(MISSING, kind="hole")
        for s, text in zip(found, printed, strict=True)
    ]


def _cell(score: Score, metric: Metric, rank: int) -> Cell:
    if math.isnan(score.mean):
        return Cell(NONE, "undefined")
    text = plus_minus(score.mean, score.seed_sd, metric.digits)
    sub = [] if math.isnan(score.low) else [interval(score, metric.digits)]
    if score.undefined:
        sub.append(f"{score.undefined} of {score.cases * len(score.seed_means)} undefined")
    return Cell(text, "; ".join(sub), score.mean, rank)


def interval(score: Score, digits: int) -> str:
    """The interval of a score for reading."""
    return f"[{number(score.low, digits)}, {number(score.high, digits)}]"


def _remarks(study: Study, groups: Sequence[str], blocks: Iterable[Block]) -> tuple[str, ...]:
    holes = any(cell.kind == "hole" for b in blocks for line in b.lines for cell in line.cells)
    how = (
        "Mean over seeds ± standard deviation over seeds; below it the 95 % bootstrap interval over"
        f" cases (BCa, {study.resamples:,} resamples; whole groups where cases form groups): other"
        " cases for these trained networks. In ⟨ ⟩ the 95 % interval of the method, over trainings"
        " and cases together (crossed-variance t); none below three seeds."
    )
    ranks = ALONE if "single" in groups else f"{BEST} Controls are not ranked."
    return (how, ranks, *([WHOLE] if holes else []), _empties(study, groups))


def _empties(study: Study, groups: Sequence[str]) -> str:
    """How many masks were empty: by convention they score 1 or 0."""
    both = one = rows = 0
    for entry in study.table.rows([group for group in groups if group in RANKED]):
        for run in study.table.runs_of(entry):
            for scores in run.scores.values():
                both, one, rows = (
                    both + scores.both_empty,
                    one + scores.one_empty,
                    rows + scores.rows,
                )
    return (
        f"Of {rows:,} scored predictions of methods, {both:,} were empty like their reference"
        f" (scored 1) and {one:,} were empty where the reference is not, or the other way round"
        " (scored 0)."
    )


def _records(
    study: Study, groups: Sequence[str], metrics: Sequence[Metric]
) -> Iterable[Mapping[str, Any]]:
    for title, entries in blocks_of(study, groups).items():
        for entry in entries:
            for place, _ in _places(study, groups):
                for metric in metrics:
                    yield score_record(study, title, entry, (place, metric))


def trained_parameters(study: Study, entry: Entry) -> int | None:
    """Parameters that training changes, as counted at a run, or else on the card."""
    told = [run.record.get("parameters", {}) for run in study.table.runs_of(entry)]
    counts = [about.get("trainable") for about in (*told, study.card(entry).get("parameters", {}))]
    return next((int(count) for count in counts if count is not None), None)


def parameters_cell(study: Study, entry: Entry) -> Cell:
    """Parameters that training changes, in millions."""
    count = trained_parameters(study, entry)
    return Cell(MISSING, kind="hole") if count is None else Cell(f"{count / 1e6:,.3f}", sort=count)


def score_record(
    study: Study, block: str, entry: Entry, at: tuple[str, Metric]
) -> Mapping[str, Any]:
    """One score as columns of a CSV; `at` is a test set, or MEAN, and a metric."""
    place, metric = at
    score = study.cells.get((entry.key, place, metric.column))
    modality = {each.name: study.modality(each) for each in study.table.sets}.get(place, "")
    numbers: dict[str, Any] = dict.fromkeys(
        ("mean", "seed_sd", "low", "high", "cases", "groups", "undefined"), ""
    )
    if score:
        numbers = {key: getattr(score, key) for key in numbers}
    empty = study.table.scores_of(entry, place) if score and place != MEAN else None
    method = study.methods.get((entry.key, place, metric.column))
    spread = draw_sd(study, entry, at)
    return {
        "block": block,
        "method": entry.name,
        "title": entry.title,
        "dataset": place,
        "modality": modality,
        "metric": metric.column,
        "status": "ok" if score else MISSING,
        **numbers,
        "method_low": method.low if method else "",
        "method_high": method.high if method else "",
        "method_df": method.df if method else "",
        "both_empty": "" if empty is None else sum(s.both_empty for s in empty),
        "one_empty": "" if empty is None else sum(s.one_empty for s in empty),
        "seeds_done": len(study.table.runs_of(entry)),
        "seeds_planned": len(entry.seeds),
        "draw_sd": "" if math.isnan(spread) else spread,
        "notes": "; ".join(study.notes(entry)),
    }
