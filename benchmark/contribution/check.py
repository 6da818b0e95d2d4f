"""Checks a pull request that adds rows: its files, its results, then its code against the contract.

What needs no code of the request comes first. Its methods then run in processes of their own, so
that nothing that they do can reach the findings, end the check, or keep it from coming to its end.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmark.contribution.changes import Finding, before, read_changes
from benchmark.contribution.files import Rows, file_findings, folder_findings
from benchmark.contribution.results import result_findings
from benchmark.core.errors import MixSegError
from benchmark.core.progress import Progress

PACKAGE = Path(__file__).parents[2]
LONGEST = 1800  # seconds that the rules may take for one row
BROKEN = re.compile(r"^FAILED +[\d.]+ s  (.+)\n +(.+)$", re.MULTILINE)


def check_request(root: Path, base: str | None, progress: Progress) -> Iterator[Finding | str]:
    """Yields each finding, and last a sentence on what was looked at.

    Args:
        base: the branch or commit that the request goes to; None for origin/main, or main.

    Raises: MissingDataError outside a repository, or where it has no such commit.
    """
    changes = read_changes(root, base)
    found = 0
    with before(root, changes.start) as past:
        rows = Rows.read(root, past)
    for look in (file_findings, folder_findings):
        for finding in look(root, changes, rows):
            found += 1
            yield finding
    try:
        for finding in result_findings(root, changes, rows):
            found += 1
            yield finding
    except MixSegError as error:
        found += 1
        yield Finding("results", str(error))
    for finding in _tried(root, rows, progress):
        found += 1
        yield finding
    yield _summary(rows, found, len(changes.status))


def _tried(root: Path, rows: Rows, progress: Progress) -> Iterator[Finding]:
    if not rows.new:
        return
    with progress.task("try the new rows", len(rows.new), "rows") as task:
        for name in rows.new:
            yield from _conformance(root, name)
            task.advance(1, name)


def _summary(rows: Rows, found: int, files: int) -> str:
    new = f"new rows: {', '.join(rows.new)}" if rows.new else "no new row"
    noun = "finding" if found == 1 else "findings"
    return f"{new}; {files} files changed; {found or 'no'} {noun}"


def _conformance(root: Path, name: str) -> Iterator[Finding]:
    """The rules of the contract that a row breaks, found by `mixseg check` in another process."""
    # -P keeps the request's own `benchmark` off the path; this one checks it.
    command = [sys.executable, "-P", "-m", "benchmark", "check", "--", name]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=LONGEST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        yield Finding(name, f"`mixseg check {name}` did not end within {LONGEST} seconds")
        return
    broken = BROKEN.findall(done.stdout)
    for rule, detail in broken:
        yield Finding(name, f"the rule «{rule}» is broken: {detail}")
    last = (done.stdout.strip().splitlines() or [""])[-1]
    kept = re.fullmatch(rf"{re.escape(name)}: \d+ rules kept, 0 broken(, \d+ do not apply)?", last)
    if not broken and (done.returncode or not kept):
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        yield Finding(name, f"`mixseg check {name}` did not come to its end: {why}")
