"""Finds numbers in a printed table that cannot be: no data and no model are needed."""

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmark.audit import order, rules, units
from benchmark.audit.averages import averages
from benchmark.audit.bounds import bounds
from benchmark.audit.evidence import of_scores
from benchmark.audit.finding import HARD, LEVELS, MEANING, Finding, Known, Level, Outcome, count
from benchmark.audit.forms import read_rows
from benchmark.audit.kind import INSIST
from benchmark.audit.marks import marks
from benchmark.audit.overlap import overlap
from benchmark.audit.reading import read_table
from benchmark.audit.table import Table, plain
from benchmark.core.errors import ScoreTableError
from benchmark.core.text import width

__all__ = ["Audit", "Known", "audit", "audit_file", "html", "parse_n", "parse_shares", "text"]

Rule = Callable[[Table, Known], Outcome]
TEMPLATES = Path(__file__).parent / "templates"
TITLES = {
    "units": "Percentages beside fractions, shares above 1",
    "overlap": "DSC against IoU: D/(2−D) ≤ IoU ≤ D",
    "bounds": "Other metrics of a row against each other",
    "averages": "Stated averages against their rows",
    "ranks": "Stated ranks against the values",
    "marks": "Best and second marks against the values",
    "mae": "MAE against DSC, by the foreground shares of the test cases",
    "differences": "Leads within the sampling interval",
    "twice": "Rows that occur twice",
}
RULES: dict[str, Rule] = {
    "overlap": overlap,
    "bounds": bounds,
    "averages": averages,
    "ranks": order.ranks,
    "marks": marks,
    "mae": rules.soft_error,
    "differences": order.differences,
    "twice": rules.twice,
}


@dataclass(frozen=True)
class Audit:
    """What was found in a table.

    Attributes:
        outcomes: what each rule did, by its name in `TITLES`.
    """

    table: Table
    outcomes: Mapping[str, Outcome]

    def findings(self, level: Level | None = None) -> list[Finding]:
        """The findings, worst first, or those of one level."""
        found = [each for outcome in self.outcomes.values() for each in outcome.findings]
        levels = LEVELS if level is None else (level,)
        return [each for wanted in levels for each in found if each.level == wanted]

    @property
    def ok(self) -> bool:
        """Whether nothing contradicts arithmetic or the table itself."""
        return all(each.level not in HARD for each in self.findings())

    def verdict(self) -> str:
        """One sentence."""
        counts = [(level, len(self.findings(level))) for level in LEVELS]
        told = ", ".join(f"{level}: {number}" for level, number in counts if number)
        return (
            f"{count(len(self.findings()), 'finding')} ({told})." if told else "Nothing was found."
        )


def audit(table: Table, known: Known) -> Audit:
    """Tries every rule on a table."""
    table, outcome = units.scaled(table)
    outcomes = {"units": outcome, **{name: rule(table, known) for name, rule in RULES.items()}}
    return Audit(table, {name: of_scores(each, table) for name, each in outcomes.items()})


def audit_file(path: Path, known: Known, *, insist: bool = False) -> Audit:
    """Reads a table and tries every rule on it.

    Args:
        insist: whether it is a table of results, whatever it looks like (`kind`).

    Raises: ScoreTableError where the file is no table.
    """
    table = read_table(path)
    return audit(replace(table, unlike="") if insist else table, known)


def parse_n(words: Sequence[str]) -> dict[str, int]:
    """Numbers of cases from «100» (all datasets) or «Kvasir=100».

    Raises: ScoreTableError.
    """
    found = {}
    for word in words:
        name, _, number = word.rpartition("=")
        if not number.strip().isdecimal() or int(number) < 1:
            expected = "a number such as 100, or a dataset and a number such as Kvasir=100"
            raise ScoreTableError("--n", repr(word), expected, "Give the number of test cases.")
        found[plain(name)] = int(number)
    return found


def parse_shares(words: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Foreground shares from files, and from «0.05» (all data sets) or «Kvasir=5%».

    Returns: the share of every case by data set; the share of all cases together by data set.

    Raises: ScoreTableError.
    """
    cases: dict[str, np.ndarray] = {}
    together: dict[str, float] = {}
    for word in words:
        name, _, number = word.rpartition("=")
        found = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", number.strip())
        if not found:
            cases |= read_shares(Path(word))
            continue
        share = float(found[1]) / (100 if found[2] else 1)
        if not 0 < share < 1:
            expected = "a share between 0 and 1, such as 0.05 or Kvasir=5%"
            raise ScoreTableError("--shares", repr(word), expected, "Give it as a fraction.")
        together[plain(name)] = share
    return cases, together


def read_shares(path: Path) -> dict[str, np.ndarray]:
    """Foreground shares by dataset from a file with a row a case; a scores.csv of ours will do.

    Raises: ScoreTableError.
    """
    header, rows, _ = read_rows(path)
    expected = "columns foreground and, for several datasets, dataset"
    if "foreground" not in header:
        listed = ", ".join(map(repr, header))
        raise ScoreTableError(path, f"no column foreground among {listed}", expected, "Add it.")
    cases: dict[tuple[str, str], float] = {}
    for line, cells in rows:
        row = dict(zip(header, cells, strict=True))
        case = row.get("case") or str(line)  # prompt draws of a case share its mask
        cases[plain(row.get("dataset", "")), case] = _share(f"{path}, line {line}", row)
    names = dict.fromkeys(name for name, _ in cases)
    return {
        name: np.array([share for (each, _), share in cases.items() if each == name])
        for name in names
    }


def _share(where: str, row: Mapping[str, str]) -> float:
    try:
        value = float(row["foreground"])
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        found = f"foreground is {row['foreground']!r}"
        raise ScoreTableError(where, found, "a share from 0 to 1", "Correct that cell.")
    return value


def text(found: Audit) -> str:
    """The audit for a terminal of 100 columns."""
    table = found.table
    rows, names = count(len(table.rows), "row"), ", ".join(table.titles())
    lines = [*_wrap(f"{table.name}: {rows} of {names}", ""), found.verdict()]
    if table.unlike:
        lines += _wrap(f"not taken as a table of results: {table.unlike}; {INSIST}", "")
    if table.unread:
        lines += _wrap(f"not read: {', '.join(table.unread)}", "")
    if table.passed:
        lines += _wrap(f"passed over: {'; '.join(table.passed)}", "")
    for level in LEVELS:
        findings = found.findings(level)
        if findings:
            lines += ["", f"{level.upper()} ({MEANING[level]})"]
        for each in findings:
            lines += ["", *_wrap(f"{each.where}", "  "), *_wrap(each.what, "    ")]
            lines += _wrap(each.arithmetic, "      ")
    lines += ["", "WHAT WAS LOOKED AT"]
    for name, outcome in found.outcomes.items():
        result = count(len(outcome.findings), "finding") if outcome.findings else "nothing found"
        lines += _wrap(f"{TITLES[name]}: {outcome.tested}, {result}", "  ")
        lines += [part for note in outcome.notes for part in _wrap(note, "    ")]
        lines += [part for why in outcome.skipped for part in _wrap(f"not: {why}", "    ")]
    return "\n".join(lines)


def _wrap(sentence: str, indent: str) -> list[str]:
    return textwrap.wrap(
        sentence, width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def html(found: Audit) -> str:
    """The audit as one page that needs nothing beside itself."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("audit.html")
    return page.render(found=found, table=found.table, levels=LEVELS, meaning=MEANING,
                       titles=TITLES, insist=INSIST)  # fmt: skip
