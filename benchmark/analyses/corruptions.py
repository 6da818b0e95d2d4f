"""How far scores fall, and how calibration changes, on corrupted pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmark.analyses._corruption_figures import curves, heat
from benchmark.analyses._corruption_values import (
    ALL,
    UNDER,
    Corrupted,
    clean_gap,
    named_of,
    reference_row,
    severities_of,
)
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.read import Measured
from benchmark.analyses.kit.show import Measure, grid
from benchmark.analyses.kit.summary import Value
from benchmark.analyses.measures.corruption_sets import (
    AXIS,
    CLEAN,
    CORRUPTIONS,
    GENERIC,
    OURS,
    SUBSET,
    asked,
    parts,
    settings,
)
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.grid import NONE, Cell, Column, Grid
from benchmark.statistics.table import Entry

if TYPE_CHECKING:
    from benchmark.reports.figures.drawing import Figure

HOW = (
    "Pictures are corrupted at the size of the mix, in [0, 1], before a method normalises "
    "them. All methods receive the same pictures. Prompts are drawn from the clean "
    "reference. Generic corruptions have the constants of ImageNet-C; the sigma of the "
    "Gaussian blur is given for 224 pixels and scaled with the side of the picture."
)
SUBSETS = (
    "The corruptions of a modality are subsets of RetinaMNIST-C, DermaMNIST-C and BreastMNIST-C,"
    " without their blurs and overlays: they are not comparable with published MedMNIST-C numbers."
    " Specular highlights and motion blur, for colonoscopy, are ours."
)


def _work(job: Job, part: str) -> int:
    """Pictures that a part runs over."""
    kinds = job.cases().table["modality"]
    if part == CLEAN:
        return len(kinds)
    return sum(len(asked(job.mix, CORRUPTIONS[part].of(kind))) for kind in kinds)


def _leads(measured: Measured) -> Iterator[str]:
    found, rows = Corrupted.of(measured), measured.rows()
    falls = {entry.title: found.fall(entry) for entry in rows}
    known = {title: fall for title, fall in falls.items() if fall is not None}
    if known:
        least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        text = (
            "As a mean over test sets, generic corruptions and severities "
            f"{severities_of(measured)}, the DSC of {least} changes by {signed(-known[least])}"
        )
        more = (
            f", the smallest fall of {len(known)} rows. The DSC of {most} changes by "
            f"{signed(-known[most])},"
        )
        yield f"{text}{more} the largest." if most != least else f"{text}."
    mean = {name: found.mean_fall(name) for name in found.names if name in named_of(GENERIC)}
    worst = max((name for name in mean if mean[name] is not None), key=lambda n: mean[n] or 0.0,
                default=None)  # fmt: skip
    if worst is not None:
        change = signed(-(mean[worst] or 0.0))
        yield (
            f"{CORRUPTIONS[worst].title} lowers the DSC most of the generic corruptions: "
            f"{change} as a mean over rows and test sets."
            if (mean[worst] or 0.0) > 0
            else "No generic corruption lowers the mean over rows and test sets."
        )
    gap = clean_gap(measured)
    yield (
        "On the clean pictures every DSC equals the stored one in all six digits."
        if gap == 0
        else f"On the clean pictures the DSC differs from the stored one by at most {gap:.6f}:"
        " another device, batch size or number of threads."
    )


def _grids(measured: Measured) -> Iterator[Grid]:
    yield _overall(measured)
    yield _calibration(measured)
    for dataset in measured.sets():
        yield _each(measured, dataset)
    if any(name in named_of(AXIS) for name in Corrupted.of(measured).names):
        yield _axis(measured)


def _overall(measured: Measured) -> Grid:
    found, reference = Corrupted.of(measured), reference_row(measured)

    def look_up(entry: Entry, dataset: str, measure: Measure) -> Value | None:
        if measure.column in ("ratio", "relative"):
            return found.ratio(entry, dataset, relative=measure.column == "relative")
        return found.value(entry, dataset, CLEAN if measure.column == CLEAN else ALL, "dsc")

    measures = [Measure(CLEAN, "Clean DSC"), Measure(ALL, "Corrupted DSC")]
    if reference is None:
        how = "No U-Net was measured: there is no relative corruption error."
    else:
        measures += [Measure("ratio", "CE", 2, "low"), Measure("relative", "Relative CE", 2, "low")]
        how = (
            f"CE: the error 1 − DSC divided by that of {reference.title}, corruption by "
            "corruption, then averaged. Relative CE: the same for the fall of DSC from the "
            f"clean pictures. It leaves out corruptions under which {reference.title} falls "
            f"by less than {UNDER:g}. Both have no interval. A row below 1 is better than "
            f"{reference.title}."
        )
    title = "DSC under generic corruptions"
    return grid(
        measured, "corruptions", title, measures, (_over(measured), how, HOW), lookup=look_up
    )


def _calibration(measured: Measured) -> Grid:
    found = Corrupted.of(measured)
    measures = [
        Measure(f"{under}/{column}", f"{word} {name}", 3, best)
        for column, name, best in (("sensitivity", "sensitivity", "high"), ("ece", "ECE", "low"))
        for under, word in ((CLEAN, "Clean"), (ALL, "Corrupted"))
    ]

    def look_up(entry: Entry, dataset: str, measure: Measure) -> Value | None:
        under, column = measure.column.split("/")
        return found.value(entry, dataset, under, column)

    how = "ECE: expected calibration error of the foreground, 15 equal-width bins, by picture."
    title = "Sensitivity and calibration under generic corruptions"
    remarks = (_over(measured), how, HOW)
    return grid(measured, "corruptions-calibration", title, measures, remarks, lookup=look_up)


def _each(measured: Measured, dataset: str) -> Grid:
    found = Corrupted.of(measured)
    names = [name for name in found.names if found.applies(name, dataset)]
    names = [name for name in names if name not in named_of(AXIS)]

    def look_up(entry: Entry, dataset: str, measure: Measure) -> Value | None:
        return found.value(entry, dataset, measure.column, "dsc")

    measures = [Measure(CLEAN, "Clean"), *(Measure(n, CORRUPTIONS[n].title) for n in names)]
    where = measured.results.set_title(dataset)
    families = {CORRUPTIONS[name].family for name in names}
    plain = grid(
        measured,
        f"corruptions-{dataset}",
        f"DSC by corruption: {where}",
        measures,
        (_over(measured), *((SUBSETS,) if families & {SUBSET, OURS} else ()), HOW),
        look_up,
        [dataset],
    )
    groups = ["Clean", *(CORRUPTIONS[name].family for name in names)]
    columns = [replace(one, group=group) for one, group in zip(plain.columns, groups, strict=True)]
    worst = iter([_worst(found, entry, dataset, names) for entry in _in_order(measured)])
    blocks = [
        replace(b, lines=tuple(replace(x, cells=(*x.cells, next(worst))) for x in b.lines))
        for b in plain.blocks
    ]
    last = Column("Worst", "Worst", numeric=False)
    return replace(
        plain, columns=(*columns, last), blocks=tuple(blocks), inner="Corruption", outer="Family"
    )


def _in_order(measured: Measured) -> list[Entry]:
    """The rows in the order of a table's blocks."""
    from benchmark.statistics.results import GROUPS

    return [entry for group in GROUPS for entry in measured.rows() if entry.group == group]


def _worst(found: Corrupted, entry: Entry, dataset: str, names: Sequence[str]) -> Cell:
    values = {name: found.value(entry, dataset, name, "dsc") for name in names}
    means = {name: one.mean for name, one in values.items() if one is not None}
    if not means:
        return Cell(NONE)
    worst = min(means, key=means.__getitem__)
    family = CORRUPTIONS[worst].family
    return Cell(CORRUPTIONS[worst].title, f"{family}, {means[worst]:.3f}", means[worst])


def _axis(measured: Measured) -> Grid:
    found, (name,) = Corrupted.of(measured), named_of(AXIS)
    levels = next(iter(CORRUPTIONS[name].levels.values()))
    shown = asked(measured.results.mix, levels)
    measures = [Measure("0", "0")] + [Measure(str(s), f"{levels[s - 1]:g}") for s in shown]

    def look_up(entry: Entry, dataset: str, measure: Measure) -> Value | None:
        severity = int(measure.column)
        return found.value(entry, dataset, name if severity else CLEAN, "dsc", severity)

    title = "DSC by the sigma of Gaussian noise, a finer axis"
    made = grid(measured, "corruptions-noise", title, measures, (HOW,), lookup=look_up)
    return replace(made, inner="Sigma")


def _over(measured: Measured) -> str:
    return f"Corrupted: the mean over severities {severities_of(measured)} and over corruptions."


def _figures(measured: Measured) -> Iterator["Figure"]:
    found = Corrupted.of(measured)
    if any(name in named_of(GENERIC) for name in found.names):
        yield curves(found, "dsc", "DSC", "corruptions-dsc")
        yield curves(found, "ece", "Foreground ECE", "corruptions-ece")
    if found.names:
        yield heat(found, (SUBSETS,))


ANALYSIS = Analysis(
    name="corruptions",
    title="Corrupted pictures",
    short="Corruptions",
    about="DSC, sensitivity and calibration under noise, blur, light, compression",
    module="benchmark/analyses/measures/corruptions.py",
    needs=("weights",),
    parts=parts,
    settings=settings,
    work=_work,
    limited=True,
    leads=lambda measured: tuple(_leads(measured)),
    grids=lambda measured: tuple(_grids(measured)),
    figures=lambda measured: tuple(_figures(measured)),
)
