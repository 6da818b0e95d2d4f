"""The rule on marks: best and second marks against the values.

**Conventions**

1. Nobody is ahead of a best mark, and nobody but rows marked as best (or rows of one value) ahead
   of a second one. One row is ahead of another where it is so however both were rounded.
2. Bold may mean something else. Rows that are bold in every column are the paper's own rows where
   their names are bold too, where several are, or where the values contradict several marks. Where
   each of several columns has several best marks, they are the best of groups of rows, or the best
   rows together. Reported numbers, upper bounds and human raters may stand aside.
3. A mark contradicts the values only where the marks of the same kind in other columns are right,
   and one of these stands in another row: else bold may be the paper's own row (`evidence`).
4. A tie or a second mark beside a best mark that is wrong is part of that finding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from benchmark.audit.evidence import COLUMNS, ROWS, habit, softened
from benchmark.audit.finding import Finding, Known, Level, Outcome, ahead, at, count
from benchmark.audit.metrics import METRICS
from benchmark.audit.order import columns_of
from benchmark.audit.table import Row, Table

WORDS = {"best": "best", "second": "second best"}
MOST = 2000  # ways to part the rows that are tried


@dataclass(frozen=True)
class Marked:
    """One metric of one data set.

    Attributes:
        rows: those that have a number, in the order of the file.
    """

    name: str
    better: int
    rows: Sequence[Row]

    @property
    def best(self) -> list[Row]:
        """Those that are marked as best; none where all are: that marks the column."""
        found = [row for row in self.rows if row.cells[self.name].mark == "best"]
        return found if len(found) < max(len(self.rows), 2) else []

    @property
    def wrong(self) -> list[Row]:
        """Best marks with somebody ahead."""
        return [row for row in self.best if self.above(row, self.rows)]

    @property
    def emphasis(self) -> bool:
        """Whether bold cannot be the best alone: the best or most have it, and several behind."""
        best = [row for row in self.best if row not in self.wrong]
        return (bool(best) or 2 * len(self.best) > len(self.rows)) and len(
            {row.cells[self.name].share for row in self.wrong}
        ) > 1

    @property
    def several(self) -> bool:
        """Whether different values are marked as best."""
        return len({row.cells[self.name].share for row in self.best}) > 1

    def above(self, row: Row, rows: Sequence[Row]) -> list[Row]:
        """The rows that are ahead of one."""
        cell = row.cells[self.name]
        return [r for r in rows if ahead(r.cells[self.name], cell, self.better)]


def marks(table: Table, known: Known) -> Outcome:
    """Best and second marks against the values (Conventions)."""
    found = [Marked(name, better, rows) for _, name, better, rows in columns_of(table)]
    tested = sum(bool(row.cells[each.name].mark) for each in found for row in each.rows)
    own = _own_rows(table, found)
    found, grouped = _by_groups(found)
    loose = [each for each in found if each.several]
    together = _meaning(loose)
    findings, skipped = [], [] if tested else ["no cell is marked (**best**, __second__)"]
    notes = [f"bold is read as the best {word}" for word in (grouped, together) if word]
    wrong: dict[int, list[tuple[Marked, Row, str]]] = {}
    for each in found:
        free = (bool(together) and each.several) or each.emphasis
        for row, mark in _contradicted(each, seconds=not free and not each.wrong):
            if not (mark == "best" and (free or row.line in own)):
                wrong.setdefault(row.line, []).append((each, row, mark))
        if each.best and not each.wrong and not free:
            findings += _unmarked_ties(each)
    findings += [_by_evidence(_wrong(parts), parts, found, own) for parts in wrong.values()]
    findings += [
        _emphasised(each)
        for each in found
        if each.emphasis and not together and not {row.line for row in each.wrong} <= own
    ]
    return Outcome([*findings, *_of_own(found, own)], count(tested, "mark"), skipped, notes)


def _contradicted(each: Marked, *, seconds: bool) -> list[tuple[Row, str]]:
    """Rows whose mark the values contradict (Conventions, 1)."""
    found = [(row, "best") for row in each.wrong]
    if not seconds:
        return found
    best = [row for row in each.best if row not in each.wrong]
    for row in each.rows:
        cell = row.cells[each.name]
        if cell.mark != "second":
            continue
        tops = {r.cells[each.name].share for r in best}
        levels = {r.cells[each.name].share for r in each.above(row, each.rows)} - tops
        tied = any(r is not row and r.cells[each.name].share == cell.share for r in each.rows)
        right = not levels if best else len(levels) == 1 or (not levels and tied)
        if not right:
            found.append((row, "second"))
    return found


def _own_rows(table: Table, found: Sequence[Marked]) -> set[int]:
    """Lines that are bold throughout, where that cannot mean the best (Conventions, 2)."""
    bold = {line for line in {row.line for row in table.rows} if _all_bold(table, line)}
    marked = {row.line for each in found for row in each.best if not _ties(each, row, bold)}
    seconds = any(row.cells[each.name].mark == "second" for each in found for row in each.rows)
    named = {row.line for row in table.rows if row.bold and row.line in bold}
    if not bold or marked != bold or seconds:
        return named
    wrong = [row.line for each in found for row in each.wrong]
    several = any(len({row.line for row in each.best}) > 1 for each in found)
    return bold if several or len(wrong) > 1 else named


def _ties(each: Marked, row: Row, bold: set[int]) -> bool:
    """Whether a mark is of the same value as that of a line that is bold throughout."""
    value = row.cells[each.name].share
    return row.line not in bold and any(
        r.line in bold and r.cells[each.name].share == value for r in each.best
    )


def _all_bold(table: Table, line: int) -> bool:
    rows = [row for row in table.rows if row.line == line]
    marked = {title for row in table.rows for title, c in row.others.items() if c.mark == "best"}
    cells = [cell for row in rows for cell in row.cells.values()]
    cells += [cell for title, cell in rows[0].others.items() if title in marked]
    return len(cells) > 1 and all(cell.mark == "best" for cell in cells)


def _by_groups(found: Sequence[Marked]) -> tuple[list[Marked], str]:
    """Columns with several best marks by the groups of rows that headings or words make.

    Returns: the columns, such ones in a part a group; how bold is read, "" where there is no group.
    """
    several = [each for each in found if each.several]
    for words in (_heading, _labels):
        fits = [each for each in several if _best_of_groups(each, words)]
        if fits and 2 * len(fits) >= len(several):
            parts = [part for each in found for part in _split(each, words)]
            return parts, "of each group of rows"
    return list(found), ""


def _heading(row: Row) -> object:
    return row.block


def _labels(row: Row) -> object:
    return row.labels


def _split(each: Marked, words: Callable[[Row], object]) -> list[Marked]:
    if not each.several:
        return [each]
    groups = dict.fromkeys(words(row) for row in each.rows)
    return [
        replace(each, rows=[row for row in each.rows if words(row) == group]) for group in groups
    ]


def _best_of_groups(each: Marked, words: Callable[[Row], object]) -> bool:
    """Whether each best mark is the best of the rows with the same words."""
    groups, mine = {words(row) for row in each.rows}, [words(row) for row in each.best]
    if not 1 < len(groups) < len(each.rows) or len(set(mine)) < len(mine):
        return False
    return not any(part.wrong for part in _split(each, words))


def _meaning(several: Sequence[Marked]) -> str:
    """What several best marks of a column stand for, where several columns agree on it."""
    if len(several) < 2:
        return ""
    if all(_top(each) for each in several):
        return "rows together"
    return "of each group of rows" if _parted(several) else ""


def _top(each: Marked) -> bool:
    """Whether nobody without a best mark is ahead of one."""
    plain = [row for row in each.rows if row not in each.best]
    return not any(each.above(row, plain) for row in each.best)


def _parted(several: Sequence[Marked]) -> bool:
    """Whether the rows can be parted in the same places so that each mark is the best of a part."""
    counts = {len(each.best) for each in several}
    if len(counts) > 1:
        return False
    spans = [[row.line for row in each.best] for each in several]
    cuts = [
        range(max(lines[k] for lines in spans) + 1, min(lines[k + 1] for lines in spans) + 1)
        for k in range(counts.pop() - 1)
    ]
    ways = 1
    for cut in cuts:
        ways *= len(cut)
    if not 0 < ways <= MOST:
        return False
    return any(all(_fits(each, places) for each in several) for places in product(*cuts))


def _fits(each: Marked, cuts: Sequence[int]) -> bool:
    def part(row: Row) -> int:
        return sum(row.line >= cut for cut in cuts)

    return not any(
        each.above(row, [r for r in each.rows if part(r) == part(row)]) for row in each.best
    )


def _by_evidence(
    wrong: Finding, parts: Sequence[tuple[Marked, Row, str]], found: Sequence[Marked], own: set[int]
) -> Finding:
    """The finding, softer where the table does not show what bold means (Conventions, 3)."""
    missing = [_missing(row, mark, found, own) for _, row, mark in parts]
    return (
        wrong if wrong.level != "does not agree" or "" in missing else softened(wrong, missing[0])
    )


def _missing(row: Row, mark: str, found: Sequence[Marked], own: set[int]) -> str:
    """What the other columns do not show of a kind of mark; empty where they show it."""
    lines: list[set[int]] = []  # of the marks, for each column in which all are right
    off = 0
    for each in found:
        mine = {r.line for r in each.rows if r.cells[each.name].mark == mark}
        if mark == "best":
            mine = {r.line for r in each.best}
        if any(other == mark for _, other in _contradicted(each, seconds=True)):
            off += 1
        elif mine - own and len(each.rows) >= ROWS:
            lines.append(mine - own)
    of = len(lines) + off
    if not habit(len(lines), off, COLUMNS):
        return f"that bold and underlined mean best and second ({len(lines)} of {of} columns agree)"
    if not any(each - {row.line} for each in lines):
        return "that the marks are not those of one row (the right ones stand in this row)"
    return ""


def _wrong(parts: Sequence[tuple[Marked, Row, str]]) -> Finding:
    """The marks of one line that the values contradict, as one finding."""
    first = parts[0][1]
    words = dict.fromkeys(f"{WORDS[mark]} by {each.name}" for each, _, mark in parts)
    sums = []
    for each, row, _ in parts:
        above = each.above(row, each.rows)
        listed = ", ".join(f"{r.method} {r.cells[each.name].text}" for r in above) or "none"
        place = f"{row.dataset}, " if len(parts) > 1 and row.dataset else ""
        sums.append(f"{place}{each.name} {row.cells[each.name].text}; ahead of it: {listed}")
    what = f"Marked as {', '.join(words)}, and the values say otherwise."
    ahead_of = [r for each, row, _ in parts for r in each.above(row, each.rows)]
    aside = bool(ahead_of) and all(r.is_aside for r in ahead_of)
    if len({r.line for r in ahead_of}) == 1 and not any(
        each.name in METRICS for each, _, _ in parts
    ):
        aside = True  # a metric that is not known here, and one row that may be left out
    if aside:
        what = f"{what[:-1]}: but only of rows that may stand aside."
    level: Level = "look again" if aside else "does not agree"
    return Finding("marks", level, at(first), what, "; ".join(sums))


def _emphasised(each: Marked) -> Finding:
    """One finding on a column in which bold is more than the best."""
    what = f"Several values of {each.name} are bold beside the best: bold marks something else too."
    listed = ", ".join(f"{row.method} {row.cells[each.name].text}" for row in each.best)
    return Finding("marks", "look again", at(each.wrong[0]), what, listed)


def _of_own(found: Sequence[Marked], own: set[int]) -> list[Finding]:
    """One finding on rows that are bold throughout."""
    rows = [(each, row) for each in found for row in each.wrong if row.line in own]
    if not rows:
        return []
    lines = ", ".join(map(str, sorted(own)))
    what = "Whole rows are bold, and not all of their values are the best: bold marks them as own."
    listed = "; ".join(f"{at(row)}: {each.name} {row.cells[each.name].text}" for each, row in rows)
    return [Finding("marks", "look again", f"line{'s' * (len(own) > 1)} {lines}", what, listed)]


def _unmarked_ties(each: Marked) -> list[Finding]:
    value = each.best[0].cells[each.name]
    tied = [r for r in each.rows
            if r.cells[each.name].share == value.share and not r.cells[each.name].mark]  # fmt: skip
    if not tied:
        return []
    listed = ", ".join(f"{r.method} {r.cells[each.name].text}" for r in (each.best[0], *tied))
    place = f" on {tied[0].dataset}" if tied[0].dataset else ""
    what = f"Of equal values of {each.name}{place} only some are marked as best."
    return [Finding("marks", "look again", at(tied[0]), what, listed)]
