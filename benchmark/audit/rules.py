"""Rules on MAE against DSC, and on rows that occur twice.

**Conventions**

1. A case with foreground share p and DSC D has at least 2 p (1 - D) / (2 - D) of its pixels wrong:
   least where nothing is predicted outside. A wrong pixel of a map cut at one half is off by at
   least a half, so the MAE of the map is at least p (1 - D) / (2 - D). The bound holds for maps as
   they leave the sigmoid and all the more for masks; it does not hold after min-max.
2. With only the mean of D known, the sum of p (1 - D) / (2 - D) is smallest where the cases with
   the smallest p have D = 0 and all others D = 1, for it is concave in D: a bound for the mean.
3. A row occurs twice where its method, data set, heading and all other words are the same. That
   contradicts the table only where the other rows have names of their own (`evidence`).

**Sources** Convention 1 is counting: of p N pixels, TP are hit.
"""

import math
from itertools import combinations

import numpy as np

from benchmark.audit.evidence import ROWS, habit, softened
from benchmark.audit.finding import TINY, Finding, Known, Level, Outcome, at, count, printed, show
from benchmark.audit.table import Row, Table, plain

DIGITS = 3  # printed digits below which two equal numbers are no surprise


def least_mae(p: np.ndarray, dsc: float) -> float:
    """The smallest mean MAE that a mean DSC allows (Conventions, 2).

    Args:
        p: foreground shares of the cases (n,).
    """
    lost = len(p) * (1 - dsc)  # so many cases at DSC 0, the last one in part
    whole = min(math.floor(lost + TINY), len(p))
    smallest = np.sort(p)
    part = smallest[whole] * (lost - whole) if whole < len(p) else 0.0
    return float((smallest[:whole].sum() + part) / (2 * len(p)))


def soft_error(table: Table, known: Known) -> Outcome:
    """MAE against DSC, where the foreground shares of the test set are known."""
    rows = [row for row in table.rows if {"dsc", "mae"} <= row.cells.keys() and not row.is_average]
    if not rows:
        return Outcome((), "nothing", ["no row has both DSC and MAE"])
    without: dict[str, str] = {}
    for row in rows:
        if plain(row.dataset) not in known.shares:
            without.setdefault(plain(row.dataset), row.dataset)
    skipped = [
        f"{name or 'the test set'}: the foreground share of each case is not known (--shares)"
        for name in sorted(without.values())
    ]
    checked = [row for row in rows if plain(row.dataset) not in without]
    findings = [found for row in checked if (found := _soft_error(row, known))]
    return Outcome(
        findings, count(len(checked), "row") + " with DSC, MAE and known shares", skipped
    )


def _soft_error(row: Row, known: Known) -> Finding | None:
    dsc, mae, p = row.cells["dsc"], row.cells["mae"], known.shares[plain(row.dataset)]
    least = least_mae(p, min(dsc.high, 1.0))
    if mae.high >= least - TINY:
        return None
    what = "MAE is smaller than DSC allows for a map cut at one half, on these test cases."
    arithmetic = (
        f"with a mean DSC of at most {show(min(dsc.high, 1.0), dsc)} over {len(p)} cases whose"
        f" foreground shares average {p.mean():.4f}, the mean of p(1−D)/(2−D) is at least"
        f" {least:.5f} (the cases with the smallest p missed, all others perfect); printed MAE"
        f" {printed(mae)}"
    )
    return Finding("mae", "cannot be", at(row), what, arithmetic)


def twice(table: Table, known: Known) -> Outcome:
    """Rows that occur twice: one method and dataset, or the same numbers."""
    seen: dict[tuple[object, ...], Row] = {}
    findings, doubled = [], set()
    for row in (row for row in table.rows if row.cells and (row.method or row.dataset)):
        first = seen.setdefault(row.key, row)
        if first is row:
            continue
        lines, level = f"lines {first.line} and {row.line}", _level(first, row)
        what = "The same method on the same dataset stands here twice."
        findings.append(Finding("twice", level, at(row), what, lines))
        doubled.add(row.key[:-1])
    single = {row.key[:-1] for row in seen.values()} - doubled
    if not habit(len(single), len(doubled), ROWS):
        why = f"that names tell rows apart ({len(single)} do, {len(doubled)} do not)"
        findings = [softened(f, why) if f.level == "does not agree" else f for f in findings]
    findings += _same_numbers(table)
    return Outcome(findings, count(len(table.rows), "row"))


def _level(one: Row, other: Row) -> Level:
    """Two rows may be of two settings where further columns of numbers differ."""
    numbers = [{name: cell.text for name, cell in row.others.items()} for row in (one, other)]
    return "does not agree" if numbers[0] == numbers[1] else "look again"


def _same_numbers(table: Table) -> list[Finding]:
    by_method: dict[str, list[Row]] = {}
    for row in table.rows:
        by_method.setdefault(row.method, []).append(row)
    findings = []
    for one, other in combinations(by_method, 2):
        pairs = [
            (a, b, shared)
            for a in by_method[one]
            for b in by_method[other]
            if plain(a.dataset) == plain(b.dataset) and (shared := _shared(a, b))
        ]
        every = len(pairs) > 1 and len(pairs) == len(by_method[one]) == len(by_method[other])
        if every:
            what = f"{one} and {other} have the same numbers on all {len(pairs)} datasets."
            findings.append(_same(pairs[0][1], what, "; ".join(text for _, _, text in pairs)))
        else:
            findings += [
                _same(b, f"{one} has the same numbers as {other} here (line {a.line}).", text)
                for a, b, text in pairs
            ]
    return findings


def _same(row: Row, what: str, arithmetic: str) -> Finding:
    return Finding("twice", "look again", at(row), what, arithmetic)


def _shared(one: Row, other: Row) -> str:
    """The numbers of both rows, where all are the same and there are enough to wonder."""
    texts = {name: cell.text for name, cell in one.cells.items()}
    if texts != {name: cell.text for name, cell in other.cells.items()} or len(texts) < 2:
        return ""
    long = [t for t in texts.values() if len(t.replace(".", "").lstrip("0")) >= DIGITS]
    return ", ".join(f"{name} {text}" for name, text in texts.items()) if len(long) > 1 else ""
