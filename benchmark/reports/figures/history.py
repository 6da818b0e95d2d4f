"""The training history of a run, read and checked."""

import csv
import math
from pathlib import Path

from benchmark.core.errors import ScoreTableError

History = dict[str, list[float]]


def read_history(path: Path) -> History:
    """The columns of a history.csv; empty where there is none, as for what does not train.

    Raises: ScoreTableError if the file cannot be used.
    """
    if not path.is_file():
        return {}
    again = "Delete the file and run its stage again."
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScoreTableError(path, f"unreadable ({error})", "a CSV file", again) from error
    missing = [name for name in ("epoch", "loss") if rows and name not in rows[0]]
    if missing:
        raise ScoreTableError(path, f"no column {', '.join(missing)}", "epoch and loss", again)
    columns = {name: [_value(row[name]) for row in rows] for name in (rows[0] if rows else ())}
    if not all(math.isfinite(v) for name in ("epoch", "loss") for v in columns.get(name, ())):
        raise ScoreTableError(path, "an epoch or loss that is no number", "numbers", again)
    return columns


def by_epoch(history: History) -> dict[int, float]:
    """Mean loss of each epoch."""
    values: dict[int, list[float]] = {}
    for epoch, loss in zip(history.get("epoch", ()), history.get("loss", ()), strict=True):
        values.setdefault(int(epoch), []).append(loss)
    return {epoch: sum(losses) / len(losses) for epoch, losses in sorted(values.items())}


def _value(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
