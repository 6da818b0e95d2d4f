"""The table of conventions: the same predictions, scored as other tools score them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark.reports.study import Study
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
from benchmark.reports.tables.main import absent, blocks_of
from benchmark.statistics.schema import DSC, metric_of
from benchmark.statistics.table import Entry

Found = dict[tuple[str, str, str], float]  # (entry key, test set, convention)
Conventions = dict[str, tuple[str, str]]  # name: what is computed, and who computes it so

OURS = {
    "dsc": ("Dice at the threshold on the raw map, mean over cases", "MixSeg, the headline"),
    "iou": ("IoU at the threshold on the raw map, mean over cases", "MixSeg, the headline"),
    "mae": ("MAE of the raw map", "MixSeg, the headline"),
}
GROUPS = ("main", "prompted")


def protocols_grid(study: Study) -> Grid:
    """DSC of every method under every convention; the CSV holds IoU and MAE too."""
    marks, known, entries = Marks(), conventions(study), study.table.rows(GROUPS)
    found = _values(study, entries, known)
    names = [name for name in known if _metric(name) == DSC]
    columns = [
        Column(_capital(known[name][0]), marks=marks.of([f"as in {known[name][1]}"]))
        for name in names
    ]
    blocks = []
    for each in study.table.sets:
        for block in blocks_of(study, GROUPS):
            lines = []
            for entry in block.entries:
                row = {name: found.get((entry.key, each.name, name)) for name in names}
                cells = (_cell(study, entry, each.name, *item) for item in row.items())
                notes = marks.of(study.notes(entry))
                lines.append(Line(entry.title, (*cells, _spread([*row.values()])), notes))
            title = f"{study.set_title(each.name)}: {block.title}"
            blocks.append(Block(title, tuple(lines)))
    return Grid(
        name="protocols",
        of=study.mix.title,
        title="DSC of the same predictions under the conventions of the field",
        head="Method",
        columns=(*columns, Column("Highest minus lowest")),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            "Each column scores the same stored maps. Compare a published number only under "
            "the convention that gave it. IoU and MAE are in the CSV file.",
        ),
        records=[*_records(study, entries, known, found)],
    )


def conventions(study: Study) -> Conventions:
    """Every convention with its meaning: ours, those in the files, those of pooled counts."""
    from benchmark.evaluation.protocols import POOLED, PROTOCOLS  # slow to import

    known: Conventions = dict(OURS)
    for name in study.table.protocols:
        about = PROTOCOLS.get(name)
        known[name] = (about.title, about.used_by) if about else (name, "")
    return known | {name: (about.title, about.used_by) for name, about in POOLED.items()}


def _values(study: Study, entries: Iterable[Entry], known: Conventions) -> Found:
    found: Found = {}
    for entry in entries:
        for each in study.table.sets:
            found |= _pooled(study, entry, each.name)
            for name in known:
                score = study.cells.get((entry.key, each.name, name))
                if score:
                    found[entry.key, each.name, name] = score.mean
    return found


def _pooled(study: Study, entry: Entry, dataset: str) -> Found:
    """Mean over seeds of the conventions that look at a whole dataset."""
    from benchmark.evaluation.metrics import Counts
    from benchmark.evaluation.protocols import pooled_means

    runs = [Counts(*counts) for counts in study.table.counts(entry, dataset)]
    return {(entry.key, dataset, name): value for name, value in pooled_means(runs).items()}


def _metric(name: str) -> str:
    """The metric that a convention computes."""
    metric = metric_of(name)
    return metric.name if metric else name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(study: Study, entry: Entry, dataset: str, name: str, value: float | None) -> Cell:
    if value is None:
        return missing(absent(study, entry, dataset, name))
    return Cell(number(value, 3), sort=None if math.isnan(value) else value)


def _spread(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return Cell(NONE)
    return Cell(number(max(known) - min(known), 3), sort=max(known) - min(known))


def _records(
    study: Study, entries: Iterable[Entry], known: Conventions, found: Found
) -> Iterable[Mapping[str, Any]]:
    for each in study.table.sets:
        for name, (title, used_by) in known.items():
            for entry in entries:
                value = found.get((entry.key, each.name, name))
                yield {
                    "dataset": each.name,
                    "metric": _metric(name),
                    "protocol": name,
                    "what": title,
                    "used_by": used_by,
                    "method": entry.name,
                    "title": entry.title,
                    "status": absent(study, entry, each.name, name) if value is None else "ok",
                    "mean": "" if value is None else value,
                    "notes": "; ".join(study.notes(entry)),
                }
