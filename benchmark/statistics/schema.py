"""The columns of scores.csv: a metric is one row of `METRICS`.

A new metric takes one new row here. Scoring then writes its column, reading checks it, and the
tables print it. A file that was written before the metric existed lacks the column: it still loads,
and the tables print «not scored».

**Conventions** Columns in this order: `KEYS`, the metrics, `COUNTS`, and after them the named
protocols of `benchmark.evaluation.protocols`, which are optional.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

Array = np.ndarray

KEYS = ("dataset", "modality", "case", "group", "draw")
COUNTS = ("tp", "fp", "fn", "tn")
DSC = "dsc"  # the headline metric: comparisons and rankings use it
EMPTY_MASK = "a mask is empty"


class Measured(Protocol):
    """All cases of one test set under one prompt draw, as metrics see them.

    Attributes:
        tally: the stacked `benchmark.evaluation.metrics.Tally`; its `counts` are tp, fp, fn, tn.
        hd95_px, assd_px: distances between the contours, float (cases,).
        nsd, boundary_iou: shares of the contours that agree, float (cases,).
    """

    tally: Any
    hd95_px: Array
    assd_px: Array
    nsd: Array
    boundary_iou: Array

    def each(self, metric: Callable[[Array, Array], float]) -> Array:
        """A function of predicted mask and reference, both bool (H, W), in every case: (cases,)."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: its column.
        title: its name in tables.
        direction: which values are better; "none" for what describes the case, not the prediction.
        unit: "share" for numbers from 0 to 1, or a unit.
        compute: gives the values (cases,).
        low, high: the range of its values.
        missing: what an empty cell means; empty where every case has a value.
        digits: printed after the point.
        table: the table of the report that prints it.
        how: a sentence below that table, for what is not fixed by its name.
    """

    name: str
    title: str
    direction: Literal["higher", "lower", "none"]
    unit: str
    compute: Callable[[Measured], Array]
    low: float = 0.0
    high: float = 1.0
    missing: str = ""
    digits: int = 3
    table: Literal["main", "errors", "none"] = "errors"
    how: str = ""

    @property
    def label(self) -> str:
        """The heading of its column in tables."""
        unit = "" if self.unit == "share" else f" ({self.unit})"
        arrow = {"higher": " ↑", "lower": " ↓", "none": ""}[self.direction]
        return f"{self.title}{unit}{arrow}"


def _by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: dict[str, Metric] = _by_name(
    (
        Metric(DSC, "DSC", "higher", "share", lambda m: m.tally.counts.dsc(), table="main"),
        Metric("iou", "IoU", "higher", "share", lambda m: m.tally.counts.iou(), table="main"),
        Metric("sensitivity", "Sensitivity", "higher", "share",
               lambda m: m.tally.counts.sensitivity()),
        Metric("precision", "Precision", "higher", "share", lambda m: m.tally.counts.precision()),
        Metric("mae", "MAE", "lower", "share", lambda m: m.tally.mae(), table="main"),
        Metric("hd95_px", "HD95", "lower", "px", lambda m: m.hd95_px, high=math.inf,
               missing=EMPTY_MASK, digits=1),
        Metric("assd_px", "ASSD", "lower", "px", lambda m: m.assd_px, high=math.inf,
               missing=EMPTY_MASK, digits=2),
        Metric("nsd", "NSD", "higher", "share", lambda m: m.nsd,
               how="NSD: the tolerance is 2 px at 352 pixels, scaled with the size of the image."),
        Metric("boundary_iou", "Boundary IoU", "higher", "share", lambda m: m.boundary_iou,
               how="Boundary IoU: the band is 2 % of the diagonal wide, at least 1 px."),
        Metric("foreground", "Foreground", "none", "share",
               lambda m: m.tally.reference() / m.tally.pixels(), table="none"),
    )
)  # fmt: skip


def columns() -> tuple[str, ...]:
    """The columns that scoring writes, without the named protocols."""
    return (*KEYS, *METRICS, *COUNTS)


def scored() -> tuple[str, ...]:
    """The metrics that judge a prediction."""
    return tuple(name for name, metric in METRICS.items() if metric.direction != "none")


def in_table(table: str) -> tuple[Metric, ...]:
    """The metrics of one table of the report, in the order of their columns."""
    return tuple(metric for metric in METRICS.values() if metric.table == table)


def metric_of(column: str) -> Metric | None:
    """The metric of a column; that of a named protocol is what its name begins with."""
    if column in METRICS:
        return METRICS[column]
    begins = [name for name in METRICS if column.startswith(f"{name}_")]
    return METRICS[max(begins, key=len)] if begins else None


def is_lower(column: str) -> bool:
    """Whether less is better in a column, named protocols included."""
    metric = metric_of(column)
    return metric is not None and metric.direction == "lower"


def range_of(column: str) -> tuple[float, float]:
    """The smallest and the largest value of a column, named protocols included."""
    metric = metric_of(column)
    return (metric.low, metric.high) if metric else (-math.inf, math.inf)


def may_be_undefined(column: str) -> bool:
    """Whether a cell of the column may be empty: some metrics, and every named protocol."""
    if column in METRICS:
        return bool(METRICS[column].missing)
    return column not in (*KEYS, *COUNTS)
