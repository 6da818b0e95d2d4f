"""What an interval decides about a claim; the conventions are those of `judge`."""

import math
from collections.abc import Callable, Sequence

from benchmark.claims.quantity import Quantity
from benchmark.claims.spec import Verdict
from benchmark.statistics.compare import Comparison
from benchmark.statistics.contrasts import Combined
from benchmark.statistics.differences import Missing
from benchmark.statistics.method_level import MethodInterval
from benchmark.statistics.schema import is_lower
from benchmark.statistics.table import Entry

Z = 1.959964  # half-width of a 95 % interval over its standard error, in the limit
Decide = Callable[[float, float], Verdict]  # from an interval in which more is better


def judged(found: Comparison, seeds: int, decide: Decide) -> tuple[Verdict, str]:
    """What a comparison of methods decides, and what that rests on."""
    rows, lower = (found.focus, found.other), is_lower(found.column)
    return decided(found, rows, seeds, decide, lower=lower)


def decided(
    found: Comparison | Combined,
    rows: Sequence[Entry],
    seeds: int,
    decide: Decide,
    *,
    lower: bool = False,
) -> tuple[Verdict, str]:
    """What a difference or a sum of rows decides, and what that rests on.

    Args:
        rows: what it is of.
        seeds: the fewest that a trained row needs.
        lower: whether less is better.
    """
    if found.missing:
        whole = [each for each in found.missing if each.runs or "undefined" not in each.why]
        told = "; ".join(dict.fromkeys(_missing(each) for each in found.missing))
        return "not run" if whole else "undecided", told
    counts = [str(count) for count in found.seeds]
    seeds_of = "1 seed" if counts == ["1"] else f"{' and '.join(counts)} seeds"
    rests = f"{seeds_of}, {found.cases} cases"
    pairs = zip(rows, found.seeds, strict=True)
    few = [count for entry, count in pairs if entry.trained and count < seeds]
    if math.isnan(found.low) or few:
        why = found.why or f"{min(few, default=0)} seeds where the claim needs {seeds}"
        return "undecided", f"{rests}: {why}"
    low, high = (-found.high, -found.low) if lower else (found.low, found.high)
    return decide(low, high), rests


def side(low: float, high: float) -> Verdict:
    """Supported above 0, contradicted below it."""
    if low > 0:
        return "supported"
    return "contradicted" if high < 0 else "undecided"


def no_gain(margin: float, low: float, high: float) -> Verdict:
    """Supported below the margin, contradicted above 0."""
    if low > 0:
        return "contradicted"
    return "supported" if high < margin else "undecided"


def close(margin: float, low: float, high: float) -> Verdict:
    """Supported below the margin, contradicted above it."""
    if low > margin:
        return "contradicted"
    return "supported" if high < margin else "undecided"


def _missing(each: Missing) -> str:
    name = each.entry.name
    if not each.runs:
        return f"{name}: {each.why}"
    seeds = sorted({run.seed for run in each.runs})
    why = ", ".join(dict.fromkeys(run.why for run in each.runs))
    return f"{name}, seeds {', '.join(map(str, seeds))}: {why}"


def apart(
    about: tuple[str, str, str], sides: Sequence[MethodInterval | None], seeds: int
) -> Quantity:
    """The first minus the second of two cells, by MOVER.

    Args:
        about: what, where and metric of the quantity.
        seeds: the fewest that are needed.
    """
    one, other = sides
    if one is None or other is None:
        return Quantity(*about, None, None, None, "not run", "a run is missing")
    noun = "seed" if one.seeds == 1 else "seeds"
    rests = f"{one.seeds} {noun}, {one.cases} and {other.cases} cases"
    value = one.mean - other.mean
    why = one.why or other.why
    if not why and one.seeds < seeds:
        why = f"the claim needs {seeds}"
    if why or math.isnan(one.low) or math.isnan(other.low):
        return Quantity(*about, value, None, None, "undecided", f"{rests}: {why}")
    (low, high), (other_low, other_high) = one.uncut, other.uncut
    below = math.hypot(one.mean - low, other_high - other.mean)
    above = math.hypot(high - one.mean, other.mean - other_low)
    low, high = value - below, value + above
    near = value - low if value > 0 else high - value  # the half that faces 0
    p = math.erfc(abs(value) / near * Z / math.sqrt(2)) if near > 0 else None
    return Quantity(*about, value, low, high, side(low, high), rests, p)
