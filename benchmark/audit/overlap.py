"""The rule on DSC and IoU: rows that leave what one convention allows, and what they come from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmark.audit.conventions import Pair, could_come_from, least, told
from benchmark.audit.evidence import ROWS, majority, softened
from benchmark.audit.finding import (
    HARD,
    TINY,
    Finding,
    Known,
    Level,
    Outcome,
    at,
    count,
    printed,
    show,
)
from benchmark.audit.metrics import letters
from benchmark.audit.table import Row, Table, plain

FINE, NEARLY = 0.00005, 0.97  # finest rounding, and DSC, beyond which equality is no surprise
LIKE = 3.0  # two numbers within this factor of each other are of one size
SHOWN = 4  # rows of which a finding on many gives the numbers


@dataclass(frozen=True)
class Breach:
    """A row whose DSC and IoU are not of one convention."""

    row: Row
    pair: Pair


def overlap(table: Table, known: Known) -> Outcome:
    """DSC against IoU (`conventions`)."""
    rows = [row for row in table.rows if {"dsc", "iou"} <= row.cells.keys()]
    pairs = [Breach(row, _pair(row, known)) for row in rows]
    breaches = [each for each in pairs if each.pair.side]
    why = _other_f1(table, breaches, len(pairs))
    findings = [softened(f, why) if why and f.level in HARD else f
                for f in _judged(table, breaches, len(pairs))]  # fmt: skip
    findings += _pooled([each for each in pairs if _at_the_bound(each.pair)], len(pairs))
    skipped = [] if rows else ["no row has both DSC and IoU"]
    return Outcome(findings, count(len(rows), "row") + " with DSC and IoU", skipped)


def _other_f1(table: Table, breaches: Sequence[Breach], of: int) -> str:
    """What a table does not show whose F1 may be of images, objects or classes."""
    right, wrong = of - len(breaches), len(breaches)
    if not breaches or majority(right, wrong, ROWS):
        return ""
    if not re.search(r"f.?1|f.?score|f.?measure", table.columns["dsc"].title, re.I):
        return ""
    return f"that this F1 is a DSC of the same masks ({right} of {of} rows fit)"


def _unclear(table: Table, breaches: Sequence[Breach]) -> str:
    """Why none of the rows need be wrong; empty where one is."""
    if not any(each.pair.is_clear for each in breaches):
        return "that the numbers were rounded but once, and have no constant (it is that little)"
    if all(_is_small(table, each.row) for each in breaches):
        return "that these are scores, no spreads (others of their columns are far larger)"
    return ""


def _is_small(table: Table, row: Row) -> bool:
    """Whether DSC and IoU are both far below those of the table, as spreads are."""
    rows = [each for each in table.rows if {"dsc", "iou"} <= each.cells.keys()]
    return all(
        row.cells[name].share * LIKE < median(each.cells[name].share for each in rows)
        for name in ("dsc", "iou")
    )


def _pair(row: Row, known: Known) -> Pair:
    shares = known.shares.get(plain(row.dataset))
    harmonic = None
    if {"precision", "sensitivity"} <= row.cells.keys():
        cells = row.cells["precision"], row.cells["sensitivity"]
        low, high = [c.low for c in cells], [c.high for c in cells]
        harmonic = _harmonic(*low), _harmonic(*high)
    n = None if row.is_average else known.cases(row)
    share = known.mean_shares.get(plain(row.dataset), known.mean_shares.get(""))
    return Pair(row.cells["dsc"], row.cells["iou"], n, shares, share, harmonic)


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


def _judged(table: Table, breaches: Sequence[Breach], of: int) -> list[Finding]:
    """One finding where most rows leave the bounds on the same side, else one a row."""
    sides = {each.pair.side for each in breaches}
    if not breaches or len(sides) > 1 or 2 * len(breaches) < of:
        return [_finding(table, [each], of, _made(table, each)) for each in breaches]
    named = _named(table, sides.pop())
    if len(breaches) == 1 and not named:
        return [_finding(table, breaches, of, _made(table, breaches[0]))]
    fitting = [each for each in breaches if not named or named in each.pair.fits()]
    rest = [_finding(table, [each], of, "") for each in breaches if each not in fitting]
    return [*([_finding(table, fitting, of, named)] if fitting else []), *rest]


def _made(table: Table, each: Breach) -> str:
    """Whether the title says F1, and precision and sensitivity make it."""
    f1 = "f1" in letters(table.columns["dsc"].title)
    return "f1 of means" if f1 and "f1 of means" in each.pair.fits() else ""


def _named(table: Table, side: str) -> str:
    """The convention that the titles themselves name: mIoU beside Dice, mDice beside IoU."""
    dsc, iou = table.columns["dsc"].macro, table.columns["iou"].macro
    if side == "high" and iou and not dsc:
        return "iou background"
    return "dsc background" if side == "low" and dsc and not iou else ""


def _finding(table: Table, breaches: Sequence[Breach], of: int, named: str) -> Finding:
    first = breaches[0]
    many = f" and {len(breaches) - 1} more of {of} rows" if len(breaches) > 1 else ""
    shown = "; ".join(_printed(each) for each in breaches[:SHOWN])
    arithmetic = f"{shown}; {could_come_from(first.pair)}"
    fits = [name for each in breaches for name in each.pair.fits()]
    level: Level = "does not agree" if fits else "cannot be"
    what = "No single convention gives this DSC and this IoU for the same masks."
    if named == "f1 of means":
        level = "look again"
        what = "F1 is computed from the mean precision and sensitivity: it is no mean over cases."
    elif named:
        level, what = "look again", "DSC and IoU follow two conventions, as their titles say."
    elif not fits:
        what = "No convention gives this DSC and this IoU for the same masks."
    found = Finding("overlap", level, at(first.row) + many, what, arithmetic)
    why = _unclear(table, breaches) if level in HARD else ""
    return softened(found, why) if why else found


def _printed(each: Breach) -> str:
    pair = each.pair
    return f"DSC {printed(pair.dsc)}: {told(pair)}; printed {printed(pair.iou)}"


def _at_the_bound(pair: Pair) -> bool:
    """Whether IoU is D/(2−D) to the last of four digits or more."""
    dsc, iou = pair.dsc, pair.iou
    low, high = least(max(dsc.low, 0)), least(min(dsc.high, 1))
    fine = dsc.slack <= FINE + TINY and iou.slack <= FINE + TINY
    alike = iou.high >= low - TINY and iou.low <= high + TINY
    return fine and alike and pair.n != 1 and 0 < dsc.share <= NEARLY


def _pooled(found: Sequence[Breach], of: int) -> list[Finding]:
    """Means over cases that differ lie above the bound: at it, one was made from the other."""
    what = (
        "IoU is D/(2−D) of the printed DSC: pixels were pooled over all cases, or one of the two"
        " was computed from the other. Means over cases that differ give a larger IoU."
    )
    groups = [found] if len(found) > 1 and 2 * len(found) >= of else [[each] for each in found]
    findings = []
    for group in groups:
        many = f" and {len(group) - 1} more of {of} rows" if len(group) > 1 else ""
        sums = "; ".join(
            f"{p.dsc.text}: D/(2−D) = {show(least(p.dsc.share), p.iou)}; printed {printed(p.iou)}"
            for p in (each.pair for each in group[:SHOWN])
        )
        findings.append(Finding("overlap", "look again", at(group[0].row) + many, what, sums))
    return findings
