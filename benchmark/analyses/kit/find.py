"""Finds analyses: a file of benchmark/analyses that holds an `ANALYSIS` is one; no torch."""

import difflib
import functools
from pathlib import Path

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.errors import ParamsError
from benchmark.core.registry import declared_in

HERE = Path(__file__).parents[1]


@functools.cache
def analyses() -> dict[str, Analysis]:
    """Every analysis by name, in the order of the names of their files."""
    return declared_in("benchmark.analyses", HERE, "ANALYSIS")


def analysis(name: str) -> Analysis:
    """An analysis by name.

    Raises: ParamsError with the nearest name.
    """
    known = analyses()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    do = f"Did you mean {near[0]}?" if near else "Name one of these."
    raise ParamsError("analyses", f"no analysis {name!r}", f"one of {', '.join(known)}", do)
