"""What the methods cost: parameters, operations, time and memory of an image, time of training."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.core.errors import ScoreTableError
from benchmark.reports.figures.history import read_history
from benchmark.reports.study import Study
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
)
from benchmark.reports.tables.main import blocks_of
from benchmark.statistics.cardless import SUPPLIED
from benchmark.statistics.results import GROUPS
from benchmark.statistics.table import Entry, Run

SCHEMA = 1
UNSEEN = "Operations without a formula"
# Networks of a single modality cost what their base does; of supplied predictions nobody knows.
COSTED = tuple(group for group in GROUPS if group not in ("single", SUPPLIED))
LABELS = ("Parameters (M)", "Trained (M)", "GMACs", "Latency (ms)", "Peak memory (MiB)",
          "Training (min)", "Training (kWh)", "Training (images/s)",
          "Prediction (images/s)")  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """The content of a cost.json, as far as it is printed.

    Attributes:
        parameters: all, and those that learn.
        macs: multiply-accumulates of one image.
        latency_ms: median and quartiles.
        peak_mib: None where it could not be measured; `how` then says why.
        unseen: operations that the MACs leave out.
        where: machine and version of torch.
        size: of the image, in pixels.
        code: digest of the method's code.
    """

    parameters: tuple[float, float]
    macs: float
    latency_ms: tuple[float, float, float]
    peak_mib: float | None
    how: str
    unseen: frozenset[str]
    where: str
    size: int
    code: str


def read_cost(path: Path) -> Measured | None:
    """A cost.json; None where there is none.

    Raises: ScoreTableError if the file cannot be used.
    """
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] == SCHEMA:
            return _measured(record)
        problem = f"schema {record['schema']}"
    except KeyError as error:
        problem = f"no {error}"
    except (OSError, ValueError, TypeError) as error:
        problem = str(error)
    do = "Delete it and run its stage or `mixseg cost` again."
    raise ScoreTableError(path, f"unusable ({problem})", "what `mixseg cost` writes", do)


def _measured(record: Mapping[str, Any]) -> Measured:
    times, memory, machine = record["latency_ms"], record["memory_mib"], record["hardware"]
    counts = record["parameters"]
    devices = dict.fromkeys((str(machine["device"]), str(machine["cpu"])))
    return Measured(
        parameters=(float(counts["total"]), float(counts["trainable"])),
        macs=float(record["macs"]),
        latency_ms=(float(times["median"]), float(times["q1"]), float(times["q3"])),
        peak_mib=None if memory["peak"] is None else float(memory["peak"]),
        how=str(memory["how"]),
        unseen=frozenset(str(name) for name, _ in record["not_counted"]),
        where=f"{', '.join(devices)}, {machine['threads']} threads, torch"
        f" {record['versions']['torch']}",
        size=int(record["size"]),
        code=str(record["code"]["method"]),
    )


def cost_grid(study: Study, groups: Sequence[str] = COSTED) -> Grid:
    """Parameters, MACs, latency and memory of an image; time of training and of prediction."""
    rows = blocks_of(study, [group for group in groups if group != "controls"])
    entries = [entry for block in rows for entry in block.entries]
    found = {entry.key: measured_cost(study, entry) for entry in entries}
    marks, blocks = Marks(), []
    for block in rows:
        lines = []
        for entry in block.entries:
            measured = found[entry.key]
            notes = [*study.notes(entry), *_notes(study, entry, measured)]
            cells = _cells(study, study.table.runs_of(entry), measured)
            lines.append(Line(entry.title, cells, marks.of(notes)))
        blocks.append(Block(block.title, tuple(lines)))
    titles = [(entry.title, found[entry.key]) for entry in entries]
    grid = Grid(
        name="cost",
        of=study.mix.title,
        title="What the methods cost",
        head="Method",
        columns=(*map(Column, LABELS), Column("Device", numeric=False)),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            "The time of training and the images per second are medians over the finished "
            "runs. Each was measured on the run's device when the run was made. Do not "
            "compare times of different devices, or times that were measured beside other "
            "work.",
            *_energy_remarks(study, entries),
            *_remarks(study, titles),
        ),
    )
    measures = [found[entry.key] for entry in entries]  # in the order of the lines
    records = [
        {**record, UNSEEN: ", ".join(sorted(measured.unseen)) if measured else ""}
        for record, measured in zip(grid.flat(), measures, strict=True)
    ]
    return replace(grid, records=records)


def measured_cost(study: Study, entry: Entry) -> Measured | None:
    """What was measured of a row; None where nothing was.

    Raises: ScoreTableError if its cost.json cannot be used.
    """
    return read_cost(study.folder / entry.group / entry.name / "cost" / "cost.json")


def _notes(study: Study, entry: Entry, measured: Measured | None) -> list[str]:
    """What a reader must know of one row's cost."""
    if measured is None:
        return []
    notes = []
    if study.cost_codes.get(entry.name, measured.code) != measured.code:
        notes.append("its MACs, latency and memory were measured with older code")
    if measured.size != study.size():
        notes.append(
            f"its MACs, latency and memory were measured at {measured.size} × {measured.size} "
            "pixels"
        )
    if measured.peak_mib is None:
        notes.append(f"peak memory {measured.how}")
    return notes


def _remarks(study: Study, rows: Sequence[tuple[str, Measured | None]]) -> list[str]:
    """Of what the measured costs are, where they were measured, and what they leave out."""
    remarks, size = [], study.size()
    machines: dict[str, list[str]] = {}
    for title, measured in rows:
        if measured:
            machines.setdefault(measured.where, []).append(title)
    if machines:
        listed = [f"{where} ({', '.join(titles)})" for where, titles in machines.items()]
        machine = next(iter(machines)) if len(machines) == 1 else "; ".join(listed)
        remarks.append(
            "GMACs (billions of multiply-accumulates), latency (median, quartiles below) and "
            "peak memory (the weights, and what one prediction adds) are of one image of "
            f"{size} × {size} pixels. They use pretrained weights if available, and include "
            f"the embedding step if the method has one. Measured on: {machine}."
        )
    if any(measured and measured.unseen for _, measured in rows):
        remarks.append(
            "The MACs leave out operations without a formula; the CSV lists them for each method."
        )
    if any(measured is None for _, measured in rows):
        remarks.append("missing: not run, or not measured yet; `mixseg cost` measures it.")
    return remarks


def _energy(runs: Sequence[Run]) -> Cell:
    """Median energy of a training, of the runs whose machine told it."""
    known = [value for run in runs if (value := _value(run, "energy", "kwh", 1)) is not None]
    if not known:
        return Cell(NONE) if runs else missing()
    return Cell(f"{median(known):.3g}", sort=median(known))


def _energy_remarks(study: Study, entries: Sequence[Entry]) -> list[str]:
    """Which device the energy is of, and why that of a run is not known."""
    devices, reasons = set[str](), dict[str, dict[str, None]]()
    for entry in entries:
        for run in study.table.runs_of(entry):
            told = run.record.get("energy", {})
            if told.get("kwh") is not None:
                devices.add(str(told["of"]))
            else:
                why = str(told.get("why", "the code of these runs did not measure it"))
                reasons.setdefault(why, {})[entry.title] = None
    remarks = []
    if devices:
        remarks.append(
            "The energy of training is the median over the runs whose machine reports it and "
            f"that had the device alone. It is that of the {', '.join(sorted(devices))}, not "
            "of the machine."
        )
    if reasons:
        everywhere = len(reasons) == 1 and not devices
        listed = [f"{why} ({', '.join(titles)})" for why, titles in reasons.items()]
        told_of = next(iter(reasons)) if everywhere else "; ".join(listed)
        remarks.append(f"The energy of training is not known: {told_of}.")
    return remarks


def _cells(study: Study, runs: Sequence[Run], measured: Measured | None) -> tuple[Cell, ...]:
    def median_of(values: Callable[[Run], float | None], digits: int) -> Cell:
        known = [value for run in runs if (value := values(run)) is not None]
        if not known:
            return Cell(NONE) if runs else missing()
        return _number(median(known), digits)

    def rate_of(values: Callable[[Run], float | None]) -> Cell:
        known = [value for run in runs if (value := values(run))]  # none was measured as 0
        return _rate(median(known)) if known else Cell(NONE) if runs else missing()

    def speed(run: Run) -> float | None:
        logged = read_history(study.run_folder(run) / "history.csv").get("images_per_s", [])
        known = [value for value in logged if value == value]
        return median(known) if known else None

    def count(key: str, k: int) -> Cell:
        if not runs and measured:
            return _number(measured.parameters[k] * 1e-6, 2)
        return median_of(lambda run: _value(run, "parameters", key, 1e-6), 2)

    devices = dict.fromkeys(str(run.record.get("hardware", {}).get("device", NONE)) for run in runs)
    return (
        count("total", 0),
        count("trainable", 1),
        *_measured_cells(measured),
        median_of(lambda run: _value(run, "times", "train_s", 1 / 60), 1),
        _energy(runs),
        rate_of(speed),
        rate_of(_predicted_per_s),
        Cell(", ".join(devices) or MISSING, kind="" if runs else "missing"),
    )


def _measured_cells(measured: Measured | None) -> tuple[Cell, ...]:
    """GMACs, latency and memory."""
    if measured is None:
        return (missing(),) * 3
    middle, low, high = measured.latency_ms
    peak = measured.peak_mib
    return (
        _number(measured.macs * 1e-9, 2),
        Cell(f"{middle:,.1f}", sub=f"[{low:,.1f}, {high:,.1f}]", sort=middle),
        Cell(NONE) if peak is None else _number(peak, 0),
    )


def _number(value: float, digits: int) -> Cell:
    return Cell(f"{value:,.{digits}f}", sort=value)


def _rate(value: float) -> Cell:
    """Images per second: digits enough that a slow device is not 0."""
    return _number(value, 1) if value >= 1 else Cell(f"{value:.2g}", sort=value)


def _value(run: Run, part: str, key: str, factor: float) -> float | None:
    value = run.record.get(part, {}).get(key)
    return None if value is None else float(value) * factor


def _predicted_per_s(run: Run) -> float | None:
    seconds = _value(run, "times", "predict_s", 1)
    cases = sum(len(scores.cases) for scores in run.scores.values())
    return cases / seconds if seconds else None
