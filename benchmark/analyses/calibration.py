"""Calibration of the stored maps: tables of every form, and reliability diagrams."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.curves import Panels, coloured, draw, panel_title, shown
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import Measure, grid
from benchmark.analyses.kit.summary import lines, over_sets
from benchmark.reports.figures.drawing import Figure
from benchmark.reports.tables.grid import Grid, number
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    import pandas as pd

MEASURES = (
    Measure("ece_foreground", "ECE, foreground", best="low"),
    Measure("ece_confidence", "ECE, confidence", best="low"),
    Measure("adaptive_foreground", "Adaptive ECE, foreground", best="low"),
    Measure("adaptive_confidence", "Adaptive ECE, confidence", best="low"),
    Measure("mce_foreground", "MCE, foreground", best="low"),
    Measure("mce_confidence", "MCE, confidence", best="low"),
    Measure("brier", "Brier score", best="low"),
    Measure("confidence", "Mean confidence", best=""),
    Measure("accuracy", "Share of right pixels", best=""),
)
REGIONS = {"box": "in the box around the reference", "all": "over all pixels"}
OVER = {"image": "mean over images", "set": "pooled over the test set"}
FORMS = {
    "foreground": ("Probability of foreground", "Share of foreground in the reference"),
    "confidence": ("Confidence of the decision", "Share of right pixels"),
}
FEWEST = 100  # pixels of a bin that is drawn
HOW = {
    "image": "Each image has a value; the table holds the mean over images.",
    "set": "All pixels of a test set together have one value; its interval covers other "
    "trainings only.",
    "box": "Only the box around the reference counts, each side grown by a tenth of its length.",
    "all": "All pixels of the image count; most of them are background far from the lesion.",
}
DEFINED = (
    "Foreground: the probability of foreground, compared with the reference. Confidence: the "
    "larger of p and 1 − p, compared with whether the decision at 0.5 is right. ECE and MCE: "
    "15 bins of equal width; adaptive ECE: 15 bins of equally many pixels."
)


def _grids(measured: Measured) -> Sequence[Grid]:
    return [
        grid(
            measured,
            f"calibration-{over}-{region}",
            f"Calibration {where}, {how}",
            [replace(m, column=f"{m.column}_{region}") for m in MEASURES],
            (HOW[over], HOW[region], DEFINED, *(_empty(measured) if region == "box" else ())),
            over=over,
        )
        for over, how in OVER.items()
        for region, where in REGIONS.items()
    ]


def _empty(measured: Measured) -> Iterator[str]:
    """How many images have no box."""
    for dataset in measured.sets():
        for entry in measured.rows()[:1]:
            found = lines(measured, entry, dataset, over="image")
            found = found[found["seed"] == found["seed"].min()]
            gone = int(found["brier_box"].isna().sum())
            if gone:
                title = measured.results.set_title(dataset)
                yield (
                    f"{title}: {gone} of {len(found)} images have an empty reference, so no box;"
                    " they are left out here."
                )


def _leads(measured: Measured) -> Sequence[str]:
    entries = shown(measured)
    found = {
        entry.title: over_sets(measured, entry, "ece_confidence_box", over="image")
        for entry in entries
    }
    known = {title: value for title, value in found.items() if not math.isnan(value)}
    if not known:
        return ()
    best, worst = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    where = "By the ECE of the confidence around the reference, averaged over images and test sets,"
    first = f"{where} {best} is calibrated best ({number(known[best], 3)})"
    if len(known) > 1:
        first += f" and {worst} worst ({number(known[worst], 3)})"
    return [f"{first}.", *_too_sure(measured, entries), *_far(measured, entries)]


def _too_sure(measured: Measured, entries: Sequence[Entry]) -> Iterator[str]:
    pairs = {
        entry.title: tuple(over_sets(measured, entry, f"{m}_box", over="set") for m in SURE)
        for entry in entries
    }
    pairs = {title: pair for title, pair in pairs.items() if not any(map(math.isnan, pair))}
    if not pairs:
        return
    sure = {title: says - right for title, (says, right) in pairs.items() if says > right}
    rows = "one row" if len(pairs) == 1 else f"{len(pairs)} rows"
    text = f"Of {rows}, {len(sure) or 'none'} {'is' if len(sure) <= 1 else 'are'} more confident"
    text += " there than right, on average over the test sets"
    if sure:
        most = max(sure, key=lambda title: sure[title])
        says, right = (number(value, 3) for value in pairs[most])
        text += f"; {most} has the widest gap: a mean confidence of {says}, while {right} of"
        text += " the pixels are right"
    yield f"{text}."


SURE = ("confidence", "accuracy")


def _far(measured: Measured, entries: Sequence[Entry]) -> Iterator[str]:
    """Whether background far from the lesion hides the errors."""
    sides = [
        [over_sets(measured, entry, f"ece_confidence_{region}", over="image") for entry in entries]
        for region in ("all", "box")
    ]
    pairs = [pair for pair in zip(*sides, strict=True) if not any(map(math.isnan, pair))]
    if pairs and all(everywhere < inside for everywhere, inside in pairs):
        low, high = (number(end([each for each, _ in pairs]), 3) for end in (min, max))
        span = low if low == high else f"{low} to {high}"
        yield f"Over all pixels the same ECE is {span}: background far from the lesion is easy."


def _figures(measured: Measured) -> Sequence[Figure]:
    return [_reliability(measured, form) for form in FORMS]


def _reliability(measured: Measured, form: str) -> Figure:
    entries, (across, up) = shown(measured), FORMS[form]
    column = f"ece_{form}_box"
    chosen = coloured(
        measured, entries, lambda entry: over_sets(measured, entry, column, over="set")
    )
    curves: dict[str, dict[str, Any]] = {}
    records: list[Mapping[str, Any]] = []
    for dataset in measured.sets():
        panel = curves.setdefault(panel_title(measured, dataset), {})
        for entry in entries:
            bins = _bins(measured, entry, dataset, f"{form}_box")
            kept = bins[bins["pixels"] >= FEWEST]
            means = [(kept[each] / kept["pixels"]).tolist() for each in ("predicted", "observed")]
            panel[entry.name] = (means[0], means[1])
            records += _records(entry, dataset, bins)
    name = f"calibration-reliability-{form}"
    panels = Panels(name, f"{across}, mean of the bin", up, marker="o", diagonal=True, unit=True)
    titles = {entry.name: entry.title for entry in entries}
    grey = " Grey: the others; in colour the focus and the rows of least ECE."
    return Figure(
        name=name,
        title=f"Reliability of the {'probability' if form == 'foreground' else 'confidence'}",
        caption="Pixels of all seeds in the box around the reference, in 15 bins of equal width; "
        f"a bin of fewer than {FEWEST} pixels is not drawn. On the dashed line "
        "predictions are as sure as they are right; below it they are too "
        f"sure.{grey if len(chosen) < len(entries) else ''}",
        alt=f"{up} against {across.lower()}, for {len(entries)} rows on {len(curves)} panels, one a"
        " test set. The CSV beside the figure holds the bins.",
        svg=draw(panels, curves, titles, [entry.name for entry in chosen]),
        records=records,
    )


def _bins(measured: Measured, entry: Entry, dataset: str, form: str) -> "pd.DataFrame":
    """Sums over seeds, by bin."""
    found = lines(measured, entry, dataset, over="bin", form=form)
    return found.groupby("bin")[["pixels", "predicted", "observed"]].sum()


def _records(entry: Entry, dataset: str, bins: "pd.DataFrame") -> Iterator[Mapping[str, Any]]:
    for k, pixels, predicted, observed in bins.itertuples():
        yield {
            "method": entry.name,
            "title": entry.title,
            "dataset": dataset,
            "bin": int(k),
            "pixels": int(pixels),
            "predicted": float(predicted),
            "observed": int(observed),
        }


ANALYSIS = Analysis(
    name="calibration",
    title="Calibration",
    short="Calibration",
    about="whether the probabilities of stored maps are as sure as they are right",
    module="benchmark/analyses/measures/calibration.py",
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
