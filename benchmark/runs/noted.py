"""How far a run is, kept in its folder of the store for any machine of that disk."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from benchmark.core.errors import MixSegError
from benchmark.core.files import read_json, write_json
from benchmark.core.progress import Progress, Task
from benchmark.core.text import duration
from benchmark.runs.store import PROGRESS, RunDirectory

SECONDS = 2.0  # between two writings


@dataclass(frozen=True)
class Far:
    """How far a run is.

    Attributes:
        title: of the piece of work under way.
        done, total: its units; the total is None where it is not known.
        unit: what is counted.
        note: the last loss and the images a second, in words.
        left: seconds until the piece ends; None where it is not known.
        host: the machine.
    """

    title: str
    done: int
    total: int | None
    unit: str
    note: str
    left: float | None
    host: str

    @classmethod
    def of(cls, directory: RunDirectory) -> Self | None:
        """What is written of a run; None without it, or where it cannot be read."""
        path = directory.folder / PROGRESS
        try:
            return cls(**read_json(path)) if path.is_file() else None
        except (MixSegError, OSError, TypeError):
            return None

    def count(self) -> str:
        """Units done of all, with their name."""
        return f"{self.done}{f'/{self.total}' if self.total else ''} {self.unit}".rstrip()

    def note_of(self, word: str) -> str:
        """The value of the note beside a word: "0.312" for "loss", "90" for "images/s"."""
        words = self.note.split()
        for k, each in enumerate(words):
            if each == word:
                beside = k + 1 if word == "loss" else k - 1
                return words[beside] if 0 <= beside < len(words) else ""
        return ""

    def time_left(self) -> str:
        """For reading; empty where it is not known."""
        return "" if self.left is None else duration(self.left)

    def __str__(self) -> str:
        left = f"{self.time_left()} left" if self.left is not None else ""
        note = self.note.replace("  ", ", ")
        return ", ".join(part for part in (self.count(), note, left, f"on {self.host}") if part)


class Noted:
    """A progress that is also written into the run's folder."""

    def __init__(self, inner: Progress, directory: RunDirectory) -> None:
        self.inner, self.directory = inner, directory

    @contextmanager
    def task(self, title: str, total: int | None, unit: str = "", done: int = 0) -> Iterator[Task]:
        """Opens a piece of work of `total` units (None: not known), `done` of them done before."""
        with self.inner.task(title, total, unit, done) as task:
            yield _Both(task, self.directory, Far(title, done, total, unit, "", None, _host()))

    def say(self, line: str) -> None:
        """Shows one line."""
        self.inner.say(line)


class _Both(Task):
    def __init__(self, inner: Task, directory: RunDirectory, far: Far) -> None:
        self.inner, self.directory = inner, directory
        self.far: dict[str, Any] = far.__dict__ | {}
        self.before, self.start = far.done, time.monotonic()
        self.written = -SECONDS

    def advance(self, n: int = 1, note: str = "") -> None:
        """Counts `n` units as done, and writes it now and then."""
        self.inner.advance(n, note)
        self.far["done"] += n
        self.far["note"] = note or self.far["note"]
        now = time.monotonic()
        if now - self.written >= SECONDS:
            self.written = now
            done, total = self.far["done"] - self.before, self.far["total"]
            if total and done:
                self.far["left"] = (now - self.start) / done * (total - self.far["done"])
            write_json(self.directory.folder / PROGRESS, self.far)


def _host() -> str:
    """The machine; under Slurm by the name of its node."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()
