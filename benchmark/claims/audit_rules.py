"""Rules that look at single rows: units, bounds between metrics, rows that occur twice.

**Conventions**

1. DSC D and IoU J of one case satisfy J = D / (2 - D), which is convex: means over the same cases
   satisfy D / (2 - D) <= J <= D (Jensen; the chord from 0 to 1). Means of such means do too.
2. A case with foreground share p and DSC D has at least 2 p (1 - D) / (2 - D) of its pixels wrong:
   least where nothing is predicted outside. A wrong pixel of a map cut at one half is off by at
   least a half, so the MAE of the map is at least p (1 - D) / (2 - D). The bound holds for maps as
   they leave the sigmoid and all the more for masks; it does not hold after min-max.
3. With only the mean of D known, the sum of p (1 - D) / (2 - D) is smallest where the cases with
   the smallest p have D = 0 and all others D = 1, for it is concave in D: a bound for the mean.

**Sources** Jensen 1906; Convention 2 is counting: of p N pixels, TP are hit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import median

import numpy as np

from benchmark.claims.audit_finding import (
    TINY,
    Finding,
    Known,
    Outcome,
    at,
    count,
    gap,
    printed,
    show,
)
from benchmark.claims.audit_table import Cell, Row, Table, plain

LIKE = 3.0  # two numbers within this factor of each other are of one size
FINE, NEARLY = 0.00005, 0.97  # finest rounding, and DSC, beyond which equality is no surprise
DIGITS = 3  # printed digits below which two equal numbers are no surprise


def scaled(table: Table) -> tuple[Table, Outcome]:
    """The table with percentages told from fractions, and where the two are mixed."""
    scales, findings = {}, []
    shares = [name for name, column in table.columns.items() if column.share]
    for name in shares:
        cells = [(row, row.cells[name]) for row in table.rows if name in row.cells]
        values = [cell.value for _, cell in cells if cell.scale == 1]
        if not values:
            scales[name] = 100.0 if cells else 1.0
            continue
        scales[name] = _scale_of(name, values)
        odd = [(row, cell) for row, cell in cells if _is_other(cell, values, scales[name])]
        findings += _mixed(name, odd, len(cells), scales[name])
        findings += [_too_large(row, name) for row, cell in cells
                     if scales[name] == 1 and cell.scale == 1 and cell.low > 1
                     and (row, cell) not in odd]  # fmt: skip
        other = {(row.line, row.dataset) for row, _ in odd}
        table = table.with_rows([_rescale(r, name, scales[name], other) for r in table.rows])
    findings += _columns_differ({n: s for n, s in scales.items() if n != "mae"})
    return table, Outcome(findings, count(len(shares), "column") + " of shares")


def _scale_of(name: str, values: Sequence[float]) -> float:
    """MAE in per cent is often below 1 somewhere; the others hardly ever."""
    typical = max(values) if name == "mae" else median(values)
    return 100.0 if typical > 1 else 1.0


def _is_other(cell: Cell, values: Sequence[float], scale: float) -> bool:
    """Whether a number is a fraction among percentages, or a percentage among fractions."""
    mine = [v for v in values if (v > 1) == (scale > 1)]
    if not mine or cell.scale > 1 or cell.value == 0 or (cell.value > 1) == (scale > 1):
        return False
    factor = 100 if scale > 1 else 0.01
    like = 1 / LIKE <= cell.value * factor / median(mine) <= LIKE
    far = cell.value * 10 < min(mine) if scale > 1 else cell.value > 10 * max(mine)
    return like and far


def _mixed(name: str, odd: Sequence[tuple[Row, Cell]], of: int, scale: float) -> list[Finding]:
    if not odd:
        return []
    one, many = ("fraction", "percentages") if scale > 1 else ("percentage", "fractions")
    listed = "; ".join(f"{at(row)}: {cell.text}" for row, cell in odd[:5])
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    what = f"{name}: {len(odd)} of {of} numbers read as a {one} among {many}."
    return [Finding("units", "does not agree", at(odd[0][0]), what, listed + more)]


def _too_large(row: Row, name: str) -> Finding:
    cell = row.cells[name]
    what = f"{name} is larger than 1, the largest that a share can be."
    return Finding("units", "cannot be", at(row), what, f"{cell.text} > 1")


def _rescale(row: Row, name: str, scale: float, other: set[tuple[int, str]]) -> Row:
    cell = row.cells.get(name)
    if cell is None or cell.scale > 1:
        return row
    mine = 100 / scale if (row.line, row.dataset) in other else scale
    return replace(row, cells={**row.cells, name: replace(cell, scale=mine)})


def _columns_differ(scales: dict[str, float]) -> list[Finding]:
    if len(set(scales.values())) < 2:
        return []
    percent = ", ".join(name for name, scale in scales.items() if scale > 1)
    fractions = ", ".join(name for name, scale in scales.items() if scale == 1)
    what = "Some columns are percentages and some are fractions."
    arithmetic = f"percentages: {percent}; fractions: {fractions}"
    return [Finding("units", "look again", "the header", what, arithmetic)]


def overlap(table: Table, known: Known) -> Outcome:
    """DSC against IoU (Conventions, 1)."""
    rows = [row for row in table.rows if {"dsc", "iou"} <= row.cells.keys()]
    findings = [found for row in rows if (found := _overlap(row))]
    skipped = [] if rows else ["no row has both DSC and IoU"]
    return Outcome(findings, count(len(rows), "row") + " with DSC and IoU", skipped)


def _overlap(row: Row) -> Finding | None:
    dsc, iou = row.cells["dsc"], row.cells["iou"]
    least = max(dsc.low, 0) / (2 - max(dsc.low, 0))
    if iou.high < least - TINY:
        sum_ = (
            f"DSC {printed(dsc)}: IoU is at least D/(2−D) = {show(least, iou)};"
            f" printed {printed(iou)}, short by {gap(least - iou.high, iou)}"
        )
    elif iou.low > dsc.high + TINY:
        sum_ = f"IoU {printed(iou)} is above DSC {printed(dsc)}; IoU is at most DSC"
    else:
        return _at_the_bound(row, dsc, iou)
    what = "DSC and IoU are not from the same masks, or one is a soft Dice."
    return Finding("overlap", "cannot be", at(row), what, sum_)


def _at_the_bound(row: Row, dsc: Cell, iou: Cell) -> Finding | None:
    """Means over cases that differ lie above the bound: at it, one was made from the other."""
    low, high = dsc.low / (2 - dsc.low), dsc.high / (2 - dsc.high)
    fine = dsc.slack <= FINE + TINY and iou.slack <= FINE + TINY
    if not fine or dsc.share > NEARLY or iou.high < low - TINY or iou.low > high + TINY:
        return None
    what = (
        "IoU is D/(2−D) of the printed DSC: pixels were pooled over all cases, or one of the two"
        " was computed from the other. Means over cases that differ give a larger IoU."
    )
    exact = dsc.share / (2 - dsc.share)
    arithmetic = f"{dsc.text}: D/(2−D) = {show(exact, iou)}; printed {printed(iou)}"
    return Finding("overlap", "look again", at(row), what, arithmetic)


def least_mae(p: np.ndarray, dsc: float) -> float:
    """The smallest mean MAE that a mean DSC allows (Conventions, 3).

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
    without = {row.dataset for row in rows if plain(row.dataset) not in known.shares}
    skipped = [
        f"{name or 'the test set'}: the foreground share of each case is not known (--shares)"
        for name in sorted(without)
    ]
    checked = [row for row in rows if row.dataset not in without]
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
    seen: dict[tuple[str, str], Row] = {}
    findings = []
    for row in table.rows:
        first = seen.setdefault(row.key, row)
        if first is not row:
            what = "The same method on the same dataset stands here twice."
            lines = f"lines {first.line} and {row.line}"
            findings.append(Finding("twice", "does not agree", at(row), what, lines))
    findings += _same_numbers(table)
    return Outcome(findings, count(len(table.rows), "row"))


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
