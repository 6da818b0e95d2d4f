"""Numbers that others have published, beside ours, and which convention would give them.

**Conventions**

1. A reported number stands for all that print like it: 0.905 is 0.9045 to 0.9055. Shares above 1
   are percentages.
2. It is held against the column of its protocol, the headline's where none is stated. It agrees
   where our mean gives it within rounding, or where it lies in our 95 % method interval; that
   needs three seeds. Without an interval nothing but rounding can be said.
3. Only a number of the same setting (data, split, recipe) can be out of tolerance. The others are
   shown, for what they are.
4. The protocols named are those whose mean over seeds gives the number within rounding.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from benchmark.audit.cells import NUMBER
from benchmark.audit.forms import read_rows
from benchmark.claims import names
from benchmark.core.errors import ScoreTableError
from benchmark.core.files import shown
from benchmark.core.text import did_you_mean
from benchmark.statistics.method_level import MethodInterval, method_intervals
from benchmark.statistics.results import MixResults
from benchmark.statistics.schema import metric_of, scored
from benchmark.statistics.table import Entry

COLUMNS = ("method", "source", "table", "dataset", "metric", "value", "protocol", "setting")
Setting = Literal["same", "different"]
VERDICTS = ("agrees", "out of tolerance", "no interval", "other setting", "no run")
TINY = 1e-9


@dataclass(frozen=True)
class Reported:
    """A published number.

    Attributes:
        method: a method of ours; dataset: a dataset of ours, where it is one.
        value: a share, or in the unit of the metric.
        rounding: half a unit of the last printed digit, likewise.
        protocol: the column of ours that is its convention; empty where it is not known.
        where: file and line.
    """

    method: str
    source: str
    table: str
    dataset: str
    metric: str
    value: float
    rounding: float
    protocol: str
    setting: Setting
    where: str


@dataclass(frozen=True)
class Checked:
    """A published number beside ours.

    Attributes:
        ours, low, high: mean and 95 % method interval; None where there is none.
        protocols: conventions that give the number within rounding, with what they give.
        nearest: else the convention that comes nearest.
        verdict: one of VERDICTS.
        why: one sentence.
    """

    reported: Reported
    ours: float | None
    low: float | None
    high: float | None
    protocols: tuple[tuple[str, float], ...]
    nearest: tuple[str, float] | None
    verdict: str
    why: str


def read_reported(
    root: Path, file: Path | None = None, methods: Mapping[str, str] | None = None
) -> list[Reported]:
    """Every reported.csv in the folders of methods, or one file.

    Args:
        methods: title by name, to check all names; None leaves names that are not known as they
            are, so that a method of one's own may bring numbers on a data set of its own.

    Raises: ScoreTableError naming the file, the line and the column.
    """
    files = [file] if file else [*sorted(root.glob("baselines/*/reported.csv")),
                                 *sorted(root.glob("mmsnet/**/reported.csv"))]  # fmt: skip
    known = _protocols()
    return [row for path in files for row in _read(root, path, known, methods)]


def _protocols() -> list[str]:
    from benchmark.evaluation.protocols import POOLED, PROTOCOLS  # slow to import

    return [*scored(), *PROTOCOLS, *POOLED]


def _read(
    root: Path, path: Path, known: Sequence[str], methods: Mapping[str, str] | None
) -> list[Reported]:
    header, rows, _ = read_rows(path)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found, expected = f"no column {', '.join(missing)}", f"the columns {', '.join(COLUMNS)}"
        raise ScoreTableError(path, found, expected, "Add it; baselines/README.md describes them.")
    name = shown(path, root)
    return [
        _row(f"{name}, line {line}", dict(zip(header, cells, strict=True)), known, methods)
        for line, cells in rows
    ]


def _row(
    where: str, row: dict[str, str], known: Sequence[str], methods: Mapping[str, str] | None
) -> Reported:
    for column in ("method", "source", "dataset", "metric"):
        if not row[column]:
            raise ScoreTableError(f"{where}, {column}", "empty", "a word", "Fill that cell.")
    if row["setting"] not in get_args(Setting):
        found, expected = f"setting is {row['setting']!r}", "same or different"
        raise ScoreTableError(where, found, expected, "Write one of the two.")
    if row["protocol"] and row["protocol"] not in known:
        do = did_you_mean(row["protocol"], known) or "Leave it empty where it is not known."
        found = f"protocol is {row['protocol']!r}"
        raise ScoreTableError(where, found, "a column of scores.csv", do)
    row |= names.understood(where, row, methods)
    text = row["value"]
    if not NUMBER.match(text) or float(text) < 0:
        found, expected = f"value is {text!r}", "a number from 0, as it is printed"
        raise ScoreTableError(where, found, expected, "Copy the number as it is printed.")
    is_share = names.unit_of(row["metric"]) == "share"
    scale = 0.01 if is_share and float(text) > 1 else 1.0
    value, rounding = float(text) * scale, 0.5 * 10.0 ** -len(text.partition(".")[2]) * scale
    if is_share and value > 1:
        do = "Compare it with the published table."
        raise ScoreTableError(where, f"value is {text}", "at most 100 per cent", do)
    about = row["method"], row["source"], row["table"], row["dataset"], row["metric"]
    setting: Setting = "same" if row["setting"] == "same" else "different"
    return Reported(*about, value, rounding, row["protocol"], setting, where)


def check_reported(rows: Iterable[Reported], results: MixResults) -> list[Checked]:
    """Puts published numbers beside ours, without those of methods or sets not on this mix."""
    sets = {each.name for each in results.table.sets}
    wanted = [
        (row, entry) for row in rows if row.dataset in sets and (entry := results.entry(row.method))
    ]
    columns = {row.protocol or row.metric for row, _ in wanted}
    cells = method_intervals(results.table, sorted(columns)) if wanted else {}
    return [_check(row, entry, results, cells) for row, entry in wanted]


def _check(
    row: Reported,
    entry: Entry,
    results: MixResults,
    cells: dict[tuple[str, str, str], MethodInterval],
) -> Checked:
    values = _values(row, entry, results)
    column = row.protocol or row.metric
    if column not in values:
        why = "not run on this mix" if not values else f"no {column} among our scores"
        return Checked(row, None, None, None, (), None, "no run", why)
    fitting = tuple((name, v) for name, v in values.items() if abs(v - row.value) <= _slack(row))
    nearest = min(values.items(), key=lambda item: abs(item[1] - row.value))
    cell = cells.get((entry.key, row.dataset, column))
    low, high = (None, None) if cell is None or math.isnan(cell.low) else (cell.low, cell.high)
    inside = low is not None and high is not None and _within(row, low, high)
    agrees = inside or column in dict(fitting)
    if agrees:
        why = "in our interval" if inside else "our number, within rounding"
    else:
        why = "no interval for this protocol" if cell is None else cell.why
        why = why or "outside our interval"
    verdict = "agrees" if agrees else "no interval" if low is None else "out of tolerance"
    if row.setting == "different":
        verdict = "other setting"
    found = None if fitting else nearest
    return Checked(row, values[column], low, high, fitting, found, verdict, why)


def _slack(row: Reported) -> float:
    return row.rounding + TINY


def _within(row: Reported, low: float, high: float) -> bool:
    return low - _slack(row) <= row.value <= high + _slack(row)


def _values(row: Reported, entry: Entry, results: MixResults) -> dict[str, float]:
    """What each convention of the metric gives, as the mean over seeds."""
    from benchmark.evaluation.metrics import Counts
    from benchmark.evaluation.protocols import pooled_means

    table = results.table
    names = [row.metric, *(name for name in table.protocols if _is_of(name, row.metric))]
    found = {}
    for name in names:
        values = table.values(entry, row.dataset, name)
        if values is not None and not np.isnan(values).any():
            found[name] = float(values.mean())
    pooled = pooled_means([Counts(*counts) for counts in table.counts(entry, row.dataset)])
    return found | {name: value for name, value in pooled.items() if _is_of(name, row.metric)}


def _is_of(protocol: str, metric: str) -> bool:
    about = metric_of(protocol)
    return about is not None and about.name == metric
