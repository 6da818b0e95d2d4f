"""Finds executors: a file of benchmark/runs/executors that holds an `EXECUTOR` is one."""

import functools
from pathlib import Path

from benchmark.core.errors import ParamsError
from benchmark.core.registry import declared_in
from benchmark.core.text import did_you_mean
from benchmark.runs.executors.kit.contract import Executor

HERE = Path(__file__).parents[1]


@functools.cache
def executors() -> dict[str, Executor]:
    """Every executor by the name that `--executor` takes."""
    return declared_in("benchmark.runs.executors", HERE, "EXECUTOR")


def executor(name: str) -> Executor:
    """An executor by name.

    Raises: ParamsError with the nearest name.
    """
    known = executors()
    if name in known:
        return known[name]
    do = did_you_mean(name, known) or "Name one of these."
    raise ParamsError("--executor", f"no executor {name!r}", f"one of {', '.join(known)}", do)
