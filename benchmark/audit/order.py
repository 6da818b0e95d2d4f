"""Rules that compare rows: ranks, differences too small to mean anything.

**Conventions**

1. One row is ahead of another where it is so however both were rounded; equal numbers share ranks.
2. Ranks without a metric are held against the column that they fit best: DSC, IoU and distances
   first, then the other metrics and numbers. Where they fit none of them, that is one finding.
3. A stated rank contradicts the values only where the other ranks are in place, and, where no
   metric is named, where two other data sets are wholly in order (`evidence`). Ranks in order that
   leave numbers out may be those of a longer list.
4. The mean difference of two methods over n cases has a 95 % interval of half-width t s / sqrt(n),
   where s = sd sqrt(2 (1 - r)) for a spread sd over cases and a correlation r between the methods.
   Both are assumed where no one prints them: the findings say with which values. Seeds come on top.

**Sources** Student 1908; Christodoulou et al., MICCAI 2024 (the intervals that papers leave out).
"""

import math
from collections.abc import Iterator, Sequence

from benchmark.audit.evidence import ROWS, habit, softened
from benchmark.audit.finding import (
    Finding,
    Known,
    Outcome,
    ahead,
    at,
    count,
    gap,
)
from benchmark.audit.table import Row, Table

FEW = 2  # numbers that may be wrong in a column that the others fit
PAIR = 2  # ranks that one exchange puts out of place
SETS = 2  # wholly in order that show what ranks without a metric are by
SELDOM = ("sensitivity", "specificity", "precision", "accuracy", "mae")  # what few rank by


def columns_of(table: Table) -> Iterator[tuple[str, str, int, list[Row]]]:
    """Dataset, metric, direction, and the rows that have a number there."""
    for dataset, rows in table.datasets().items():
        for name, column in table.columns.items():
            found = [r for r in rows if name in r.cells and (r.is_average or not r.is_summary)]
            if column.better and found:
                yield dataset, name, column.better, found


def ranks(table: Table, known: Known) -> Outcome:
    """Stated ranks against the values (Conventions, 1 and 2)."""
    names = dict.fromkeys(name for row in table.rows for name in row.ranks)
    findings: list[Finding] = []
    notes, tested = [], 0
    skipped = [] if names else ["no column states ranks (rank, iou_rank)"]
    for name in names:
        rows = [row for row in table.rows if name in row.ranks]
        tested += len(rows)
        if name in table.columns:
            findings += _by_evidence(table, name, name, _ranks(table, name, name))
            continue
        metric, first = _fitting(table, rows, name)
        if not metric:
            continue
        notes.append(f"ranks without a metric are read as by {metric}")
        wrong, few = _ranks(table, name, metric), max(FEW, len(rows) // 4)
        if _displaced(table, name, metric) > FEW:
            wrong = [_unfit(rows, metric, len(wrong))]
        elif first != metric and not wrong and _displaced(table, name, first) <= few:
            wrong = [_by_other(_ranks(table, name, first), metric, first)]
        findings += _by_evidence(table, name, metric, wrong)
    return Outcome(findings, count(tested, "stated rank"), skipped, notes)


def _by_evidence(
    table: Table, name: str, metric: str, wrong: Sequence[Finding]
) -> Sequence[Finding]:
    """The findings, softer where the other ranks do not show what is ranked (Conventions, 3)."""
    hard = [each for each in wrong if each.level == "does not agree"]
    ranked = [rows for rows in table.datasets().values() if any(name in r.ranks for r in rows)]
    ranked = [[r for r in rows if name in r.ranks and metric in r.cells] for rows in ranked]
    places = {each.where for each in hard}
    whole = [rows for rows in ranked if len(rows) >= ROWS and not places & {at(r) for r in rows}]
    right = sum(map(len, ranked)) - len(hard)
    if not habit(right, len(hard), ROWS, free=PAIR):
        why = f"that ranks are by {metric} ({right} of {right + len(hard)} are)"
    elif not _displaced(table, name, metric):
        why = "that no rank is left out (the rows are in the order of their ranks)"
    elif name != metric and len(whole) < SETS:
        why = f"that ranks are by {metric} (the title names no metric, and {len(whole)} other"
        why += f" data sets are in order; {SETS} have to be)"
    else:
        return wrong
    return [softened(each, why) if each in hard else each for each in wrong]


def _fitting(table: Table, rows: Sequence[Row], name: str) -> tuple[str, str]:
    """The metric that ranks fit best, and the first of the table (DSC where there is one).

    Both are empty where ranks fit another column of numbers.
    """
    metrics = [m for m, column in table.columns.items() if column.better]
    metrics = [m for m in metrics if any(m in row.cells for row in rows)]
    few = max(FEW, len(rows) // 4)
    likely = [m for m in metrics if m not in SELDOM and _displaced(table, name, m) <= few]
    wrong = {m: len(_ranks(table, name, m)) for m in likely or metrics}
    first = "dsc" if "dsc" in wrong else next(iter(wrong), "")
    best = min(wrong, key=lambda metric: (wrong[metric], metric != first), default="")
    if best and wrong[best] and any(_orders(rows, name, title) for title in rows[0].others):
        return "", ""
    return best, first


def _displaced(table: Table, name: str, metric: str) -> int:
    """How many rows must go so that the values of the others are in the order of their ranks."""
    better, out = table.columns[metric].better, 0
    for rows in table.datasets().values():
        known = [(r.ranks[name], -better * r.cells[metric].share) for r in rows
                 if name in r.ranks and metric in r.cells]  # fmt: skip
        longest: list[int] = []  # run that ends with each row
        for k, (_, value) in enumerate(sorted(known)):
            before = [
                longest[j] for j, (_, other) in enumerate(sorted(known)[:k]) if other <= value
            ]
            longest.append(1 + max(before, default=0))
        out += len(known) - max(longest, default=0)
    return out


def _orders(rows: Sequence[Row], name: str, title: str) -> bool:
    """Whether a column of numbers orders the rows as their ranks do, either way."""
    known = sorted(
        (row.ranks[name], row.others[title].value) for row in rows if title in row.others
    )
    values = [value for _, value in known]
    return len(values) == len(rows) > 2 and values in (sorted(values), sorted(values)[::-1])


def _ranks(table: Table, name: str, metric: str) -> list[Finding]:
    better = table.columns[metric].better
    found = []
    for rows in table.datasets().values():
        valued = [row for row in rows if metric in row.cells]
        for row in valued:
            if name in row.ranks:
                found += _rank(row, row.ranks[name], metric, better, valued)
    return found


def _rank(row: Row, stated: int, name: str, better: int, rows: Sequence[Row]) -> list[Finding]:
    cell = row.cells[name]
    above = [r for r in rows if ahead(r.cells[name], cell, better)]
    below = [r for r in rows if ahead(cell, r.cells[name], better)]
    first, last = len(above) + 1, len(rows) - len(below)
    if first <= stated <= last:
        return []
    place = str(first) if first == last else f"{first} to {last}"
    names = ", ".join(f"{r.method} {r.cells[name].text}" for r in above) or "none"
    what = f"Rank {stated} by {name} is stated; the values give {place} of {len(rows)}."
    return [Finding("ranks", "does not agree", at(row), what, f"{cell.text}; ahead of it: {names}")]


def _by_other(wrong: Sequence[Finding], metric: str, first: str) -> Finding:
    what = f"The stated ranks are those by {metric}, and few of them are not those by {first}."
    why = "; ".join(f"{each.where}: {each.what}" for each in wrong)
    return Finding("ranks", "look again", wrong[0].where, what, why)


def _unfit(rows: Sequence[Row], metric: str, wrong: int) -> Finding:
    what = "The stated ranks fit no column of the table."
    why = f"the nearest is {metric}, by which {wrong} of {len(rows)} ranks are others"
    return Finding("ranks", "look again", at(rows[0]), what, why)


def differences(table: Table, known: Known) -> Outcome:
    """Leads over the next rows that other cases alone could turn round (Conventions, 4)."""
    from scipy.special import stdtrit  # slow to import, and wanted here alone

    tested, findings, unknown = 0, [], set()
    for dataset, name, better, rows in columns_of(table):
        if name not in ("dsc", "iou") or len(rows) < 2 or rows[0].is_average:
            continue
        n = next((cases for row in rows if (cases := known.cases(row))), None)
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
