"""Finds executors: a file of benchmark/runs/executors that holds an `EXECUTOR` is one."""

import functools
from pathlib import Path

from benchmark.core.registry import declared_in, named
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
    return named(executors(), name, "--executor", "executor")
