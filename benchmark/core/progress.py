"""Progress of long work: a live bar with the time left on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)
from rich.table import Table

SECONDS_BETWEEN_LINES = 15.0
NARROW = 10  # columns of a bar on a narrow terminal
BESIDE = 40  # columns that the bar, the sign between the counts, the time left and gaps may take


class Task:
    """One piece of work that is under way; this one shows nothing."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Counts `n` units as done; `note` is shown beside the count."""


class Progress(Protocol):
    """What long functions are given to tell how far they are."""

    def task(
        self, title: str, total: int | None, unit: str = "", done: int = 0
    ) -> AbstractContextManager[Task]:
        """Opens a piece of work of `total` units (None: not known), `done` of them done before."""

    def say(self, line: str) -> None:
        """Shows one line."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, title: str, total: int | None, unit: str = "", done: int = 0) -> Iterator[Task]:
        """Opens a piece of work that nobody watches."""
        yield Task()

    def say(self, line: str) -> None:
        """Shows nothing."""


class Terminal:
    """Shows progress on standard error: a bar on a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, title: str, total: int | None, unit: str = "", done: int = 0) -> Iterator[Task]:
        """Opens a piece of work of `total` units (None: not known), `done` of them done before."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:  # it moves no cursor
            lines = _Lines(title, total, unit, done)
            try:
                yield lines
            finally:  # what was done before an error stands in the log too
                lines.end()
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24 if self.console.width > 90 else NARROW),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self.console) as bar:
            room = self.console.width - BESIDE - len(title) - 2 * len(str(total or ""))
            yield _Bar(bar, bar.add_task(title, total=total, completed=done, note=unit), room)

    def say(self, line: str) -> None:
        """Shows one line."""
        self.console.print(line, markup=False, soft_wrap=True)


class _Bar(Task):
    def __init__(self, bar: RichProgress, task: TaskID, room: int) -> None:
        self.bar, self.task, self.room = bar, task, room

    def advance(self, n: int = 1, note: str = "") -> None:
        """Moves the bar."""
        self.bar.advance(self.task, n)
        if note:
            short = note if len(note) <= self.room else f"{note[: max(self.room - 1, 0)]}…"
            self.bar.update(self.task, note=short)


class _Lines(Task):
    def __init__(self, title: str, total: int | None, unit: str, done: int) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.before, self.done, self.note = done, done, ""
        self.start = self.last = time.monotonic()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Writes a line now and then."""
        self.done += n
        self.note = note or self.note
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            self._write(self._left(now))

    def end(self) -> None:
        """Writes the last line."""
        self._write(f"in {time.monotonic() - self.start:.0f} s")

    def _left(self, now: float) -> str:
        done = self.done - self.before
        if not self.total or not done:
            return ""
        left = (now - self.start) / done * (self.total - self.done)
        return f"{left:.0f} s left"

    def _write(self, when: str) -> None:
        of = f"/{self.total}" if self.total else ""
        parts = (f"{self.title}: {self.done}{of} {self.unit}".rstrip(), self.note, when)
        sys.stderr.write("  ".join(part for part in parts if part) + "\n")
        sys.stderr.flush()


class Board:
    """One live table of things under way on a terminal; lines now and then elsewhere.

    Args:
        title: a line that says how far all of it is.
        header: names of the columns.
        rows: the rows of this moment.
        lines: the same in sentences, for what is no terminal.
    """

    def __init__(
        self,
        title: Callable[[], str],
        header: Sequence[str],
        rows: Callable[[], Sequence[Sequence[str]]],
        lines: Callable[[], Sequence[str]],
    ) -> None:
        self.title, self.header, self.rows, self.lines = title, header, rows, lines
        self.console = Console(stderr=True, highlight=False)
        self.ended = threading.Event()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the table until the block ends."""
        if self.console.is_terminal:
            with Live(
                console=self.console, get_renderable=self._table, refresh_per_second=1,
                transient=True,
            ):  # fmt: skip
                yield
            return
        thread = threading.Thread(target=self._write, daemon=True, name="board")
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()

    def say(self, line: str) -> None:
        """Shows one line, above the table where there is one."""
        self.console.print(line, markup=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(
            title=self.title(), box=None, title_justify="left", title_style="", pad_edge=False
        )
        for k, name in enumerate(self.header):
            last = k == len(self.header) - 1
            table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if last else None)
        for row in self.rows():
            table.add_row(*row)
        return table

    def _write(self) -> None:
        while not self.ended.wait(SECONDS_BETWEEN_LINES):
            for line in (*self.lines(), self.title()):
                self.say(line)
