"""What was run on what: the methods with their state, the data, the duplicates found in it."""

import csv
from collections.abc import Mapping
from pathlib import Path

from benchmark.core.errors import ScoreTableError
from benchmark.core.files import read_json
from benchmark.core.request import DATA
from benchmark.reports.study import CLAIM_SEEDS, SHOWN, Study, start_of
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, Marks
from benchmark.reports.tables.main import blocks_of
from benchmark.statistics.results import RANKED
from benchmark.statistics.table import Entry

LEAKS_BY = ("kind", "where", "dataset_a", "dataset_b", "mix_b")
LEAKS = ("dataset_a", "case_a", "split_a", "dataset_b", "case_b", "split_b")


def methods_grid(study: Study) -> Grid:
    """Every planned method: its seeds, what it was shown, where it comes from."""
    marks, blocks = Marks(), []
    for block in blocks_of(study, RANKED):
        lines = [
            Line(
                entry.title,
                _method_cells(study, entry),
                marks.of(study.notes(entry)),
                planned=study.table.is_planned(entry),
            )
            for entry in block.entries
        ]
        blocks.append(Block(block.title, tuple(lines)))
    labels = ("Seeds done", "Weights at the start", "Shown at test time", "Source", "Licence")
    return Grid(
        name="methods",
        of=study.mix.title,
        title="The methods",
        head="Method",
        columns=tuple(Column(label, numeric=False) for label in labels),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            f"We make no claim about methods with fewer than {CLAIM_SEEDS} seeds. Methods used as"
            " released, without training, run once.",
        ),
    )


def _method_cells(study: Study, entry: Entry) -> tuple[Cell, ...]:
    card = study.cards[entry.name]
    runs = study.table.runs_of(entry)
    all_there = len(runs) == len(entry.seeds)
    starts = dict.fromkeys(start_of(run.record) for run in runs)
    reasons = [why for _, why in starts if why]
    seen = list(entry.pretrained_on) if ("pretrained", "") in starts else []
    count = f"{len(runs)} of {len(entry.seeds)}"
    return (
        Cell(count, sort=len(runs), kind="" if all_there else "missing"),
        Cell(
            ", ".join(dict.fromkeys(text for text, _ in starts)) or NONE,
            ", ".join([*seen, *reasons]),
        ),
        Cell(SHOWN.get(entry.prompt, entry.prompt)),
        Cell(card.source or NONE),
        Cell(card.licence or NONE),
    )


def data_grid(study: Study) -> Grid | None:
    """Cases of each dataset by split, its licence and its citation; None where not recorded."""
    datasets = study.datasets
    if not datasets:
        return None
    counts = ("train", "val", "test", "left_out")
    lines = [
        Line(
            study.set_title(name),
            (
                *(Cell(str(about.get(key) or NONE)) for key in ("modality", "role")),
                *(Cell(f"{_count(about, key):,}", sort=_count(about, key)) for key in counts),
                *(Cell(str(about.get(key) or NONE)) for key in ("split", "licence", "citation")),
            ),
            sub=str(about.get("note") or ""),
        )
        for name, about in datasets.items()
    ]
    return Grid(
        name="data",
        of=study.mix.title,
        title="The data",
        head="Dataset",
        columns=(
            *(Column(label, numeric=False) for label in ("Modality", "Role")),
            *(Column(label) for label in ("Train", "Val", "Test", "Not used")),
            *(Column(label, numeric=False) for label in ("Split", "Licence", "Citation")),
        ),
        blocks=(Block("", tuple(lines)),),
        remarks=(
            f"Cases at {study.size()} × {study.size()} pixels. Runs train on train and val "
            "together. Only tuning uses val, and the test set chooses nothing. Not used: raw "
            "cases that are in no split of this mix.",
            *(f"{each}." for name, each in study.changed.items() if name == DATA),
        ),
    )


def _count(about: Mapping[str, object], key: str) -> int:
    value = about.get(key)
    return value if isinstance(value, int) else 0


def leaks_grid(study: Study) -> Grid | None:
    """Duplicates by kind and place; None where nobody looked, or what was found was edited.

    Raises: ScoreTableError if leaks.csv cannot be used.
    """
    path = study.folder / "leaks.csv"
    if not path.is_file() or {path.name, "leaks.json"} & set(study.changed):
        return None
    lines = []
    for (kind, where, a, b, mix), rows in sorted(_read_leaks(path).items()):
        tested = {
            (row[f"dataset_{side}"], row[f"case_{side}"])
            for row in rows
            for side in "ab"
            if row[f"split_{side}"] == "test"
        }
        names = " and ".join(dict.fromkeys((study.set_title(a), study.set_title(b))))
        counts = (Cell(f"{n:,}", sort=n) for n in (len(rows), len(tested)))
        lines.append(Line(f"{kind}, {where}", (Cell(names), Cell(mix), *counts)))
    return Grid(
        name="leaks",
        of=study.mix.title,
        title="Duplicate images",
        head="Kind and splits",
        columns=(
            Column("Datasets", numeric=False),
            Column("Second image's mix", numeric=False),
            Column("Pairs"),
            Column("Test cases"),
        ),
        blocks=(Block("", tuple(lines)),),
        remarks=(
            f"results/{study.name}/leaks.csv lists the pairs, case by case.",
            _compared(path.with_suffix(".json")),
        ),
    )


def _compared(path: Path) -> str:
    about = read_json(path) if path.is_file() else {"compared": [], "not_prepared": []}
    said = f"Other mixes searched: {', '.join(about['compared']) or 'none'}."
    absent = about["not_prepared"]
    return (
        f"{said} Not searched, because they were not prepared: {', '.join(absent)}."
        if absent
        else said
    )


def _read_leaks(path: Path) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """The pairs by kind, splits, datasets and mix."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                key = tuple(row[name] for name in LEAKS_BY)
                found.setdefault(key, []).append({name: row[name] for name in LEAKS})
    except (UnicodeDecodeError, csv.Error, KeyError) as error:
        expected = f"a CSV file with {', '.join((*LEAKS_BY, *LEAKS))}"
        raise ScoreTableError(path, f"unusable ({error})", expected, "Make it again.") from error
    return found
