"""Executors: where runs are executed. Each is one function, and only fills the store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.progress import Progress
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions


@dataclass(frozen=True)
class Outcome:
    """How one run ended; `cause` is empty where it ended well."""

    spec: RunSpec
    cause: str


# Executes runs, a failed one stopping no other; the outcomes come in the order of the runs.
Executor = Callable[[Path, Sequence[RunSpec], RunOptions, int | None, Progress], list[Outcome]]


def executors() -> dict[str, Executor]:
    """Every executor by the name that `--executor` takes."""
    from benchmark.runs.executors import local

    return {"local": local.run_all}
