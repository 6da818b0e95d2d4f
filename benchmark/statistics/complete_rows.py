"""The rows that are complete over the test sets of one mix or of several: what is ranked.

**Conventions**

1. A row is complete if it has every test set of every mix and, where it is trained, three
   seeds. The others are named with their reason, and no number is an average over fewer.
2. Scores are turned so that more is better: columns of which less is better change their sign.
3. A test set is named as it is, or `mix: test set` where there are several mixes. Modalities weigh
   equally, and the test sets of one modality equally.

**Sources** none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.crossed import Grouping
from benchmark.statistics.differences import Missing, side, values_of
from benchmark.statistics.method_level import too_few
from benchmark.statistics.schema import DSC, Array, is_lower
from benchmark.statistics.table import Entry, ScoreTable


@dataclass(frozen=True)
class SetValues:
    """One test set of one mix.

    Attributes:
        values: by row, (seeds, cases), more is better.
    """

    name: str
    mix: str
    modality: str
    grouping: Grouping
    values: tuple[Array, ...]


@dataclass(frozen=True)
class CompleteRows:
    """Complete rows over all test sets.

    Attributes:
        keys, titles: of the rows.
        trained: which rows have a seed term.
        weights: of the sets; together 1.
        incomplete: title and reason of the rows that are not complete.
        column: as in scores.csv.
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    trained: tuple[bool, ...]
    sets: tuple[SetValues, ...]
    weights: tuple[float, ...]
    incomplete: tuple[tuple[str, str], ...]
    column: str

    def means(self) -> Array:
        """Mean over seeds and cases, (sets, rows)."""
        return np.array([[v.mean() for v in each.values] for each in self.sets])


def complete_rows(
    tables: Mapping[str, ScoreTable], keys: Sequence[str], column: str = DSC
) -> CompleteRows:
    """Puts the complete ones of some rows side by side.

    Args:
        tables: by mix.
        keys: of the rows, as `Entry.key`.
        column: a column of scores.csv.
    """
    complete: list[Entry] = []
    incomplete: list[tuple[str, str]] = []
    for key in keys:
        entries = [_entry(table, key) for table in tables.values()]
        why = _why_not(tables, entries, column)
        known = [entry for entry in entries if entry]
        if why:
            incomplete.append((known[0].title if known else key, why))
        else:
            complete.append(known[0])
    sets = tuple(_sets(tables, [entry.key for entry in complete], column))
    modalities = [each.modality for each in sets]
    return CompleteRows(
        keys=tuple(entry.key for entry in complete),
        titles=tuple(entry.title for entry in complete),
        trained=tuple(entry.trained for entry in complete),
        sets=sets,
        weights=tuple(1 / (len(set(modalities)) * modalities.count(m)) for m in modalities),
        incomplete=tuple(incomplete),
        column=column,
    )


def _entry(table: ScoreTable, key: str) -> Entry | None:
    return next((entry for entry in table.entries if entry.key == key), None)


def _why_not(tables: Mapping[str, ScoreTable], entries: Sequence[Entry | None], column: str) -> str:
    """Why a row is not complete; empty where it is."""
    for (mix, table), entry in zip(tables.items(), entries, strict=True):
        if entry is None:
            return f"not planned on {mix}"
        for each in table.sets:
            found = side(table, entry, {each.name: 1.0}, column)
            if isinstance(found, Missing):
                return _words(found, each.name)
            why = too_few([entry], [found.seeds], 2)
            if why:
                return why.removeprefix(f"{entry.title}: ")
    return "" if any(table.sets for table in tables.values()) else "no test set"


def _words(found: Missing, name: str) -> str:
    if not found.runs:
        return found.why
    first = found.runs[0]
    return f"seed {first.seed}{f' on {name}' if first.dataset else ''}: {first.why}"


def _sets(tables: Mapping[str, ScoreTable], keys: Sequence[str], column: str) -> list[SetValues]:
    sign = -1.0 if is_lower(column) else 1.0
    found = []
    for mix, table in tables.items():
        entries = [entry for key in keys if (entry := _entry(table, key))]
        for each in table.sets:
            if not each.cases:
                continue
            found.append(
                SetValues(
                    name=each.name if len(tables) == 1 else f"{mix}: {each.name}",
                    mix=mix,
                    modality=each.modality,
                    grouping=Grouping.of(each.groups),
                    values=tuple(
                        sign * values_of(table, entry, each.name, column) for entry in entries
                    ),
                )
            )
    return found
