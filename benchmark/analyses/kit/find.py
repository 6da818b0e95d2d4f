"""Finds analyses: a file of benchmark/analyses that holds an `ANALYSIS` is one; no torch."""

import functools
from pathlib import Path

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.errors import ParamsError
from benchmark.core.registry import declared_in
from benchmark.core.text import did_you_mean

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
    do = did_you_mean(name, known) or "Name one of these."
    raise ParamsError("analyses", f"no analysis {name!r}", f"one of {', '.join(known)}", do)
