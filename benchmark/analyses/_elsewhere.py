"""What the analyses of data prepared apart from the mix share: tables, a figure, sentences.

**Conventions** A set is compared with the test sets of the mix that have its modality: the mean of
a row over these, each set with the same weight. Sets of the mix and sets apart from it never enter
one mean.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.show import POSITIVE, Measure, grid
from benchmark.analyses.kit.summary import Value, of
from benchmark.core.files import read_json
from benchmark.core.request import DATA
from benchmark.reports.figures.drawing import (
    COLOURS,
    Figure,
    axes_of,
    canvas_of,
    handles_of,
    heading,
    svg_of,
)
from benchmark.statistics.schema import DSC

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmark.analyses.kit.read import Measured
    from benchmark.core.params import Mix
    from benchmark.reports.tables.grid import Grid
    from benchmark.statistics.table import Entry

MODULE = "benchmark/analyses/measures/elsewhere.py"
OVERLAP = (Measure("dsc", "DSC"), Measure("iou", "IoU"), Measure("sensitivity", "Sensitivity"))
ERRORS = (Measure("mae", "MAE", best="low"), Measure("hd95_px", "HD95 (px)", 1, "low", POSITIVE))
FIRST_DRAW = "A prompted row receives the first prompt draw of each case."


@dataclass(frozen=True)
class Apart:
    """What was measured on sets apart from the mix.

    Attributes:
        measured: as it was read.
    """

    measured: "Measured"

    @cached_property
    def about(self) -> dict[str, dict[str, Any]]:
        """What the records of the prepared data say of each set, by its name in measured.csv."""
        results, found = self.measured.results, {}
        for name in self.measured.analysis.pieces(results.name, results.mix):
            path, other = results.paths.results(name) / DATA, name.partition(".")[2]
            for dataset, entry in read_json(path)["datasets"].items() if path.is_file() else ():
                if other not in results.params.mixes:
                    found[dataset] = dict(entry)
                    continue
                known = dataset in results.trained_on()
                of_mix = f"{entry.get('title', dataset)} of {results.params.mix(other).title}"
                title = f"{of_mix} (in domain)" if known else of_mix
                found[f"{other}/{dataset}"] = {**entry, "title": title, "known": known}
        return found

    @cached_property
    def titled(self) -> "Measured":
        """The same with the titles of these sets, as tables look for them."""
        datasets = {**self.measured.results.datasets, **self.about}
        data = {**self.measured.results.data, "datasets": datasets}
        return replace(self.measured, results=replace(self.measured.results, data=data))

    def title(self, dataset: str) -> str:
        """The name of a set in texts."""
        return self.titled.results.set_title(dataset)

    def new(self) -> list[str]:
        """The sets that the mix is not trained on."""
        return [name for name in self.measured.sets() if not self.about.get(name, {}).get("known")]

    def removed(self) -> str:
        """How many pictures were left out because the mix is trained on them, a sentence."""
        each = (entry.get("removed", {}) for entry in self.about.values())
        count = sum(sum(by.values()) for by in each)
        if not count:
            return "The mix is trained on none of their pictures."
        were = "picture was" if count == 1 else "pictures were"
        return f"{count} {were} left out first, because the mix is trained on the same pictures."

    def met(self) -> list[str]:
        """The sets that the weights which a row begins from have seen, a sentence a row."""
        lines = []
        for entry in self.measured.rows():
            of = [n for n in self.measured.sets() if n.rpartition("/")[2] in entry.pretrained_on]
            if of:
                names = ", ".join(map(self.title, of))
                lines.append(
                    f"The weights from which {entry.title} starts were trained on {names}."
                )
        return lines

    def seen(self, entry: "Entry", dataset: str) -> float:
        """DSC of a row on the mix's test sets of the same modality; NaN where there is none."""
        table, results = self.measured.table, self.measured.results
        modality = table.loc[table["dataset"] == dataset, "modality"].iloc[0]
        means = [
            float(values.mean())
            for name in results.sets_of(modality)
            if (values := results.table.values(entry, name, DSC)) is not None
        ]
        return sum(means) / len(means) if means else math.nan

    def dsc(self, entry: "Entry", dataset: str) -> Value | None:
        """DSC of a row on a set apart from the mix."""
        return of(self.measured, entry, dataset, DSC)


@dataclass(frozen=True)
class Words:
    """What two analyses of data apart say differently.

    Attributes:
        about: of the sets, in `mixseg analyse --list`.
        where: the sets, in titles.
        remark: below the tables.
    """

    name: str
    title: str
    short: str
    about: str
    where: str
    remark: str


def analysis(
    words: Words,
    apart: Callable[[str, "Mix"], Sequence[str]],
    idle: str,
    lead: Callable[[Apart], str],
) -> Analysis:
    """An analysis of data prepared apart from the mix.

    Args:
        apart, idle: as of `Analysis`.
        lead: the sentences before those that compare.
    """
    return Analysis(
        name=words.name,
        title=words.title,
        short=words.short,
        about=f"DSC, IoU, sensitivity, MAE and HD95 on the {words.about}",
        module=MODULE,
        needs=("weights",),
        apart=apart,
        idle=idle,
        work=lambda job, part: len(job.cases(of=part)),
        limited=True,
        leads=lambda measured: (lead(Apart(measured)), *comparison(Apart(measured))),
        grids=lambda measured: grids(measured, words.where, words.remark),
        figures=lambda measured: figure(measured, f"DSC on {words.where}"),
    )


def grids(measured: "Measured", where: str, remark: str) -> Sequence["Grid"]:
    """A table of overlap and one of errors.

    Args:
        where: the sets, for the titles.
    """
    apart, name = Apart(measured), measured.analysis.name
    prompted = any(entry.prompt != "none" for entry in measured.rows())
    remarks = (remark, *apart.met(), *((FIRST_DRAW,) if prompted else ()))
    return (
        grid(apart.titled, f"{name}-overlap", f"Overlap on {where}", OVERLAP, remarks),
        grid(apart.titled, f"{name}-errors", f"Errors on {where}", ERRORS, remarks),
    )


def comparison(apart: Apart) -> list[str]:
    """How the unprompted rows stand on new sets beside the mix's sets of the same modality."""
    rows = [entry for entry in apart.measured.rows() if entry.group == "main"]
    pairs = {
        name: {
            entry: (apart.seen(entry, name), value.mean)
            for entry in rows
            if (value := apart.dsc(entry, name)) and not math.isnan(apart.seen(entry, name))
        }
        for name in apart.new()
    }
    pairs = {name: found for name, found in pairs.items() if found}
    if not pairs:
        names = ", ".join(map(apart.title, apart.new()))
        return [f"No test set of the mix has the modality of {names}."] if rows and names else []
    lines = []
    several = {name: found for name, found in pairs.items() if len(found) > 1}
    if several:
        other = sum(_best(found, 0) != _best(found, 1) for found in several.values())
        lines.append(
            f"In {other} of {len(several)} {_sets(len(several))} the unprompted row with the best"
            " DSC is not the one that is best on the mix's own sets of the same modality."
        )
    falls = {(n, e): pair for n, found in pairs.items() for e, pair in found.items()}
    (name, entry), (inside, outside) = max(falls.items(), key=lambda item: item[1][0] - item[1][1])
    if inside > outside:
        lines.append(
            f"The DSC of {entry.title} on {apart.title(name)} falls most: it is {inside:.3f} "
            f"on the mix's sets of the same modality, and {outside:.3f} here."
        )
    return lines


def _best(found: "dict[Entry, tuple[float, float]]", side: int) -> "Entry":
    return max(found, key=lambda entry: found[entry][side])


def _sets(count: int) -> str:
    return "set" if count == 1 else "sets"


def figure(measured: "Measured", title: str) -> Sequence[Figure]:
    """DSC of every row on each set, beside its DSC on the mix's sets of the modality."""
    apart, name = Apart(measured), measured.analysis.name
    rows, sets = measured.rows(), measured.sets()
    columns = min(2, len(sets))
    lines = math.ceil(len(sets) / columns)
    with canvas_of((9.2, 0.7 + lines * (0.85 + 0.26 * len(rows)))) as canvas:
        axes = axes_of(canvas, len(sets), columns, sharey=True)
        for ax, dataset in zip(axes, sets, strict=False):
            _panel(ax, apart, dataset, rows)
        handles = handles_of(axes)
        canvas.legend(handles=list(handles.values()), loc="outside upper left", ncols=2,
                      frameon=False)  # fmt: skip
        svg = svg_of(canvas, name)
    caption = (
        "Mean over seeds, with the 95 % interval over trainings and cases where there are three"
        " seeds. Hollow: the mean of the row over the mix's own test sets of the same modality."
    )
    alt = (
        f"Dot plot of the DSC of {len(rows)} methods on {len(sets)} {_sets(len(sets))}, a panel"
        " each, beside their DSC on the mix's own sets. The table holds the numbers."
    )
    records = [*_records(apart)]
    return (Figure(name, title, caption, alt, svg, records),)


def _panel(ax: "Axes", apart: Apart, dataset: str, rows: "Sequence[Entry]") -> None:
    ax.set_title(heading(apart.title(dataset), 2), loc="left")
    ax.set_yticks(range(len(rows)), [entry.title for entry in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("DSC")
    ax.tick_params(axis="y", length=0)
    here, there = "this set", "the mix's own sets"
    for y, entry in enumerate(rows):
        found, seen = apart.dsc(entry, dataset), apart.seen(entry, dataset)
        if found is None:
            continue
        if not math.isnan(seen):
            ax.plot([seen], [y], "o", mfc="none", color=COLOURS[1], ms=5.5, label=there)
            there = "_"
        if not math.isnan(found.low):
            ax.plot([found.low, found.high], [y, y], color=COLOURS[0], lw=1.2)
        ax.plot([found.mean], [y], "o", color=COLOURS[0], ms=4.5, label=here)
        here = "_"


def _records(apart: Apart) -> list[dict[str, Any]]:
    return [
        {
            "method": entry.name,
            "title": entry.title,
            "dataset": dataset,
            "dsc": found.mean,
            "low": found.low,
            "high": found.high,
            "dsc_on_the_mix": apart.seen(entry, dataset),
        }
        for dataset in apart.measured.sets()
        for entry in apart.measured.rows()
        if (found := apart.dsc(entry, dataset))
    ]
