"""The sections of the report, in the order in which a reader asks."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.reports.check import Check, checks
from benchmark.reports.figures import Figure
from benchmark.reports.grid import Grid
from benchmark.reports.study import ABLATIONS, GROUPS, HEADLINE, Study

FURTHER = tuple(group for group in GROUPS if group not in (*HEADLINE, *ABLATIONS))


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: of its heading.
        short: its entry in the contents bar.
        lead: sentences before its content.
        apart: grids whose files lie with those of the ablations.
        empty: said instead of content where there is none.
    """

    anchor: str
    title: str
    short: str
    lead: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    grids: tuple[Grid, ...] = ()
    apart: tuple[Grid, ...] = ()
    items: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    empty: str = ""

    @property
    def bare(self) -> bool:
        """Whether it has nothing to show."""
        tables = (*self.grids, *self.apart)
        return not (self.figures or self.items or self.checks or any(g.lines() for g in tables))


@dataclass(frozen=True)
class Content:
    """Everything that the sections show, made once.

    Attributes:
        study, grids: the headline.
        ablations, apart: the ablations, and what was trained on one modality alone.
    """

    study: Study
    grids: dict[str, Grid]
    ablations: Study
    apart: dict[str, Grid]
    figures: dict[str, Figure]

    def of_ablations(self, *names: str) -> tuple[Grid, ...]:
        """Those of the tables of ablations that are there."""
        return tuple(self.apart[name] for name in names if name in self.apart)


def sections(content: Content) -> list[Section]:
    """The sections that have something to say."""
    return [section for make in SECTIONS if (section := make(content)) is not None]


def _overview(content: Content) -> Section:
    study = content.study
    return Section(
        "overview",
        "What was run on what",
        "Overview",
        lead=(_design(study),),
        grids=(content.grids["methods"],),
        apart=content.of_ablations("ablation-methods"),
        empty="No method lists this mix.",
    )


def _design(study: Study) -> str:
    mix = study.mix
    trained, tested = (", ".join(map(study.set_title, names)) for names in (mix.train, mix.test))
    where = "the test cases of each" if mix.train == mix.test else f"the test cases of {tested}"
    seeds = "one seed" if len(mix.seeds) == 1 else f"each of {len(mix.seeds)} seeds"
    return (
        f"A method is one network, trained once for {seeds} on {trained} together, and tested on"
        f" {where}, at {mix.size} × {mix.size} pixels."
    )


def _holes(content: Content) -> Section | None:
    items = []
    for study in (content.study, content.ablations.only(ABLATIONS)):
        items += [
            f"{hole.entry.title}, seed {hole.seed}"
            f"{', ' + study.set_title(hole.dataset) if hole.dataset else ''}: {hole.why}."
            for hole in study.table.holes
        ]
        items += [f"Not counted: {left.what}: {left.why}." for left in study.table.left_out]
    return (
        Section("holes", "Missing and not counted", "Missing", items=tuple(items))
        if items
        else None
    )


def _results(content: Content) -> Section:
    return Section(
        "results",
        "Who is best where",
        "Results",
        figures=_drawn(content, "scores"),
        grids=(content.grids["main"],),
        empty="No run is done yet.",
    )


def _further(content: Content) -> Section | None:
    grids = tuple(content.grids[group] for group in FURTHER if group in content.grids)
    return Section("further", "Further groups", "Further", grids=grids) if grids else None


def _ablations(content: Content) -> Section | None:
    grids = content.of_ablations("ablation")
    lead = "A method beside variants of itself, each with one thing changed."
    return Section("ablations", "Ablations", "Ablations", (lead,), apart=grids) if grids else None


def _mixing(content: Content) -> Section | None:
    grids = content.of_ablations("mixing", "single")
    lead = (
        "One network for all modalities, or one for each? The first table compares a network that"
        " was trained on the whole mix with networks of its kind that were each trained on one"
        " modality alone, on the test sets of that modality."
    )
    return Section("mixing", "What mixing costs", "Mixing", (lead,), apart=grids) if grids else None


def _errors(content: Content) -> Section:
    return Section(
        "errors",
        "Kinds of error",
        "Errors",
        lead=(
            "Sensitivity is the found share of the reference, precision the right share of the"
            " prediction; distances are between contours, undefined where a mask is empty.",
        ),
        grids=(content.grids["errors"],),
        empty="No run is done yet.",
    )


def _protocols(content: Content) -> Section:
    return Section(
        "protocols",
        "What the convention changes",
        "Conventions",
        grids=(content.grids["protocols"],),
        empty="No run is done yet.",
    )


def _runs(content: Content) -> Section:
    return Section(
        "runs",
        "Run by run",
        "Runs",
        grids=(content.grids["runs"],),
        apart=content.of_ablations("ablation-runs"),
        empty="No run is planned.",
    )


def _training(content: Content) -> Section:
    return Section(
        "training",
        "Training",
        "Training",
        figures=_drawn(content, "training"),
        empty="No training history is there.",
    )


def _cost(content: Content) -> Section:
    return Section(
        "cost",
        "Cost",
        "Cost",
        grids=(content.grids["cost"],),
        apart=content.of_ablations("ablation-cost"),
        empty="No run is done yet.",
    )


def _data(content: Content) -> Section:
    return Section(
        "data",
        "Data",
        "Data",
        grids=tuple(content.grids[name] for name in ("data",) if name in content.grids),
        empty="Not recorded: results hold no data.json. `mixseg prepare` writes it.",
    )


def _leaks(content: Content) -> Section:
    looked = "leaks" in content.grids
    others = content.grids["leaks"].remarks[-1] if looked else ""
    return Section(
        "leaks",
        "Duplicates",
        "Duplicates",
        lead=("Pairs of images that are equal, or nearly so, inside this mix and across mixes.",),
        grids=(content.grids["leaks"],) if looked else (),
        empty=f"Looked for, and none found. {others}"
        if looked
        else "Not looked for: no leaks.csv.",
    )


def _departures(content: Content) -> Section:
    return Section(
        "departures",
        "Departures from the recipe",
        "Departures",
        grids=(content.grids["departures"],),
        apart=content.of_ablations("ablation-departures"),
        empty="Every method that ran followed the mix's recipe.",
    )


def _provenance(content: Content) -> Section:
    return Section(
        "provenance",
        "Where the numbers come from",
        "Provenance",
        grids=(content.grids["provenance"],),
        apart=content.of_ablations("ablation-provenance"),
        empty="No run is done yet.",
    )


def _check(content: Content) -> Section:
    return Section("check", "How to check a number", "Check", checks=tuple(checks(content.study)))


def _drawn(content: Content, name: str) -> tuple[Figure, ...]:
    return (content.figures[name],) if name in content.figures else ()


# In the order in which a reader asks. A section that has nothing to say gives None.
SECTIONS: tuple[Callable[[Content], Section | None], ...] = (
    _overview,
    _holes,
    _results,
    _further,
    _errors,
    _protocols,
    _ablations,
    _mixing,
    _runs,
    _training,
    _cost,
    _data,
    _leaks,
    _departures,
    _provenance,
    _check,
)
