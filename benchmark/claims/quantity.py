"""One number behind a verdict, and how verdicts of parts make one of the whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.claims.spec import Verdict
from benchmark.statistics.compare import ALPHA, holm
from benchmark.statistics.schema import metric_of

ORDER: tuple[Verdict, ...] = ("supported", "contradicted", "undecided", "not run")
NOTHING = "–"
SIGNS = {True: "+", False: "−"}


@dataclass(frozen=True)
class Quantity:
    """One number behind a verdict.

    Attributes:
        what: what it is of, with titles as on the cards.
        where: the test set, in words; empty where there is none.
        metric: a column of scores.csv, what an analysis measured, "parameters" or "cases".
        value, low, high: as in scores.csv; None where there is none.
        verdict: of this part alone.
        note: what stands behind it, or why there is no number.
        p: two-sided, of the difference; None where there is none.
        methods: the names of the rows that it is about.
        stand_ins: which of them stand in for others, in words.
    """

    what: str
    where: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    note: str
    p: float | None = None
    methods: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()

    def text(self) -> str:
        """The number for a reader: points of a share, pixels, or a count."""
        if self.value is None or math.isnan(self.value):
            return NOTHING
        if self.metric in ("parameters", "cases"):
            return f"{self.value:,.0f}"
        metric = metric_of(self.metric)
        share = metric is None or metric.unit == "share"
        unit, scale = (" points", 100) if share or metric is None else (f" {metric.unit}", 1)
        number = f"{SIGNS[self.value >= 0]}{abs(self.value) * scale:.2f}{unit}"
        if self.low is None or self.high is None or math.isnan(self.low):
            return number
        ends = ", ".join(f"{end * scale:.2f}".replace("-", "−") for end in (self.low, self.high))
        return f"{number} [{ends}]"


@dataclass(frozen=True)
class Found:
    """What one predicate came to.

    Attributes:
        reads: the verdict as it is printed, where it is not the verdict itself.
        why: one sentence for that.
    """

    quantities: tuple[Quantity, ...]
    verdict: Verdict
    reads: str = ""
    why: str = ""


def softened(quantities: Sequence[Quantity]) -> list[Verdict]:
    """The verdicts of the parts, undecided where one against does not stand up to Holm."""
    tested = [quantity for quantity in quantities if quantity.p is not None]
    adjusted = holm([quantity.p for quantity in tested if quantity.p is not None])
    weak = {id(quantity) for quantity, p in zip(tested, adjusted, strict=True) if p >= ALPHA}
    return [
        "undecided" if each.verdict == "contradicted" and id(each) in weak else each.verdict
        for each in quantities
    ]


def whole(quantities: Sequence[Quantity]) -> Verdict:
    """The verdict of all parts together."""
    return combined(softened(quantities))


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a whole by those of its parts as `judge` says."""
    if "contradicted" in verdicts:
        return "contradicted"
    if all(each == "not run" for each in verdicts):
        return "not run"
    return "supported" if all(each == "supported" for each in verdicts) else "undecided"
