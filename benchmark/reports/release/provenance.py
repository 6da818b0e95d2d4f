"""Where the numbers come from: every run, its machine and versions, its deviations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.reports.study import Study, start_of, usual_recipe
from benchmark.reports.tables.grid import (
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
from benchmark.reports.tables.main import blocks_of
from benchmark.statistics.results import GROUPS
from benchmark.statistics.schema import DSC, METRICS
from benchmark.statistics.scores import SetScores
from benchmark.statistics.table import Entry, Run

SHORT = 12  # digits of a digest that are printed
Facts = Mapping[str, str]


def runs_grid(study: Study, groups: Sequence[str] = tuple(GROUPS)) -> Grid:
    """Every run on its own: the mean DSC over cases, and how many masks were empty."""
    marks, blocks = Marks(), []
    for block in blocks_of(study, groups):
        lines = [
            Line(f"{e.title}, seed {seed}", _run_cells(study, e, seed), marks.of(study.notes(e)))
            for e in block.entries
            for seed in e.seeds
        ]
        blocks.append(Block(block.title, tuple(lines)))
    names = [study.set_title(each.name) for each in study.table.sets]
    return Grid(
        name="runs",
        of=study.mix.title,
        title="Every run on its own, mean DSC over cases",
        head="Run",
        columns=tuple(Column(label) for label in (*names, "Both empty", "One empty")),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            "Methods with missing seeds are listed here but excluded from all averages.",
            "Both empty: predictions that are empty like their reference (scored 1). One empty:"
            " only one of the two is (scored 0).",
        ),
        records=[record for run in _runs(study, groups) for record in _run_records(study, run)],
    )


def _runs(study: Study, groups: Sequence[str]) -> list[Run]:
    return [run for run in study.runs() if run.entry.group in groups]


def _run_cells(study: Study, entry: Entry, seed: int) -> tuple[Cell, ...]:
    run = study.table.runs.get((entry.key, seed))
    if run is None:
        return (missing(),) * (len(study.table.sets) + 2)
    gone = {one.dataset for one in study.table.missing_of(entry) if one.seed == seed}
    cells = []
    for each in study.table.sets:
        if each.name in gone:
            cells.append(missing())
        elif DSC not in run.scores[each.name].values:
            cells.append(missing(NOT_SCORED))
        else:
            mean = float(run.scores[each.name].values[DSC].mean())
            cells.append(Cell(number(mean, 3), sort=mean))
    both = sum(s.both_empty for s in run.scores.values())
    one = sum(s.one_empty for s in run.scores.values())
    return (*cells, Cell(f"{both:,}", sort=both), Cell(f"{one:,}", sort=one))


def _run_records(study: Study, run: Run) -> list[Mapping[str, Any]]:
    names = [name for table in ("main", "errors") for name, metric in METRICS.items()
             if metric.table == table]  # fmt: skip
    return [
        {
            "group": run.entry.group,
            "method": run.entry.name,
            "seed": run.seed,
            "dataset": each.name,
            "cases": len(scores.cases),
            **{name: _mean(scores, name) for name in names},
            "both_empty": scores.both_empty,
            "one_empty": scores.one_empty,
        }
        for each in study.table.sets
        if (scores := run.scores.get(each.name))
    ]


def _mean(scores: SetScores, column: str) -> float:
    values = scores.values.get(column, np.empty(0))
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def deviations_grid(study: Study) -> Grid:
    """Every field in which a method deviates from the mix's recipe, and why."""
    default = usual_recipe(study)
    lines = []
    for entry in study.table.entries:
        rows = {
            (key, str(value), str(run.record.get("why", "")))
            for run in study.table.runs_of(entry)
            for key, value in run.record["deviations"].items()
        }
        lines += [
            Line(
                entry.title, (Cell(key), Cell(str(default.get(key, NONE))), Cell(value), Cell(why))
            )
            for key, value, why in sorted(rows)
        ]
    labels = ("Field", "Mix", "Method", "Why")
    return Grid(
        name="deviations",
        of=study.mix.title,
        title="Deviations from the default recipe",
        head="Method",
        columns=tuple(Column(label, numeric=False) for label in labels),
        blocks=(Block("", tuple(lines)),),
    )


def provenance_grid(study: Study, groups: Sequence[str] = tuple(GROUPS)) -> Grid:
    """Commit, time, machine, versions, weights and digests of every run, as at training."""
    facts = {id(run): _facts(run) for run in _runs(study, groups)}
    labels = list(dict.fromkeys(label for each in facts.values() for label in each))
    usual = {
        label: _usual([each.get(label, NONE) for each in facts.values()])
        for label in labels
        if label in COMPARED
    }
    marks, blocks = Marks(), []
    for block in blocks_of(study, groups):
        lines = [
            Line(
                f"{entry.title}, seed {run.seed}",
                tuple(_fact(facts[id(run)].get(label, NONE), usual.get(label)) for label in labels),
                marks.of(study.notes(entry)),
            )
            for entry in block.entries
            for run in study.table.runs_of(entry)
        ]
        blocks.append(Block(block.title, tuple(lines)))
    return Grid(
        name="provenance",
        of=study.mix.title,
        title="Where the numbers come from",
        head="Run",
        columns=tuple(Column(label, numeric=False) for label in labels),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            "As recorded when each run was trained. ≠ marks what differs from most runs in this"
            " table; digests are cut to twelve digits here and whole in each run.json.",
        ),
    )


COMPARED = {"Commit", "Device", "CPU", "Threads", "Training code", "Prediction code",
            "Scoring code", "Data",
            "python", "torch", "torchvision", "timm", "segmentation-models-pytorch",
            "transformers", "numpy"}  # fmt: skip


def _facts(run: Run) -> Facts:
    record = run.record
    machine, identity = record.get("hardware", {}), record["identity"]
    files = [f"{name} {str(value)[:SHORT]}" for name, value in record["weights"].items()]
    facts = {
        "Commit": record.get("commit"),
        "Finished (UTC)": str(record.get("finished") or "")[:16].replace("T", " "),
        "Training (s)": record.get("times", {}).get("train_s"),
        "Device": machine.get("device"),
        "CPU": machine.get("cpu"),
        "Threads": machine.get("threads"),
        **record.get("versions", {}),
        "Weights": ", ".join([start_of(record)[0], *files]),
        "Run": identity.get("run"),
        "Method code": identity.get("method_code"),
        "Training code": identity.get("training_code"),
        "Prediction code": record.get("prediction_code"),
        "Scoring code": record.get("scoring_code"),
        "Data": identity.get("data"),
    }
    digests = ("Run", "Method code", "Training code", "Prediction code", "Scoring code", "Data")
    empty = (None, "", "none")
    return {
        key: NONE if value in empty else str(value)[:SHORT] if key in digests else str(value)
        for key, value in facts.items()
    }


def _usual(values: Sequence[str]) -> str:
    """The most frequent value; the first of equals."""
    known = [value for value in values if value != NONE]
    return Counter(known).most_common(1)[0][0] if known else NONE


def _fact(value: str, usual: str | None) -> Cell:
    differs = usual is not None and value not in (usual, NONE)
    return Cell(f"≠ {value}" if differs else value, sort=value, kind="differs" if differs else "")
