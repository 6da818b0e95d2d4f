"""The premise of the papers: modalities differ in frequency and in the size of the lesion."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import POSITIVE, Measure, cell
from benchmark.analyses.kit.summary import value
from benchmark.reports.figures.drawing import COLOURS, Figure, canvas_of, plain_ticks, svg_of
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

OF = {"image": "Images", "reference": "References"}
# What a table prints, each with what it is of.
MEASURES = (
    ("image", Measure("lesion", "Reference, share of the image", best="")),
    ("image", Measure("centroid", "Image, mean frequency", 1, "", POSITIVE)),
    ("reference", Measure("centroid", "Reference, mean frequency", 1, "", POSITIVE)),
    *(("image", Measure(f"level{k}", f"Level {k}", best="")) for k in range(1, 5)),
    ("image", Measure("low", "Low-pass", best="")),
)
HOW = (
    "Mean over test cases with its 95 % interval over cases. The mean frequency is that of "
    "the energy on a logarithmic scale, in cycles per image. Levels are shares of the energy "
    "of the contourlet transform; level 1 is the finest."
)
DISTANCE = (
    "Jensen-Shannon divergence of the mean spectra, in bits: 0 for equal spectra, 1 for "
    "spectra that share no bin. A spectrum is the share of the energy in bins half an octave "
    "wide, without the constant. It is that of the picture minus its mean, under a Hann "
    "window."
)


def _bins(table: "pd.DataFrame") -> list[str]:
    return [name for name in table.columns if len(name) == 3 and name[0] == "f"]


def _spectra(measured: Measured, of: str) -> "pd.DataFrame":
    """The spectra of single cases, with their modality; those without energy left out."""
    table = measured.table
    bins = _bins(table)
    return table[table["of"] == of].dropna(subset=bins)[["modality", *bins]]


def _means(measured: Measured, of: str) -> dict[str, "np.ndarray"]:
    """The mean spectrum of each modality."""
    table = _spectra(measured, of)
    groups = table.groupby("modality", sort=False)
    return {str(name): part[_bins(table)].mean().to_numpy(float) for name, part in groups}


def _pairs(means: Mapping[str, "np.ndarray"]) -> dict[tuple[str, str], float]:
    from benchmark.analyses.measures.spectra import divergence

    return {
        (one, other): divergence(means[one], means[other])
        for one, other in itertools.combinations(means, 2)
    }


def _nearest(measured: Measured, of: str) -> dict[str, float]:
    from benchmark.analyses.measures.spectra import nearest_shares

    table = _spectra(measured, of)
    return nearest_shares(table[_bins(table)].to_numpy(float), list(table["modality"]))


def _leads(measured: Measured) -> Iterator[str]:
    pairs, found = _pairs(_means(measured, "image")), _nearest(measured, "image")
    if len(found) > 1:
        mean, guess = (100 * sum(found.values()) / len(found), 100 / len(found))
        yield (
            f"By the spectrum of the image alone, {number(mean, 1)} % of the test cases are "
            "nearest to the mean of their own modality (mean over modalities); chance is "
            f"{number(guess, 1)} %."
        )
    if pairs:
        most, least = (end(pairs, key=lambda pair: pairs[pair]) for end in (max, min))
        text = f"The spectra of {' and '.join(most)} differ most, by {number(pairs[most], 3)} bits"
        if len(pairs) > 1:
            text += f", and those of {' and '.join(least)} least, by {number(pairs[least], 3)} bits"
        yield f"{text}."
    table = measured.table
    means = table[table["of"] == "image"].groupby("modality")["lesion"].mean().dropna()
    sizes = {str(name): float(mean) for name, mean in means.items()}
    if len(sizes) > 1:
        low, high = (end(sizes, key=lambda name: sizes[name]) for end in (min, max))
        yield (
            f"The reference covers {number(100 * sizes[low], 1)} % of the image in {low} and"
            f" {number(100 * sizes[high], 1)} % in {high}, as means over cases."
        )


def _grids(measured: Measured) -> tuple[Grid, ...]:
    return (_sets(measured), *(_distances(measured, of) for of in OF), _subbands(measured))


def _sets(measured: Measured) -> Grid:
    table, results = measured.table, measured.results
    lines, records = [], []
    for name in measured.sets():
        here = table[(table["dataset"] == name) & (table["case"] != "")]
        cells = []
        for of, measure in MEASURES:
            found = value(here[here["of"] == of], measure.column, trained=False)
            cells.append(cell(found, measure))
            ends = ("mean", "low", "high", "cases", "left_out")
            about = {"dataset": name, "of": of, "measure": measure.column}
            records.append({**about, **{k: getattr(found, k) if found else "" for k in ends}})
        modality = str(here["modality"].iloc[0])
        lines.append(Line(results.set_title(name), tuple(cells), sub=modality))
    return Grid(
        name="frequencies",
        of=results.mix.title,
        title="Frequencies and sizes by test set",
        head="Test set",
        columns=tuple(Column(measure.title) for _, measure in MEASURES),
        blocks=(Block("", tuple(lines)),),
        remarks=(HOW, "An empty reference has no size and no frequency.", *measured.notes()),
        records=records,
    )


def _distances(measured: Measured, of: str) -> Grid:
    means, found = _means(measured, of), _nearest(measured, of)
    pairs = _pairs(means)

    def between(one: str, other: str) -> Cell:
        if one == other:
            return Cell(NONE)
        distance = pairs.get((one, other), pairs.get((other, one), math.nan))
        return Cell(number(distance, 3), sort=distance)

    def nearest(name: str) -> Cell:
        share = found.get(name)
        return Cell(NONE) if share is None else Cell(f"{number(100 * share, 1)} %", sort=share)

    lines = [Line(one, (*(between(one, other) for other in means), nearest(one))) for one in means]
    return Grid(
        name=f"frequencies-distances-{of}",
        of=measured.results.mix.title,
        title=f"Distance between the spectra of modalities: {OF[of].lower()}",
        head="Modality",
        columns=(*(Column(name) for name in means), Column("Nearest to its own")),
        blocks=(Block("", tuple(lines)),),
        remarks=(
            DISTANCE,
            "Nearest to its own: the share of the cases whose spectrum is nearer to the mean "
            "of their modality, without themselves, than to that of any other.",
        ),
        records=[{"one": a, "other": b, "divergence": d} for (a, b), d in pairs.items()],
    )


def _subbands(measured: Measured) -> Grid:
    table = measured.table
    here = table[table["case"] == ""]
    sets = measured.sets()
    shares = here.pivot(index="of", columns="dataset", values="energy")
    lines = []
    for name in dict.fromkeys(here["of"]):
        level, _, direction = name.removeprefix("subband ").partition(".")
        title = f"Level {level}, direction {direction}" if direction else "Low-pass"
        values = [float(shares.loc[name, each]) for each in sets]
        lines.append(Line(title, tuple(Cell(number(v, 4), sort=v) for v in values)))
    return Grid(
        name="frequencies-subbands",
        of=measured.results.mix.title,
        title="Energy of the contourlet subbands",
        head="Subband",
        columns=tuple(Column(measured.results.set_title(name)) for name in sets),
        blocks=(Block("", tuple(lines)),),
        remarks=(
            "Mean over test cases of the share of the energy of all subbands; level 1 is the"
            " finest.",
        ),
    )


def _figures(measured: Measured) -> Iterator[Figure]:
    table = measured.table
    names = list(dict.fromkeys(table["modality"]))
    colours = dict(zip(names, itertools.cycle(COLOURS), strict=False))
    records: list[Mapping[str, Any]] = []
    with canvas_of((9.2, 3.4)) as canvas:
        *spectra, sizes = canvas.subplots(1, 3)
        for ax, of in zip(spectra, OF, strict=True):
            ax.set_title(f"{OF[of]}: energy", loc="left")
            records += _curves(ax, _means(measured, of), of, colours)
        _sizes(sizes, table[table["of"] == "image"], colours)
        handles = spectra[0].get_legend_handles_labels()[0]
        canvas.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False)
        svg = svg_of(canvas, "frequencies")
    yield Figure(
        name="frequencies",
        title="Frequencies and lesion sizes by modality",
        caption="Left and middle: the mean share of the energy in bins half an octave wide. Right:"
        " the share of the test cases whose reference covers at most so much of the image.",
        alt=f"Three panels of curves for {len(names)} modalities: spectra of the images, spectra of"
        " the references, and the distribution of the size of the reference.",
        svg=svg,
        records=records,
    )


def _curves(
    ax: "Axes", means: Mapping[str, "np.ndarray"], of: str, colours: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    from benchmark.analyses.measures.spectra import middles

    for name, shares in means.items():
        f = middles(len(shares))
        ax.plot(f, shares, color=colours[name], lw=1.4, marker="o", ms=2.5, label=name)
        for x, y in zip(f, shares, strict=True):
            yield {"of": of, "modality": name, "cycles_per_image": float(x), "share": float(y)}
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    plain_ticks(ax.xaxis, [1, 4, 16, 64])
    plain_ticks(ax.yaxis, [1, 0.1, 0.01, 0.001, 0.0001])
    ax.set_ylim(1e-4, 1)
    ax.set_xlabel("cycles per image")


def _sizes(ax: "Axes", table: "pd.DataFrame", colours: Mapping[str, str]) -> None:
    ax.set_title("Size: share of the cases", loc="left")
    for name, part in table.groupby("modality", sort=False):
        sizes: Sequence[float] = sorted(part["lesion"].dropna())
        if sizes:
            heights = [(k + 1) / len(sizes) for k in range(len(sizes))]
            ax.step(sizes, heights, where="post", color=colours[str(name)], lw=1.4)
    ax.set_xscale("log")
    ax.set_xlim(0.001, 1)
    ax.set_ylim(0, 1)
    plain_ticks(ax.xaxis, [0.001, 0.01, 0.1, 1])
    ax.set_xlabel("reference / image")


ANALYSIS = Analysis(
    name="frequencies",
    title="Frequencies and lesion sizes of the modalities",
    short="Frequencies",
    about="spectra of images and references, contourlet subbands, distances between modalities",
    module="benchmark/analyses/measures/frequencies.py",
    needs=(),
    unit="mix",
    uses=("baselines/_shared/contourlet.py",),
    leads=lambda measured: tuple(_leads(measured)),
    grids=_grids,
    figures=lambda measured: tuple(_figures(measured)),
)
