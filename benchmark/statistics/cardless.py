"""Rows that need no card: controls, and predictions that were made elsewhere.

**Conventions** They are planned by what lies in results/<mix>: a run that is there was asked for.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.statistics.table import CONTROLS, Entry

SUPPLIED = "supplied"
NOT_VERIFIED = "predictions supplied, training not verified"


def control_entries(folder: Path) -> list[Entry]:
    """The controls that were run.

    Args:
        folder: results/<mix>/controls.
    """
    return [
        Entry(path.name, _title(path / "seed-0"), CONTROLS, "none", (0,), trained=False)
        for path in sorted(folder.glob("*"))
        if (path / "seed-0").exists()
    ]


def supplied_entries(folder: Path) -> list[Entry]:
    """The rows of supplied predictions, each with the seeds that are there.

    Args:
        folder: results/<mix>/supplied.
    """
    seeds: dict[Path, list[int]] = {}
    for path in folder.glob("*/seed-*"):
        number = path.name.removeprefix("seed-")
        if number.isdecimal() and (path / "run.json").is_file():
            seeds.setdefault(path.parent, []).append(int(number))
    found = [
        Entry(row.name, _title(row / f"seed-{min(of)}"), SUPPLIED, "none", tuple(sorted(of)), True)
        for row, of in seeds.items()
    ]
    return sorted(found, key=lambda entry: (entry.title.casefold(), entry.name))


def supplied_notes(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a reader must know of a row of supplied predictions, by its records."""
    notes = [NOT_VERIFIED]
    for record in records:
        missing = record.get("supplied", {}).get("missing", {})
        cases = sum(record.get("data", {}).get("test", {}).values())
        if missing:
            seed, count = record["seed"], sum(missing.values())
            notes.append(f"seed {seed}: {count} of {cases} predictions missing, scored 0")
    return notes


def of_masks(records: Iterable[Mapping[str, Any]]) -> bool:
    """Whether some predictions of a row were supplied as binary masks."""
    return any(record.get("supplied", {}).get("kind") == "masks" for record in records)


def _title(folder: Path) -> str:
    title = folder.parent.name
    # reading the whole run names what is wrong with it
    with suppress(OSError, ValueError, KeyError, TypeError):
        title = str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["title"])
    return title
