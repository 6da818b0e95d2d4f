"""Watches runs that are executed: one live table of those under way, a line as each changes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths
from benchmark.core.progress import Board
from benchmark.core.text import about
from benchmark.runs.executors.kit.contract import Room
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.noted import Far
from benchmark.runs.store import RunDirectory, run_directory

HEADER = ("run", "at", "loss", "images/s", "left", "on")
SHARE = 0.02  # of all runs that is done before the time left is counted by it


class RunsWatch:
    """The states of runs; how far each is comes from the store, whichever executor fills it."""

    def __init__(self, paths: Paths, specs: Sequence[RunSpec], room: Room, seconds: float) -> None:
        """Args: seconds: that all of them are estimated to take; 0 where that is not known."""
        self.paths, self.room, self.seconds = paths, room, seconds
        self.states = dict.fromkeys(specs, "queued")
        self.notes = dict.fromkeys(specs, "")
        self.folders: dict[RunSpec, RunDirectory | None] = {}
        self.start = time.monotonic()
        self.board = Board(self.title, HEADER, self.rows, self.lines)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the table until the block ends."""
        with self.board.shown():
            yield

    def tell(self, spec: RunSpec, state: str, note: str = "") -> None:
        """A run is "queued", "running", "done" or "failed"; a line where that is new."""
        changed = (self.states.get(spec), self.notes.get(spec)) != (state, note)
        self.notes[spec], before = note, self.states.get(spec)
        self.states[spec] = state
        if changed and (state != before or note):
            self.board.say(f"{spec}: {state}{f', {note}' if note else ''}")

    def say(self, line: str) -> None:
        """Shows one line."""
        self.board.say(line)

    def title(self) -> str:
        """How far all runs are."""
        states = list(self.states.values())
        counts = {name: states.count(name) for name in ("done", "failed", "running", "queued")}
        told = [f"{count} {name}" for name, count in counts.items() if count or name == "done"]
        gone = time.monotonic() - self.start
        share = (counts["done"] + counts["failed"] + self._under_way()) / max(1, len(states))
        left = gone / share * (1 - share) if share > SHARE else self.seconds - gone
        if left > 0:
            told.append(f"{about(left)} left")
        return f"{len(states)} runs: {', '.join(told)}"

    def rows(self) -> list[tuple[str, ...]]:
        """A row of `HEADER` for each run under way."""
        return [self._row(spec, far) for spec, far in self._running()]

    def lines(self) -> list[str]:
        """A sentence for each run under way that says how far it is."""
        return [f"{spec}: {far}" for spec, far in self._running() if far]

    def _running(self) -> list[tuple[RunSpec, Far | None]]:
        running = [spec for spec, state in list(self.states.items()) if state == "running"]
        folders = [self._directory(spec) for spec in running]
        far = [Far.of(folder) if folder else None for folder in folders]
        return list(zip(running, far, strict=True))

    def _under_way(self) -> float:
        """The share that is done of the runs under way, added up."""
        found = [far for _, far in self._running() if far and far.total]
        return sum(far.done / (far.total or 1) for far in found)

    def _row(self, spec: RunSpec, far: Far | None) -> tuple[str, ...]:
        if far is None:
            return (str(spec), "", "", "", "", self.notes[spec])
        values = (far.count(), far.note_of("loss"), far.note_of("images/s"), far.time_left())
        return (str(spec), *values, self.notes[spec] or far.host)

    def _directory(self, spec: RunSpec) -> RunDirectory | None:
        if spec not in self.folders:
            try:
                run = plan_run(self.paths, spec, fetch=False).identity.run
                self.folders[spec] = run_directory(self.paths.store, run)
            except MixSegError:
                self.folders[spec] = None
        return self.folders[spec]
