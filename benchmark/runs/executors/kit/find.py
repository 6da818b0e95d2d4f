"""Finds executors: a file of benchmark/runs/executors that holds an `EXECUTOR` is one."""

import difflib
import functools
import importlib
from pathlib import Path

from benchmark.core.errors import ParamsError
from benchmark.runs.executors.kit.contract import Executor

HERE = Path(__file__).parents[1]


@functools.cache
def executors() -> dict[str, Executor]:
    """Every executor by the name that `--executor` takes."""
    files = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("_"))
    modules = (importlib.import_module(f"benchmark.runs.executors.{path.stem}") for path in files)
    found = [module.EXECUTOR for module in modules]
    return {each.name: each for each in found}


def executor(name: str) -> Executor:
    """An executor by name.

    Raises: ParamsError with the nearest name.
    """
    known = executors()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    do = f"Did you mean {near[0]}?" if near else "Name one of these."
    raise ParamsError("--executor", f"no executor {name!r}", f"one of {', '.join(known)}", do)
