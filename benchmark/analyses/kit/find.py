"""Finds analyses: a file of benchmark/analyses that holds an `ANALYSIS` is one; no torch."""

import functools
from pathlib import Path

from benchmark.analyses.kit.contract import Analysis
from benchmark.core.registry import declared_in, named

HERE = Path(__file__).parents[1]


@functools.cache
def analyses() -> dict[str, Analysis]:
    """Every analysis by name, in the order of the names of their files."""
    return declared_in("benchmark.analyses", HERE, "ANALYSIS")


def analysis(name: str) -> Analysis:
    """An analysis by name.

    Raises: ParamsError with the nearest name.
    """
    return named(analyses(), name, "analyses", "analysis")
