"""Reads the published tables, and prints how many are read as printed and how many findings hold.

    python tests/audit/accuracy.py

`tables/read.csv` says what each table is read as and where it comes from, `tables/findings.csv`
which of its findings with exit status 1 are right, and why. A finding that nobody has judged counts
as wrong.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from benchmark.audit.audit import Known, audit_file
from benchmark.audit.finding import HARD

TABLES = Path(__file__).parent / "tables"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the two lists."""
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def misread() -> Iterator[str]:
    """The tables that are read as something else than `read.csv` says."""
    for row in rows("read.csv"):
        table = audit_file(TABLES / "published" / row["table"], Known()).table
        read = str(len(table.rows)), "; ".join(table.columns)
        if read != (row["rows"], row["metrics"]) or table.passed:
            yield row["table"]


def findings() -> list[tuple[str, str, str]]:
    """Table, place and rule of every finding with exit status 1."""
    return [
        (row["table"], each.where, each.rule)
        for row in rows("read.csv")
        for each in audit_file(TABLES / "published" / row["table"], Known()).findings()
        if each.level in HARD
    ]


def right() -> set[tuple[str, str, str]]:
    """Those that were judged to be right."""
    judged = [row for row in rows("findings.csv") if row["right"] == "yes"]
    return {(row["table"], row["where"], row["rule"]) for row in judged}


def main() -> None:
    """Prints both shares."""
    tables, wrong = len(rows("read.csv")), list(misread())
    print(f"read as printed: {tables - len(wrong)} of {tables} {' '.join(wrong)}".rstrip())
    found, judged = findings(), right()
    held = sum(each in judged for each in found)
    print(f"findings with exit status 1: {len(found)}, right: {held} ({held / len(found):.2f})")


if __name__ == "__main__":
    main()
