"""What the results of each mix were, recording by recording: results/history.csv.

`mixseg report --record` appends a line for every method whose number is new or has changed; the
file is committed. Nothing reads the history of Git.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from benchmark.core.errors import ScoreTableError
from benchmark.core.files import write_text
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import csv_text, number
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.results import RANKED
from benchmark.statistics.schema import DSC

HISTORY = "history.csv"
DIGITS = 6
RESTORE = "Restore the file from Git; `mixseg report --record` only appends to it."


@dataclass(frozen=True)
class Recording:
    """The DSC of one method on one mix, as it was on a day.

    Attributes:
        day: as 2026-01-31.
        dsc: mean over modalities (over the test set of a mix that has only one).
        low, high: 95 % interval over trainings and cases; empty where there is none.
        seeds: how many trainings were averaged.
    """

    day: str
    mix: str
    method: str
    title: str
    seeds: str
    dsc: str
    low: str = ""
    high: str = ""

    @property
    def value(self) -> tuple[str, ...]:
        """What must change for a new line to be written."""
        return self.seeds, self.dsc, self.low, self.high


COLUMNS = tuple(field.name for field in fields(Recording))


def read_history(path: Path) -> list[Recording]:
    """The recordings, oldest first; none where there is no file.

    Raises: ScoreTableError for a file that is not a history.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ScoreTableError(
                f"{path}:1",
                f"columns {', '.join(reader.fieldnames or ()) or 'none'}",
                ", ".join(COLUMNS),
                RESTORE,
            )
        return [_recording(path, reader.line_num, row) for row in reader]


def _recording(path: Path, line: int, row: dict[str, str]) -> Recording:
    try:
        found = Recording(**row)
        for text in (found.dsc, found.low, found.high):
            float(text or "nan")
    except (TypeError, ValueError) as error:
        raise ScoreTableError(
            f"{path}:{line}", f"no recording ({error})", "a line as the others", RESTORE
        ) from error
    return found


def recordings(study: Study, day: str) -> list[Recording]:
    """The present numbers of the methods of a mix that are complete."""
    sets = study.table.sets
    place = MEAN if len(sets) > 1 else sets[0].name if sets else ""
    found = []
    for entry in study.table.rows(RANKED):
        score = study.cells.get((entry.key, place, DSC))
        if score is None or math.isnan(score.mean):
            continue
        whole = study.methods.get((entry.key, place, DSC))
        ends = [_text(whole.low), _text(whole.high)] if whole else ["", ""]
        seeds = str(len(study.table.runs_of(entry)))
        found.append(
            Recording(day, study.name, entry.name, entry.title, seeds, _text(score.mean), *ends)
        )
    return found


def _text(value: float) -> str:
    return "" if math.isnan(value) else number(value, DIGITS)


def record(path: Path, now: Iterable[Recording]) -> int:
    """Appends the recordings whose numbers are new; the number of lines that were added.

    Raises: ScoreTableError if the file is not a history, StoreError if it cannot be written.
    """
    known = read_history(path)
    last = {(each.mix, each.method): each.value for each in known}
    new = [each for each in now if last.get((each.mix, each.method)) != each.value]
    if new:
        write_text(path, csv_text([_row(each) for each in (*known, *new)]))
    return len(new)


def _row(each: Recording) -> dict[str, str]:
    return {name: getattr(each, name) for name in COLUMNS}


def changes(history: Sequence[Recording]) -> list[tuple[Recording, Recording | None]]:
    """Each recording with the one before it of the same method and mix, newest first."""
    before: dict[tuple[str, str], Recording] = {}
    found = []
    for each in history:
        found.append((each, before.get((each.mix, each.method))))
        before[each.mix, each.method] = each
    return found[::-1]
