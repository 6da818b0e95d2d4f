"""Where the networks look: activation maps against the references."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import Measure, grid
from benchmark.analyses.kit.summary import Value, of, over_sets
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    heading,
    svg_of,
)
from benchmark.reports.tables.grid import Grid, number
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.methods.declaration import Card

# The layers that a declaration may name, as they are called in sentences.
LAYERS = {
    "decoder": "the last block of the decoder",
    "deepest": "the deepest map",
    "tokens": "the tokens of the transformer",
}
MARKERS = {"decoder": "o", "deepest": "v", "tokens": "s"}
MEASURES = (
    Measure("energy", "Energy"),
    Measure("pointing", "Pointing"),
    Measure("energy_predicted", "In prediction", best=""),
)
HOW = (
    "Energy: the share of the map inside the reference. Pointing: whether its largest value "
    "is inside the reference. In prediction: the share of the map inside what the network "
    "predicts. The target is the sum of the logits over the predicted pixels, or over all "
    "pixels where nothing is predicted."
)


def _leaves_out(card: "Card") -> str:
    return "" if card.cam_layers else "its method.yaml names no cam_layers"


def _layers(measured: Measured) -> list[str]:
    found = set(measured.table["layer"])
    return [layer for layer in LAYERS if layer in found]


def _with(measured: Measured, layer: str) -> Measured:
    """The results of the rows that name a layer."""
    table = measured.table
    rows = set(table[table["layer"] == layer]["method"])
    kept = {place: one for place, one in measured.records.items() if one["method"] in rows}
    return replace(measured, records=kept)


def _leads(measured: Measured) -> Iterator[str]:
    table = measured.table
    area = table.groupby("dataset")["area"].mean().mean()
    even = f"; a constant map would have {number(100 * area, 1)} %"
    for layer in _layers(measured):
        means = {
            entry.title: over_sets(measured, entry, "energy", layer=layer)
            for entry in measured.rows()
        }
        known = {title: mean for title, mean in means.items() if not math.isnan(mean)}
        if not known:
            continue
        low, high = (ends(known, key=lambda title: known[title]) for ends in (min, max))
        share = f"{number(100 * known[high], 1)} % ({high})"
        if len(known) > 1:
            share = f"{number(100 * known[low], 1)} % ({low}) to {share}"
        yield (
            f"In {LAYERS[layer]}, {share} of the activation lies inside the reference,"
            f" as a mean over test sets{even}."
        )
        even = ""
    empty = table[table["target"] == "all"].drop_duplicates(["method", "seed", "dataset", "case"])
    if len(empty):
        cases = len(table.drop_duplicates(["method", "seed", "dataset", "case"]))
        yield (
            f"In {len(empty):,} of {cases:,} pictures of a run nothing was predicted; there "
            "the target is the sum over all pixels."
        )


def _grids(measured: Measured) -> Iterator[Grid]:
    without = [
        entry.title
        for entry in measured.results.table.entries
        if entry.name in measured.results.cards and _leaves_out(measured.results.cards[entry.name])
    ]
    left = f"Left out, because method.yaml names no cam_layers: {', '.join(without)}."
    remarks = (HOW, "An empty reference, or a map that is 0 throughout, has no value.")
    layers = _layers(measured)
    for layer in layers:
        told = (left,) if without and layer == layers[0] else ()
        yield grid(
            _with(measured, layer),
            f"activation-{layer}",
            f"Seg-Grad-CAM of {LAYERS[layer]}",
            MEASURES,
            (*remarks, *told),
            layer=layer,
        )


def _figures(measured: Measured) -> Iterator[Figure]:
    layers, entries = _layers(measured), measured.rows()
    names = measured.sets()
    values = {
        (entry.name, name, layer): of(measured, entry, name, "energy", layer=layer)
        for entry in entries
        for name in names
        for layer in layers
    }
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    with canvas_of((9.2, 0.6 + rows * (0.85 + 0.26 * len(entries)))) as canvas:
        axes = axes_of(canvas, len(names), columns, sharey=True)
        for ax, name in zip(axes, names, strict=False):
            _panel(ax, measured, name, entries, layers=layers, values=values)
        handles = axes[0].get_legend_handles_labels()[0]
        canvas.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False)
        svg = svg_of(canvas, "activation")
    yield Figure(
        name="activation",
        title="Activation inside the reference",
        caption="Share of the activation inside the reference, with the 95 % interval of the "
        "method. The line is the share of the image that the reference covers: the value "
        "of a constant map.",
        alt=f"Dot plot of the share of activation inside the reference, of {len(entries)} methods"
        f" on {len(names)} test sets. The tables below hold the numbers.",
        svg=svg,
        records=[*_records(values)],
    )


Values = Mapping[tuple[str, str, str], Value | None]


def _panel(
    ax: "Axes",
    measured: Measured,
    name: str,
    entries: Sequence[Entry],
    *,
    layers: Sequence[str],
    values: Values,
) -> None:
    ax.set_title(heading(measured.results.set_title(name), 2), loc="left")
    ax.set_yticks(range(len(entries)), [entry.title for entry in entries])
    ax.set_ylim(len(entries) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.tick_params(axis="y", length=0)
    table = measured.table
    area = float(table[table["dataset"] == name]["area"].mean())
    ax.axvline(area, color="#888888", lw=0.8, label="share of the image")
    for k, layer in enumerate(layers):
        label = LAYERS[layer].removeprefix("the ")
        for y, entry in enumerate(entries):
            found = values[entry.name, name, layer]
            if found is None:
                continue
            height = y + 0.22 * (k - (len(layers) - 1) / 2)
            if not math.isnan(found.low):
                ax.plot([found.low, found.high], [height, height], color=COLOURS[k], lw=1.2)
            marker = MARKERS[layer]
            ax.plot([found.mean], [height], marker, color=COLOURS[k], ms=4.5, label=label)
            label = "_"


def _records(values: Values) -> Iterator[Mapping[str, Any]]:
    for (method, dataset, layer), found in values.items():
        if found is not None:
            ends = {key: getattr(found, key) for key in ("mean", "low", "high")}
            yield {"method": method, "dataset": dataset, "layer": layer, **ends}


ANALYSIS = Analysis(
    name="activation",
    title="Where the networks look",
    short="Activation",
    about="Seg-Grad-CAM of named layers: the share of the activation inside the reference",
    module="benchmark/analyses/measures/activation.py",
    needs=("weights",),
    reads=lambda card: card.cam_layers,
    leaves_out=_leaves_out,
    limited=True,
    leads=lambda measured: tuple(_leads(measured)),
    grids=lambda measured: tuple(_grids(measured)),
    figures=lambda measured: tuple(_figures(measured)),
)
