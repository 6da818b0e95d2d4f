"""The rule on stated averages.

**Conventions**

1. A stated average may lie off the average of the printed rows by their rounding and its own. It is
   held against the plain mean, with and without a row of the background, and, where the cases are
   known, against the mean weighed by them.
2. An «overall» of unknown cases may be any weighed mean, or of pooled pixels.
3. Folds and centres differ in size. Where one set of weights, each from half to twice an equal
   share, gives all averages of a printed row, they may be weighed. One column shows no weights.
4. A stated average contradicts its rows only where other averages of its metric show that they are
   means of the same rows (`evidence`).
5. A last digit that is cut off, not rounded, is told as such, unless the other averages of the
   table are rounded.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from benchmark.audit.cells import Cell
from benchmark.audit.columns import is_mean
from benchmark.audit.evidence import MEANS, majority, softened
from benchmark.audit.finding import TINY, Finding, Known, Level, Outcome, at, count, gap, show
from benchmark.audit.table import Row, Table, plain, spelled

FEW = 3  # averages below which nothing is known of a table's habit


@dataclass(frozen=True)
class Stated:
    """A stated average and its rows.

    Attributes:
        parts: the cases, where they are known, and the cell of each row.
        named: the data set and the cell of each row.
    """

    row: Row
    name: str
    parts: Sequence[tuple[int | None, Cell]]
    named: Sequence[tuple[str, Cell]]

    @property
    def cell(self) -> Cell:
        """The average as printed."""
        return self.row.cells[self.name]

    @property
    def slack(self) -> float:
        """How far rounding may take it off the average of the printed rows."""
        return self.cell.slack + sum(c.slack for _, c in self.parts) / len(self.parts)

    @property
    def mean(self) -> float:
        """The plain mean of the printed rows."""
        return sum(c.share for _, c in self.parts) / len(self.parts)

    @property
    def weighed(self) -> float | None:
        """The mean weighed by cases; None where they are not known."""
        if not all(n for n, _ in self.parts):
            return None
        return sum((n or 0) * c.share for n, c in self.parts) / sum(n or 0 for n, _ in self.parts)

    @property
    def mean_of_foreground(self) -> float | None:
        """The plain mean without the background, where that is among the rows."""
        shares = [c.share for name, c in self.named if not re.search(r"back|\bbg\b", name, re.I)]
        whole = len(shares) in (0, len(self.parts))
        return None if whole else sum(shares) / len(shares)

    @property
    def off(self) -> float:
        """By how much the nearer of the means is above the printed one."""
        every = self.mean, self.weighed, self.mean_of_foreground
        means = [mean for mean in every if mean is not None]
        return min((mean - self.cell.share for mean in means), key=abs)

    @property
    def right(self) -> bool:
        """Whether one of the means is the printed one within rounding."""
        return abs(self.off) <= self.slack + TINY

    @property
    def units(self) -> float:
        """The same in units of the last printed digit."""
        return self.off / (2 * self.cell.slack)


def averages(table: Table, known: Known) -> Outcome:
    """Stated averages against the rows (Conventions)."""
    stated: list[Stated] = []
    few: dict[str, list[str]] = {}
    for row in (row for row in table.rows if row.is_average):
        mine = [r for r in table.rows if _is_part(r, row)]
        for name in row.cells:
            parts = [(known.cases(r), r.cells[name]) for r in mine if name in r.cells]
            if len(parts) < 2:
                few.setdefault(name, []).append(row.method)
            else:
                named = [(r.dataset, r.cells[name]) for r in mine if name in r.cells]
                stated.append(Stated(row, name, parts, named))
    skipped = [
        f"{name}{' of ' + methods[0] if len(methods) == 1 and methods[0] else ''}: fewer than two"
        " datasets in the table"
        for name, methods in few.items()
    ]
    if not any(row.is_average for row in table.rows):
        skipped.append("no row states an average (dataset: average)")
    weighed = _weighed_lines(stated)
    findings = [found for each in stated if (found := _average(each, stated, weighed))]
    return Outcome(findings, count(len(stated), "stated average"), skipped)


def _is_part(part: Row, whole: Row) -> bool:
    """Whether a row is one of those that an average is over."""
    if spelled(part.method) != spelled(whole.method) or part.is_summary:
        return False
    if whole.block and part.block != whole.block:
        return False
    fixed = [(a, b) for a, b in zip(part.places, whole.places, strict=True)
             if b and not is_mean(b)]  # fmt: skip
    return all(plain(a) == plain(b) for a, b in fixed)


def _weighed_lines(stated: Sequence[Stated]) -> set[int]:
    """Lines whose averages one set of weights explains (Conventions, 3)."""
    lines: dict[int, list[Stated]] = {}
    for each in stated:
        lines.setdefault(each.row.line, []).append(each)
    return {line for line, found in lines.items() if _one_weighing(found)}


def _one_weighing(found: Sequence[Stated]) -> bool:
    """Whether several averages are off, and the same weights of their rows give all of them."""
    from scipy.optimize import linprog  # slow to import, and wanted here alone

    rows = len(found[0].parts)
    off = sum(not each.right for each in found)
    if off < 2 or off <= rows // 2 or any(len(each.parts) != rows for each in found):
        return False
    shares = [[cell.share for _, cell in each.parts] for each in found]
    ends = [(each.cell.share, each.slack + TINY) for each in found]
    above = [*shares, *([-share for share in row] for row in shares)]
    most = [*(value + slack for value, slack in ends), *(slack - value for value, slack in ends)]
    limits = (1 / (2 * rows), 2 / rows)
    done = linprog([0.0] * rows, above, most, [[1.0] * rows], [1.0], bounds=limits)
    return bool(done.success)


def _average(each: Stated, stated: Sequence[Stated], weighed: Set[int]) -> Finding | None:
    cell, off = each.cell, each.off
    if each.right:
        return None
    shares = [c.share for _, c in each.parts]
    level: Level = "does not agree"
    what = f"The stated average of {each.name} is not the average of its rows."
    if 0 < off <= each.slack + cell.slack + TINY and _cut([s for s in stated if s is not each]):
        level, what = "look again", f"The stated average of {each.name} is cut off, not rounded."
    elif each.name == "score":  # of a table that names no metric
        level = "look again"
    elif each.row.line in weighed:
        level = "look again"
        what = f"The stated average of {each.name} fits a weighed mean, not the plain one."
    elif each.row.is_loose and each.weighed is None and min(shares) <= cell.share <= max(shares):
        level, name = "look again", f"{each.row.dataset.casefold()} {each.name}"
        what = f"The stated {name} is not the plain average of its rows."
    sums = " + ".join(c.text for _, c in each.parts)
    listed = f"({sums}) / {len(shares)} = {show(each.mean, cell)}"
    if each.weighed is not None:
        sizes = ", ".join(str(n) for n, _ in each.parts)
        listed += f"; weighed by cases ({sizes}): {show(each.weighed, cell)}"
    arithmetic = f"{listed}; printed {cell.text}, where rounding allows ± {gap(each.slack, cell)}"
    found = Finding("averages", level, at(each.row), what, arithmetic)
    return found if level != "does not agree" else _by_evidence(found, each, stated)


def _by_evidence(found: Finding, each: Stated, stated: Sequence[Stated]) -> Finding:
    """The finding, softer where no other averages are means of these rows (Conventions, 4)."""
    over = [plain(name) for name, _ in each.named]
    alike = [s for s in stated if s.name == each.name and [plain(n) for n, _ in s.named] == over]
    right = sum(s.right for s in alike)
    if majority(right, len(alike) - right, MEANS):
        return found
    return softened(
        found,
        f"that averages of {each.name} are means of these rows ({right} of {len(alike)} are, and"
        f" {MEANS} and half of them have to be)",
    )


def _cut(others: Sequence[Stated]) -> bool:
    """Whether the last digit of averages is cut off: they lie half a unit too low on the whole."""
    return len(others) < FEW or sum(each.units for each in others) / len(others) > 0.25
