"""Selective prediction: what risk is left when the least confident images are set aside."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.curves import Panels, coloured, draw, panel_title, shown
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import Measure, grid
from benchmark.analyses.kit.summary import lines, of, over_sets
from benchmark.analyses.measures.risk import risk_by_coverage
from benchmark.reports.figures.drawing import Figure
from benchmark.reports.tables.grid import Grid, number
from benchmark.statistics.table import Entry

KINDS = {
    "sdc": "soft Dice confidence",
    "max_probability": "mean maximum probability",
    "entropy": "entropy",
}
MEASURES = (
    Measure("risk", "Mean risk", best="low"),
    Measure("aurc_sdc", "AURC, SDC", best="low"),
    Measure("aurc_max_probability", "AURC, max. probability", best="low"),
    Measure("aurc_entropy", "AURC, entropy", best="low"),
    Measure("aurc_oracle", "AURC, oracle", best="low"),
    Measure("excess_sdc", "Excess, SDC", best="low"),
    Measure("excess_max_probability", "Excess, max. probability", best="low"),
    Measure("excess_entropy", "Excess, entropy", best="low"),
)
DEFINED = (
    "Risk of an image: 1 − DSC. AURC: the mean risk of the most confident images, averaged "
    "over all coverages. Excess: AURC minus that of the oracle, which sorts by the risk "
    "itself; 0 is the best. A random order has the mean risk as its AURC.",
    "SDC: soft Dice confidence. The other two are means over all pixels. AURC belongs to a "
    "whole test set; its interval covers other trainings only.",
)
ORACLE = "oracle"
STEPS = 50  # coverages of a curve


def _grids(measured: Measured) -> Sequence[Grid]:
    title = "Risk and coverage"
    return [grid(measured, "selective-aurc", title, MEASURES, DEFINED, over="set")]


def _leads(measured: Measured) -> Sequence[str]:
    return [*_halves(measured), *_compared(measured)]


def _halves(measured: Measured) -> Iterator[str]:
    """What the focus gains, or else the first row, when half of the images is set aside."""
    entries = shown(measured)
    focus = [entry for entry in entries if entry.name == measured.results.params.focus]
    entry = (focus or entries)[0]
    curves = [_curve(measured, entry, dataset, "sdc") for dataset in measured.sets()]
    if not all(len(curve) for curve in curves):
        return
    whole = float(np.mean([curve[-1] for curve in curves]))
    half = float(np.mean([curve[math.ceil(len(curve) / 2) - 1] for curve in curves]))
    yield (
        f"Over the half of the images with the highest soft Dice confidence, {entry.title} "
        f"has a mean risk (1 − DSC) of {number(half, 3)}; over all images it is "
        f"{number(whole, 3)} (mean over the test sets)."
    )


def _compared(measured: Measured) -> Iterator[str]:
    """How often each confidence is the nearest to the oracle."""
    wins: Counter[str] = Counter()
    for entry in shown(measured):
        for dataset in measured.sets():
            found = {k: of(measured, entry, dataset, f"excess_{k}", over="set") for k in KINDS}
            means = {kind: value.mean for kind, value in found.items() if value is not None}
            least = [kind for kind in means if means[kind] == min(means.values())]
            wins.update(least if len(means) == len(KINDS) and len(least) == 1 else ["none"])
    if wins.total():
        counts = ", ".join(f"{title} in {wins[kind]}" for kind, title in KINDS.items())
        ties = f"; {wins['none']} have no single one" if wins["none"] else ""
        pairs = "pair" if wins.total() == 1 else "pairs"
        yield (
            f"In {wins.total()} {pairs} of a row and a test set, the confidence nearest to "
            f"the oracle is: {counts}{ties}."
        )


def _curve(measured: Measured, entry: Entry, dataset: str, kind: str) -> np.ndarray:
    """Risk at coverages 1 / n ... 1, mean over seeds; of no image where a seed lacks some."""
    found = lines(measured, entry, dataset, over="image")
    if kind == ORACLE:
        found = found.assign(**{kind: -found["risk"]})
    seeds = [
        risk_by_coverage(rows[kind].to_numpy(float), rows["risk"].to_numpy(float))
        for _, rows in found.groupby("seed")
    ]
    if len({len(each) for each in seeds}) != 1:
        return np.empty(0)
    mean: np.ndarray = np.mean(seeds, axis=0)
    return mean


def _figures(measured: Measured) -> Sequence[Figure]:
    entries = shown(measured)
    chosen = coloured(
        measured, entries, lambda entry: over_sets(measured, entry, "aurc_sdc", over="set")
    )
    curves: dict[str, dict[str, Any]] = {}
    records: list[Mapping[str, Any]] = []
    for dataset in measured.sets():
        panel = curves.setdefault(panel_title(measured, dataset), {})
        for entry in entries:
            points = list(_points(measured, entry, dataset))
            panel[entry.name] = ([p["coverage"] for p in points], [p["sdc"] for p in points])
            about = {"method": entry.name, "title": entry.title, "dataset": dataset}
            records += [{**about, **point} for point in points]
    panels = Panels("selective-curves", "Coverage (share of images that are kept)",
                    "Risk (mean of 1 − DSC)")  # fmt: skip
    titles = {entry.name: entry.title for entry in entries}
    grey = " Grey: the others; in colour the focus and the rows of least AURC."
    figure = Figure(
        name="selective-curves",
        title="Risk by coverage, images sorted by the soft Dice confidence",
        caption="From right to left, the images of least confidence are set aside. Mean over"
        " seeds. The axes of the risk differ between panels."
        f"{grey if len(chosen) < len(entries) else ''}",
        alt=f"Line plots of the risk over the coverage for {len(entries)} rows on {len(curves)}"
        " panels, one a test set. The CSV beside the figure holds the curves of all three"
        " confidences and of the oracle.",
        svg=draw(panels, curves, titles, [entry.name for entry in chosen]),
        records=records,
    )
    return [figure] if records else []


def _points(measured: Measured, entry: Entry, dataset: str) -> Iterator[dict[str, float]]:
    curves = {kind: _curve(measured, entry, dataset, kind) for kind in (*KINDS, ORACLE)}
    n = len(curves["sdc"])
    for k in sorted({math.ceil(n * step / STEPS) for step in range(1, STEPS + 1)} if n else ()):
        yield {"coverage": k / n, **{kind: float(curve[k - 1]) for kind, curve in curves.items()}}


ANALYSIS = Analysis(
    name="selective",
    title="Selective prediction",
    short="Selective",
    about="what risk is left when the images of least confidence are set aside",
    module="benchmark/analyses/measures/selective.py",
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
