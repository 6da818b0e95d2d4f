"""The tables of scores: one row a method, one column a test set and metric."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmark.reports.study import RANDOM, Study
from benchmark.reports.tables.cells import plus_minus
from benchmark.reports.tables.grid import (
    EDITED,
    MASKS_ONLY,
    MISSING,
    NONE,
    NOT_SCORED,
    Block,
    Cell,
    Column,
    Grid,
    Line,
    Marks,
    missing,
    number,
)
from benchmark.statistics.cardless import SUPPLIED, of_masks
from benchmark.statistics.intervals import MEAN, Score
from benchmark.statistics.method_level import CUT
from benchmark.statistics.results import GROUPS, HEADLINE, RANKED
from benchmark.statistics.schema import Metric, in_table
from benchmark.statistics.table import CONTROLS, Entry

INCOMPLETE = (
    "missing: a planned run has no result. Nothing is averaged over fewer seeds than planned."
)
UNSCORED = f"{NOT_SCORED}: the scores of a run are older than this metric; `mixseg score` adds it."
BINARY = (
    f"{MASKS_ONLY}: binary masks were supplied, but MAE needs probability maps. Supply maps "
    "of 8 or 16 bits to get it."
)
NOT_AS_WRITTEN = (
    f"{EDITED}: a file of a run has changed since it was written; the note names it. Nothing "
    "of the run is used, and the row is not ranked. Restore the file, or delete it and run "
    "its stage again. Digests find accidents, not forgery."
)
SINGLE_MODALITY = (
    "These networks were trained on one modality, which their note names; on the others they "
    "show what they never learnt. They are not ranked, and not averaged over modalities."
)
SUPPLIED_ROWS = (
    "The files of these rows were made elsewhere, and scored here like all others. We did "
    "not see the training: its data, its recipe, and whether the test set chose anything. "
    "The rows are not ranked."
)
BEST = "Within each block the best value is bold and the second best underlined, after rounding."
APART = (
    f"{RANDOM}: these rows started from random weights, either because they have no pretrained"
    " ones or because those were not at hand. They are not ranked, and not compared with rows that"
    " started from pretrained weights."
)


@dataclass(frozen=True)
class RowBlock:
    """Rows that stand together in tables, and may be compared with each other.

    Attributes:
        ranked: whether the best of them is marked.
    """

    title: str
    entries: tuple[Entry, ...]
    ranked: bool


def main_grid(study: Study, groups: Sequence[str] = HEADLINE, name: str = "main") -> Grid:
    """The main metrics of some groups of methods, test set by test set."""
    metrics = in_table("main")
    title = ", ".join(metric.title for metric in metrics)
    return _score_grid(study, groups, metrics, name=name, title=title)


def errors_grid(study: Study) -> Grid:
    """The metrics that tell kinds of error apart."""
    metrics = in_table("errors")
    title = ", ".join(metric.title for metric in metrics)
    made = _score_grid(study, HEADLINE, metrics, name="errors", title=title)
    said = (metric.how for metric in metrics if metric.how)
    return replace(made, remarks=(*made.remarks, *said))


def is_prompted(entry: Entry) -> bool:
    """Whether a row is shown a prompt at test time."""
    return entry.prompt != "none"


def block_title(study: Study, entry: Entry) -> str:
    """The block of a row: prompted rows, and rows from random weights, stand apart."""
    group, apart = entry.group, study.stands_apart(entry)
    if group == "main" and is_prompted(entry):
        group = "prompted"
    if group == "main" and apart:
        return RANDOM
    prompted = ", prompted" if group != "prompted" and is_prompted(entry) else ""
    return GROUPS[group] + prompted + (f", {RANDOM.lower()}" if apart else "")


def blocks_of(study: Study, groups: Sequence[str]) -> list[RowBlock]:
    """The rows of some groups, block by block."""
    found: dict[str, list[Entry]] = {}
    for entry in study.table.rows(groups):
        found.setdefault(block_title(study, entry), []).append(entry)
    plain = [title for group in GROUPS for title in (GROUPS[group], f"{GROUPS[group]}, prompted")]
    order = [each for title in plain for each in (title, f"{title}, {RANDOM.lower()}")]
    order.insert(1, RANDOM)
    return [
        RowBlock(title, tuple(found[title]), all(_is_ranked(study, e) for e in found[title]))
        for title in order
        if title in found
    ]


def rows_of(study: Study, groups: Sequence[str]) -> list[Entry]:
    """The rows of some groups in the order of their blocks."""
    return [entry for block in blocks_of(study, groups) for entry in block.entries]


def _is_ranked(study: Study, entry: Entry) -> bool:
    return entry.group in RANKED and entry.group != "single" and not study.stands_apart(entry)


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


def _columns_for(study: Study, groups: Sequence[str]) -> list[tuple[str, str]]:
    """The columns of some groups: rows of a single modality have no mean over modalities."""
    found = columns_of(study)
    return [column for column in found if column[0] != MEAN] if "single" in groups else found


def _score_grid(
    study: Study, groups: Sequence[str], metrics: Sequence[Metric], *, name: str, title: str
) -> Grid:
    marks, sets, blocks = Marks(), _columns_for(study, groups), []
    for block in blocks_of(study, groups):
        columns = [_column(study, block, dataset, m) for dataset, _ in sets for m in metrics]
        rows = zip(block.entries, zip(*columns, strict=True), strict=True)
        lines = [Line(e.title, cells, marks.of(study.notes(e))) for e, cells in rows]
        blocks.append(Block(block.title, tuple(lines)))
    return Grid(
        name=name,
        of=study.mix.title,
        title=title,
        head="Method",
        columns=tuple(Column(m.label, heading) for _, heading in sets for m in metrics),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=_remarks(study, groups, blocks),
        records=[*_records(study, groups, metrics)],
    )


def _column(study: Study, block: RowBlock, dataset: str, metric: Metric) -> list[Cell]:
    """One column of a block, with the method interval of each cell below that over cases."""
    return [
        replace(cell, sub="\n".join(filter(None, (cell.sub, *_below(study, e, dataset, metric)))))
        for e, cell in zip(block.entries, score_column(study, block, dataset, metric), strict=True)
    ]


def score_column(study: Study, block: RowBlock, dataset: str, metric: Metric) -> list[Cell]:
    """The scores of a block on a test set, or MEAN, with their intervals over cases."""
    found = [study.cells.get((entry.key, dataset, metric.name)) for entry in block.entries]
    cells = score_cells(found, metric, block.ranked)
    return [
        cell if score else missing(absent(study, entry, dataset, metric.name))
        for entry, score, cell in zip(block.entries, found, cells, strict=True)
    ]


def absent(study: Study, entry: Entry, dataset: str, column: str) -> str:
    """Why a row has no value: a run is missing or edited, or the column is missing in a file."""
    if study.table.is_edited(entry):
        return EDITED
    sets = [each.name for each in study.table.sets] if dataset == MEAN else [dataset]
    whole = all(study.table.scores_of(entry, name) for name in sets)
    lacks = any(study.table.not_scored(entry, name, column) for name in sets)
    if not (whole and lacks):
        return MISSING
    masks = column == "mae" and of_masks(run.record for run in study.table.runs_of(entry))
    return MASKS_ONLY if masks else NOT_SCORED


def _below(study: Study, entry: Entry, dataset: str, metric: Metric) -> tuple[str, str]:
    spread = draw_sd(study, entry, dataset, metric)
    draws = "" if math.isnan(spread) else f"± {number(spread, metric.digits)} over prompt draws"
    found = study.methods.get((entry.key, dataset, metric.name))
    if found is None or math.isnan(found.low):
        return draws, ""
    low, high = (number(x, metric.digits).replace("-", "−") for x in (found.low, found.high))
    return draws, f"⟨{low}, {high}⟩"


def draw_sd(study: Study, entry: Entry, dataset: str, metric: Metric) -> float:
    """Standard deviation over prompt draws of a set's mean, a mean over seeds; NaN for one draw."""
    if dataset == MEAN:
        return math.nan
    scores = study.table.scores_of(entry, dataset) or []
    found = [s.draw_sd.get(metric.name, math.nan) for s in scores]
    return sum(found) / len(found) if found else math.nan


def score_cells(found: Sequence[Score | None], metric: Metric, ranked: bool) -> list[Cell]:
    """One column of a block, with the best and the second marked where rows are ranked."""
    printed = [number(s.mean, metric.digits) if s else NONE for s in found]
    values = {float(text) for text in printed if text != NONE}
    highest_first = metric.direction == "higher"
    best = sorted(values, reverse=highest_first)[:2] if ranked and len(values) > 1 else []
    ranks = {f"{value:.{metric.digits}f}": rank for rank, value in enumerate(best, 1)}
    return [
        _cell(s, metric, ranks.get(text, 0)) if s else missing()
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
    how = (
        "Mean over seeds ± standard deviation over seeds. Below it is the 95 % bootstrap "
        f"interval over cases (BCa, {study.params.resamples:,} resamples; whole groups where "
        "cases form groups). It covers only the choice of test cases. ⟨low, high⟩: 95 % "
        "interval that also accounts for retraining (crossed-variance t); omitted with fewer "
        f"than three seeds. {CUT}"
    )
    ranks = f"{BEST} Controls are not ranked."
    ranks = {"single": SINGLE_MODALITY, SUPPLIED: SUPPLIED_ROWS}.get(groups[0], ranks)
    remarks = (*apart_remark(study, groups), *missing_remarks(blocks))
    return (*study.warnings(), how, ranks, *remarks, _empties(study, groups))


def apart_remark(study: Study, groups: Sequence[str]) -> list[str]:
    """Why rows stand in a block of their own, where some do."""
    return [APART] if any(map(study.stands_apart, study.table.rows(groups))) else []


def missing_remarks(blocks: Iterable[Block]) -> list[str]:
    """What the cells of a table that hold no value mean."""
    lines = [line for block in blocks for line in block.lines]
    texts = {cell.text for line in lines for cell in line.cells if cell.kind == "missing"}
    found = {MISSING: INCOMPLETE, NOT_SCORED: UNSCORED, MASKS_ONLY: BINARY, EDITED: NOT_AS_WRITTEN}
    return [remark for text, remark in found.items() if text in texts]


def _empties(study: Study, groups: Sequence[str]) -> str:
    """How many masks were empty: by convention they score 1 or 0."""
    entries = study.table.rows([group for group in groups if group != CONTROLS])
    runs = [run for entry in entries for run in study.table.runs_of(entry)]
    scores = [each for run in runs for each in run.scores.values()]
    rows, both, one = (
        sum(getattr(each, name) for each in scores) for name in ("rows", "both_empty", "one_empty")
    )
    return (
        f"Of {rows:,} scored predictions of methods, {both:,} were empty like their reference "
        f"(scored 1). In {one:,} only the prediction or only the reference was empty (scored "
        "0)."
    )


def _records(
    study: Study, groups: Sequence[str], metrics: Sequence[Metric]
) -> Iterable[Mapping[str, Any]]:
    for block in blocks_of(study, groups):
        for entry in block.entries:
            for dataset, _ in _columns_for(study, groups):
                for metric in metrics:
                    yield score_record(study, block.title, entry, dataset, metric=metric)


def trained_parameters(study: Study, entry: Entry) -> int | None:
    """Parameters that training changes, as counted at a run, or else on the card."""
    told = [run.record.get("parameters", {}) for run in study.table.runs_of(entry)]
    counts = [about.get("trainable") for about in told]
    card = study.card(entry)
    counts += [card.parameters.trainable] if card else []
    return next((int(count) for count in counts if count is not None), None)


def parameters_cell(study: Study, entry: Entry) -> Cell:
    """Parameters that training changes, in millions."""
    count = trained_parameters(study, entry)
    return missing() if count is None else Cell(f"{count / 1e6:,.3f}", sort=count)


def score_record(
    study: Study, block: str, entry: Entry, dataset: str, *, metric: Metric
) -> Mapping[str, Any]:
    """One score as columns of a CSV; `dataset` is a test set, or MEAN."""
    score = study.cells.get((entry.key, dataset, metric.name))
    modality = {each.name: study.modality(each) for each in study.table.sets}.get(dataset, "")
    numbers: dict[str, Any] = dict.fromkeys(
        ("mean", "seed_sd", "low", "high", "cases", "groups", "undefined"), ""
    )
    if score:
        numbers = {key: getattr(score, key) for key in numbers}
    empty = study.table.scores_of(entry, dataset) if score and dataset != MEAN else None
    method = study.methods.get((entry.key, dataset, metric.name))
    spread = draw_sd(study, entry, dataset, metric)
    return {
        "block": block,
        "method": entry.name,
        "title": entry.title,
        "dataset": dataset,
        "modality": modality,
        "metric": metric.name,
        "status": "ok" if score else absent(study, entry, dataset, metric.name),
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
