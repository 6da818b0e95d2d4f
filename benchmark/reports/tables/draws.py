"""What the draw of the prompt changes: the scores of a prompted method, draw by draw."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from benchmark.reports.tables.main import absent, block_title, is_prompted
from benchmark.statistics.results import RANKED
from benchmark.statistics.schema import DSC
from benchmark.statistics.table import Entry

LABELS = ("DSC ↑", "Over draws", "Within a case")


@dataclass(frozen=True)
class Draws:
    """The DSC of one row on one test set, draw by draw; every seed counts alike.

    Attributes:
        means: mean over cases of each draw, in the order of the draws.
        within: mean over cases of the standard deviation over the draws of a case.
    """

    means: tuple[float, ...]
    within: float

    @property
    def mean(self) -> float:
        """Over draws."""
        return float(np.mean(self.means))

    @property
    def sd(self) -> float:
        """Standard deviation of the means of the draws; NaN for one draw."""
        return float(np.std(self.means, ddof=1)) if len(self.means) > 1 else float("nan")


def draws_grid(study: Study) -> Grid | None:
    """Prompted rows with the spread over draws; None where no row is shown a prompt."""
    entries = [e for e in study.table.rows(RANKED) if is_prompted(e)]
    if not entries:
        return None
    marks, found = Marks(), {entry.key: _read(study, entry) for entry in entries}
    blocks: dict[str, list[Line]] = {}
    for entry in entries:
        cells = [
            cell
            for each in study.table.sets
            for cell in _cells(study, entry, each.name, found[entry.key].get(each.name))
        ]
        count = max((len(d.means) for d in found[entry.key].values()), default=0)
        line = Line(entry.title, (_count(count), *cells), marks.of(study.notes(entry)))
        blocks.setdefault(block_title(study, entry), []).append(line)
    titles = [study.set_title(each.name) for each in study.table.sets]
    return Grid(
        name="draws",
        of=study.mix.title,
        title="Draws of the prompt",
        head="Method",
        columns=(
            Column("Draws"),
            *(Column(label, title) for title in titles for label in LABELS),
        ),
        blocks=tuple(Block(title, tuple(lines)) for title, lines in blocks.items()),
        notes=marks.notes(),
        remarks=(
            "DSC: mean over draws, cases and seeds, and the lowest and highest mean of a "
            "draw. Over draws: standard deviation of these means. Within a case: standard "
            "deviation over the draws of a case, averaged over cases. A single draw has no "
            "spread.",
        ),
        records=[
            _record(study, entry, each.name, found[entry.key].get(each.name))
            for entry in entries
            for each in study.table.sets
        ],
        inner="Value",
    )


def _count(count: int) -> Cell:
    return Cell(str(count), sort=count) if count else missing()


def _cells(study: Study, entry: Entry, dataset: str, draws: Draws | None) -> tuple[Cell, ...]:
    if draws is None:
        return (missing(absent(study, entry, dataset, DSC)),) * len(LABELS)
    low, high = min(draws.means), max(draws.means)
    spread = f"{number(low, 3)} to {number(high, 3)}" if len(draws.means) > 1 else ""
    one = len(draws.means) < 2
    return (
        Cell(number(draws.mean, 3), spread, draws.mean),
        Cell(number(draws.sd, 4), sort=None if one else draws.sd),
        Cell(NONE) if one else Cell(number(draws.within, 3), sort=draws.within),
    )


def _record(study: Study, entry: Entry, dataset: str, draws: Draws | None) -> Mapping[str, Any]:
    one = draws is None or len(draws.means) < 2
    return {
        "method": entry.name,
        "title": entry.title,
        "dataset": dataset,
        "status": "ok" if draws else absent(study, entry, dataset, DSC),
        "draws": len(draws.means) if draws else "",
        "mean": draws.mean if draws else "",
        "sd_over_draws": draws.sd if draws else "",
        "sd_within_case": "" if one or draws is None else draws.within,
        "means": " ".join(f"{m:.6f}" for m in draws.means) if draws else "",
        "notes": "; ".join(study.notes(entry)),
    }


def _read(study: Study, entry: Entry) -> dict[str, Draws]:
    """The draws of a row by test set, without test sets on which it has no DSC."""
    names = (each.name for each in study.table.sets)
    known = [name for name in names if study.table.values(entry, name, DSC) is not None]
    if not known:
        return {}
    tables = [_by_case(study.run_folder(run) / "scores.csv") for run in study.table.runs_of(entry)]
    found = {}
    for name in known:
        values = np.stack([table[name] for table in tables])  # (seeds, cases, draws)
        within = values.std(axis=2, ddof=1).mean() if values.shape[2] > 1 else float("nan")
        found[name] = Draws(tuple(values.mean(axis=(0, 1)).tolist()), float(within))
    return found


def _by_case(path: Path) -> dict[str, np.ndarray]:
    """DSC (cases, draws) by test set, of a file that was checked when the table was read."""
    rows: dict[str, dict[str, dict[int, float]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            cases = rows.setdefault(row["dataset"], {})
            cases.setdefault(row["case"], {})[int(row["draw"])] = float(row[DSC])
    return {name: _array(list(cases.values())) for name, cases in rows.items()}


def _array(cases: Sequence[Mapping[int, float]]) -> np.ndarray:
    return np.array([[draws[k] for k in sorted(draws)] for draws in cases])
