"""Rules that compare rows: averages, ranks, best marks, differences too small to mean anything.

**Conventions**

1. A stated average may lie off the average of the printed rows by their rounding and its own. It is
   held against the plain mean and, where the cases are known, against the mean weighed by them.
2. One row is ahead of another where it is so however both were rounded; equal numbers share ranks.
3. The mean difference of two methods over n cases has a 95 % interval of half-width t s / sqrt(n),
   where s = sd sqrt(2 (1 - r)) for a spread sd over cases and a correlation r between the methods.
   Both are assumed where no one prints them: the findings say with which values. Seeds come on top.

**Sources** Student 1908; Christodoulou et al., MICCAI 2024 (the intervals that papers leave out).
"""

import math
from collections.abc import Iterator, Sequence

from benchmark.claims.audit_finding import (
    TINY,
    Finding,
    Known,
    Outcome,
    ahead,
    at,
    count,
    gap,
    show,
)
from benchmark.claims.audit_table import Cell, Row, Table, plain

WORDS = {"best": "best", "second": "second best"}


def averages(table: Table, known: Known) -> Outcome:
    """Stated averages against the rows (Conventions, 1)."""
    stated = [row for row in table.rows if row.is_average]
    tested, findings, skipped = 0, [], []
    for row in stated:
        mine = [r for r in table.rows if r.method == row.method and not r.is_average]
        for name, cell in row.cells.items():
            parts = [r for r in mine if name in r.cells]
            if len(parts) < 2:
                skipped.append(f"{name} of {row.method}: fewer than two datasets in the table")
                continue
            tested += 1
            findings += _average(row, name, cell, [(known.cases(r), r) for r in parts])
    if not stated:
        skipped.append("no row states an average (dataset: average)")
    return Outcome(findings, count(tested, "stated average"), skipped)


def _average(
    row: Row, name: str, cell: Cell, parts: Sequence[tuple[int | None, Row]]
) -> list[Finding]:
    cells, counts = [r.cells[name] for _, r in parts], [n for n, _ in parts]
    slack = cell.slack + sum(c.slack for c in cells) / len(cells)
    plainly = sum(c.share for c in cells) / len(cells)
    sums = " + ".join(c.text for c in cells)
    listed = f"({sums}) / {len(cells)} = {show(plainly, cell)}"
    fits = abs(plainly - cell.share) <= slack + TINY
    if all(counts):
        sizes = [n or 0 for n in counts]
        weighed = sum(n * c.share for n, c in zip(sizes, cells, strict=True)) / sum(sizes)
        fits = fits or abs(weighed - cell.share) <= slack + TINY
        listed += f"; weighed by cases ({', '.join(map(str, sizes))}): {show(weighed, cell)}"
    if fits:
        return []
    arithmetic = f"{listed}; printed {cell.text}, where rounding allows ± {gap(slack, cell)}"
    what = f"The stated average of {name} is not the average of its rows."
    return [Finding("averages", "does not agree", at(row), what, arithmetic)]


def _columns(table: Table) -> Iterator[tuple[str, str, int, list[Row]]]:
    """Dataset, metric, direction, and the rows that have a number there."""
    for dataset, rows in table.datasets().items():
        for name, column in table.columns.items():
            found = [row for row in rows if name in row.cells]
            if column.better and found:
                yield dataset, name, column.better, found


def ranks(table: Table, known: Known) -> Outcome:
    """Stated ranks against the values (Conventions, 2)."""
    tested, findings = 0, []
    for _, name, better, rows in _columns(table):
        for row in rows:
            if name in row.ranks:
                tested += 1
                findings += _rank(row, name, better, rows)
    skipped = [] if tested else ["no column states ranks (rank, iou_rank)"]
    return Outcome(findings, count(tested, "stated rank"), skipped)


def _rank(row: Row, name: str, better: int, rows: Sequence[Row]) -> list[Finding]:
    cell, stated = row.cells[name], row.ranks[name]
    above = [r for r in rows if ahead(r.cells[name], cell, better)]
    below = [r for r in rows if ahead(cell, r.cells[name], better)]
    first, last = len(above) + 1, len(rows) - len(below)
    if first <= stated <= last:
        return []
    place = str(first) if first == last else f"{first} to {last}"
    names = ", ".join(f"{r.method} {r.cells[name].text}" for r in above) or "none"
    what = f"Rank {stated} by {name} is stated; the values give {place} of {len(rows)}."
    return [Finding("ranks", "does not agree", at(row), what, f"{cell.text}; ahead of it: {names}")]


def marks(table: Table, known: Known) -> Outcome:
    """Best and second marks against the values."""
    tested, findings = 0, []
    for dataset, name, better, rows in _columns(table):
        marked = [row for row in rows if row.cells[name].mark]
        tested += len(marked)
        place = f" on {dataset}" if dataset else ""
        for row in marked:
            findings += _mark(row, name, better, rows)
        best = [row for row in marked if row.cells[name].mark == "best"]
        if best:
            findings += _unmarked_ties(best[0], f"{name}{place}", name, rows)
    skipped = [] if tested else ["no cell is marked (**best**, __second__)"]
    return Outcome(findings, count(tested, "mark"), skipped)


def _mark(row: Row, name: str, better: int, rows: Sequence[Row]) -> list[Finding]:
    """A best mark has nobody ahead; a second mark has the values of one level ahead, or of none."""
    cell = row.cells[name]
    above = [r for r in rows if ahead(r.cells[name], cell, better)]
    levels = {r.cells[name].share for r in above}
    tied = [r for r in rows if r is not row and r.cells[name].share == cell.share]
    if cell.mark == "best" and not above:
        return []
    if cell.mark == "second" and (len(levels) == 1 or (not levels and tied)):
        return []
    listed = ", ".join(f"{r.method} {r.cells[name].text}" for r in above) or "none"
    what = f"Marked as {WORDS[cell.mark]} by {name}, and the values say otherwise."
    arithmetic = f"{cell.text}; ahead of it: {listed}"
    return [Finding("marks", "does not agree", at(row), what, arithmetic)]


def _unmarked_ties(best: Row, title: str, name: str, rows: Sequence[Row]) -> list[Finding]:
    value = best.cells[name]
    tied = [r for r in rows if r.cells[name].share == value.share and not r.cells[name].mark]
    if not tied:
        return []
    listed = ", ".join(f"{r.method} {r.cells[name].text}" for r in (best, *tied))
    what = f"Of equal values of {title} only some are marked as best."
    return [Finding("marks", "look again", at(tied[0]), what, listed)]


def differences(table: Table, known: Known) -> Outcome:
    """Leads over the next rows that other cases alone could turn round (Conventions, 3)."""
    from scipy.special import stdtrit  # slow to import, and wanted here alone

    tested, findings, unknown = 0, [], set()
    for dataset, name, better, rows in _columns(table):
        if name not in ("dsc", "iou") or len(rows) < 2 or plain(dataset) == "average":
            continue
        n = next((cases for row in rows if (cases := known.cases(row))), None)
        if rows[0].is_average:
            continue
        if n is None or n < 2:
            unknown.add(dataset)
            continue
        tested += len(rows) - 1
        spread = known.case_sd * math.sqrt(2 * (1 - known.correlation))
        half = float(stdtrit(n - 1, 0.975)) * spread / math.sqrt(n)
        findings += _close(name, better, rows, (n, half, known))
    skipped = [
        f"{name or 'the test set'}: the number of cases is not known (a column n, or --n)"
        for name in sorted(unknown)
    ]
    return Outcome(findings, count(tested, "distance") + " from the best", skipped)


def _close(
    name: str, better: int, rows: Sequence[Row], interval: tuple[int, float, Known]
) -> list[Finding]:
    n, half, known = interval
    order = sorted(rows, key=lambda row: -better * row.cells[name].share)
    best, *rest = order
    top = best.cells[name]
    close = [r for r in rest if abs(top.share - r.cells[name].share) < half]
    if not close:
        return []
    listed = ", ".join(
        f"{r.method} {r.cells[name].text} (−{gap(abs(top.share - r.cells[name].share), top)})"
        for r in close
    )
    where = f"{best.dataset or 'the test set'}, {name}"
    verb = "lies" if len(close) == 1 else "lie"
    what = (
        f"{len(close)} of {count(len(rest), 'other row')} {verb} closer to the best"
        f" ({best.method}, {top.text}) than the sampling interval at n = {n}."
    )
    arithmetic = (
        f"{listed}; 95 % half-width {gap(half, top)} = t × {known.case_sd:g} ×"
        f" √(2(1 − {known.correlation:g})) / √{n}, assuming that spread over cases and that"
        " correlation between methods; other trainings come on top"
    )
    return [Finding("differences", "look again", where, what, arithmetic)]
