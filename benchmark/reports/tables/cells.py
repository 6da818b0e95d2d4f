"""Cells that tables share: a mean with its spread, a difference with its interval."""

import math
from typing import Any

from benchmark.reports.tables.grid import NONE, Cell, missing, number
from benchmark.statistics.contrasts import Difference
from benchmark.statistics.differences import Missing, Side

Answer = Difference | tuple[Missing, ...]


def plus_minus(mean: float, sd: float, digits: int = 3) -> str:
    """A mean with its standard deviation over seeds, where there is one."""
    spread = "" if math.isnan(sd) else f" ± {number(sd, digits)}"
    return number(mean, digits) + spread


def signed(value: float, digits: int = 3) -> str:
    """A difference for reading, with its sign; what is printed as 0 has none."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def difference_cell(answer: Answer | None) -> Cell:
    """A difference with its interval; a dash where none was asked for."""
    if answer is None:
        return Cell(NONE)
    if not isinstance(answer, Difference):
        return missing()
    limits = f"[{signed(answer.low)}, {signed(answer.high)}]"
    return Cell(signed(answer.value), "" if math.isnan(answer.low) else limits, answer.value)


def side_cell(found: Side | Missing | None) -> Cell:
    """One side of a difference; a dash where none is planned."""
    if isinstance(found, Side):
        return Cell(plus_minus(found.mean, found.seed_sd), sort=found.mean)
    return missing() if found else Cell(NONE)


def difference_record(answer: Answer | None) -> dict[str, Any]:
    """A difference as columns of a CSV."""
    names = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    known = isinstance(answer, Difference)
    return {name: getattr(answer, key) if known else "" for key, name in names.items()}


# What the interval of a difference speaks of.
SPOKEN = (
    "Below it is the 95 % interval of the difference, over trainings and cases together "
    "(crossed-variance t; whole groups where cases form groups). A trained row with fewer "
    "than three seeds has none."
)
