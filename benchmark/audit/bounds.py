"""Exact rules between the means of a row: IoU, DSC, precision, sensitivity, accuracy, distances.

**Conventions**

1. With precision P, sensitivity S, specificity C and accuracy A of one case: J <= P, J <= S,
   D <= (P + S) / 2 (a harmonic mean), P + S - 1 <= J, S + C - 1 <= A, HD95 <= HD, ASSD <= HD. All
   are linear, so they hold for means over the same cases.
2. They hold where no reference mask is empty; an empty prediction breaks none of them, whether its
   precision counts as 0, as 1 or not at all. Where reference masks may be empty, a mean that breaks
   a rule by x needs at least the share x of such cases: that is unlikely, not impossible.
3. For one case they are equations: D = 2 P S / (P + S), 1 / J = 1 / P + 1 / S - 1.

**Sources** counting; `conventions` for DSC against IoU.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.audit.cells import Cell
from benchmark.audit.evidence import ROWS, majority
from benchmark.audit.finding import TINY, Finding, Known, Level, Outcome, at, count, gap, printed
from benchmark.audit.table import Row, Table, plain

Cells = Sequence[Cell]


@dataclass(frozen=True)
class Bound:
    """One rule.

    Attributes:
        metrics: that it needs.
        text: as a formula.
        excess: by how much printed numbers break it however they were rounded; negative where not.
        always: whether it holds with empty masks too.
        single: whether it is an equation that holds for one case alone.
    """

    metrics: tuple[str, ...]
    text: str
    excess: Callable[[Cells], float]
    always: bool = False
    single: bool = False


def _at_most(cells: Cells) -> float:
    return cells[0].low - cells[1].high


def _below_middle(cells: Cells) -> float:
    return cells[0].low - (cells[1].high + cells[2].high) / 2


def _above_overlap(cells: Cells) -> float:
    return cells[1].low + cells[2].low - 1 - cells[0].high


def _harmonic(cells: Cells) -> float:
    low, high = ([getattr(c, end) for c in cells[1:]] for end in ("low", "high"))
    ends = [2 * p * s / (p + s) if p + s > 0 else 0.0 for p, s in (low, high)]
    return max(cells[0].low - ends[1], ends[0] - cells[0].high)


def _union(cells: Cells) -> float:
    low, high = ([getattr(c, end) for c in cells[1:]] for end in ("low", "high"))
    ends = [p * s / (p + s - p * s) if p + s > 0 else 0.0 for p, s in (low, high)]
    return max(cells[0].low - ends[1], ends[0] - cells[0].high)


BOUNDS = (
    Bound(("iou", "precision"), "IoU ≤ precision", _at_most),
    Bound(("iou", "sensitivity"), "IoU ≤ sensitivity", _at_most),
    Bound(("dsc", "precision", "sensitivity"), "DSC ≤ (precision + sensitivity) / 2",
          _below_middle),
    Bound(("iou", "precision", "sensitivity"), "IoU ≥ precision + sensitivity − 1",
          _above_overlap),
    Bound(("dsc", "precision", "sensitivity"), "DSC ≥ precision + sensitivity − 1",
          _above_overlap),
    Bound(("accuracy", "sensitivity", "specificity"), "accuracy ≥ sensitivity + specificity − 1",
          _above_overlap),
    Bound(("hd95", "hd"), "HD95 ≤ HD", _at_most, always=True),
    Bound(("assd", "hd"), "ASSD ≤ HD", _at_most, always=True),
    Bound(("dsc", "precision", "sensitivity"), "DSC = 2PS/(P+S)", _harmonic, single=True),
    Bound(("iou", "precision", "sensitivity"), "1/IoU = 1/P + 1/S − 1", _union, single=True),
)  # fmt: skip


def bounds(table: Table, known: Known) -> Outcome:
    """Every rule on every row that has its metrics (Conventions)."""
    tested, findings = 0, []
    for bound in BOUNDS:
        rows = [row for row in table.rows if set(bound.metrics) <= row.cells.keys()]
        if len({_unit(table.columns[name].title) for name in bound.metrics if rows} - {""}) > 1:
            continue
        if bound.single:
            rows = [row for row in rows if known.cases(row) == 1 and not row.is_average]
        tested += len(rows)
        broken = [(row, excess) for row in rows if (excess := _excess(bound, row)) > TINY]
        if len(broken) > 1 and 2 * len(broken) >= len(rows):
            findings.append(_finding(bound, broken, known, len(rows)))
        else:
            findings += [_finding(bound, [each], known, len(rows)) for each in broken]
    skipped = [] if tested else ["no row has the metrics of one of these rules"]
    return Outcome(_once(findings), count(tested, "comparison"), skipped)


def _unit(title: str) -> str:
    """The unit that a title of a distance gives."""
    found = re.search(r"[(\[]\s*(mm|cm|px|pix|vox)", title, re.I)
    return found[1].casefold() if found else ""


def _excess(bound: Bound, row: Row) -> float:
    return bound.excess([row.cells[name] for name in bound.metrics])


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """One finding a row: the worst, the first of equals."""
    order = ("cannot be", "does not agree", "unlikely", "look again")
    found: dict[str, Finding] = {}
    for each in sorted(findings, key=lambda f: order.index(f.level)):
        found.setdefault(each.where, each)
    return list(found.values())


def _finding(bound: Bound, broken: Sequence[tuple[Row, float]], known: Known, of: int) -> Finding:
    row, _ = broken[0]
    excess = max(each for _, each in broken)
    many = f" and {len(broken) - 1} more of {of} rows" if len(broken) > 1 else ""
    sums = "; ".join(
        ", ".join(f"{name} {printed(each.cells[name])}" for name in bound.metrics)
        for each, _ in broken[:3]
    )
    like = row.cells[bound.metrics[0]]
    arithmetic = f"{sums}; broken by {gap(excess, like)}"
    level: Level = "does not agree"
    what = f"The means of this row break {bound.text}."
    if bound.always and len(broken) > 1 and not majority(of - len(broken), len(broken), ROWS):
        level = "unlikely"
        arithmetic += "; not shown: that both titles mean what they are read as, in one unit"
    elif bound.always:
        level = "cannot be"
    elif bound.single:
        what = f"{bound.text} is exact for one case, and the row breaks it."
    elif not _no_empty(row, known):
        level, arithmetic = "unlikely", f"{arithmetic}; {_explained(row, known, excess)}"
    return Finding("bounds", level, at(row) + many, what, arithmetic)


def _no_empty(row: Row, known: Known) -> bool:
    """Whether every reference mask is known to have a lesion."""
    shares = known.shares.get(plain(row.dataset))
    return shares is not None and bool((shares > 0).all())


def _explained(row: Row, known: Known, excess: float) -> str:
    """The share of cases with an empty reference mask that would explain it."""
    n = known.cases(row)
    cases = f" ({math.ceil(excess * n - TINY)} of {n})" if n else ""
    return (
        f"this needs an empty reference mask in at least {100 * excess:.3g} % of the cases{cases},"
        " or a metric that includes the background"
    )
