"""The sections of the report, in the order in which a reader asks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmark.reports.figures.drawing import Figure
from benchmark.reports.page.answers import Answer
from benchmark.reports.page.parts import Folded, Section, Shown, mean_first
from benchmark.reports.page.verify import checks
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import Block, Grid
from benchmark.statistics.cardless import SUPPLIED
from benchmark.statistics.results import ABLATIONS, GROUPS, HEADLINE

FURTHER = tuple(group for group in GROUPS if group not in (*HEADLINE, *ABLATIONS, SUPPLIED))


@dataclass(frozen=True)
class Addition:
    """A section that another part of the project hands in, after the claims.

    Attributes:
        leads: sentences before its content.
    """

    anchor: str
    title: str
    short: str
    leads: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Content:
    """Everything that the sections show, made once.

    Attributes:
        study: the headline.
        ablations: the ablations, and the networks of a single modality.
        tables: by folder and name.
        leads: sentences that say what was found, by section.
        additions: sections of other parts, whose tables are in `tables` and figures in `figures`.
        answers: points of the summary.
    """

    study: Study
    ablations: Study
    tables: Mapping[str, Mapping[str, Grid]]
    figures: Mapping[str, Figure]
    leads: Mapping[str, Sequence[str]]
    additions: Sequence[Addition] = ()
    answers: tuple[Answer, ...] = ()

    def found(self, names: Sequence[str]) -> tuple[Shown, ...]:
        """Those of some tables that hold anything."""
        return tuple(
            Shown(folder, mean_first(grids[name]))
            for name in names
            for folder, grids in self.tables.items()
            if name in grids and grids[name].lines()
        )


@dataclass(frozen=True)
class SectionSpec:
    """What stands in a section; without `empty` it is left out where nothing is there."""

    anchor: str
    title: str
    short: str
    lead: str = ""
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    empty: str = ""
    tables_first: bool = False

    def __call__(self, content: Content) -> Section | None:
        """The section, as far as there is anything to show."""
        section = Section(
            self.anchor,
            self.title,
            self.short,
            lead=(*((self.lead,) if self.lead else ()), *content.leads.get(self.anchor, ())),
            figures=tuple(content.figures[n] for n in self.figures if n in content.figures),
            tables=content.found(self.tables),
            empty=self.empty,
            tables_first=self.tables_first,
        )
        return None if section.bare and not self.empty else section


def sections(content: Content) -> list[Section]:
    """The sections that have something to say."""
    made = [section for make in SECTIONS if (section := make(content)) is not None]
    place = next((i for i, each in enumerate(made) if each.anchor in LATER), len(made))
    return [*made[:place], *(_added(each) for each in content.additions), *made[place:]]


def _added(addition: Addition) -> Section:
    tables = tuple(Shown("analyses", grid) for grid in addition.grids)
    return Section(
        addition.anchor, addition.title, addition.short, addition.leads, addition.figures, tables
    )


def design(study: Study) -> str:
    """What was run on what, in a sentence."""
    sets = [each.name for each in study.table.sets]
    trained, tested = (
        ", ".join(map(study.set_title, names)) for names in (study.trained_on(), sets)
    )
    same = study.trained_on() == sets
    where = "the test cases of each" if same else f"the test cases of {tested}"
    seeds, size = study.seeds(), study.size()
    count = "one seed" if len(seeds) == 1 else f"each of {len(seeds)} seeds"
    pixels = f", at {size} × {size} pixels" if size else ""
    return (
        f"A method is one network, trained once for {count} on {trained} together, and tested on"
        f" {where}{pixels}."
    )


def _claims(content: Content) -> Section | None:
    """The judged claims; those that were not run, and the numbers, are folded."""
    lead = tuple(content.leads.get("claims", ()))
    tables: list[Shown] = []
    folded: list[Folded] = []
    for shown in content.found(("claims",)):
        judged, rest = _split(shown.grid)
        tables += [replace(shown, grid=judged)] if judged.lines() else []
        count = len(rest.lines())
        title = f"{count} claim{'s' if count != 1 else ''} that {'were' if count != 1 else 'was'}"
        part = replace(shown, grid=rest, file=judged.name)
        folded += [Folded(f"{title} not run", (part,))] if count else []
    for shown in content.found(("quantities",)):
        folded.append(Folded(shown.grid.title, (shown,)))
    section = Section(
        "claims", "Claims of the papers", "Claims", lead, tables=(*tables,), folded=(*folded,)
    )
    return None if section.bare else section


def _split(grid: Grid) -> tuple[Grid, Grid]:
    """The claims with a verdict, and those that were not run."""

    def only(run: bool) -> tuple[Block, ...]:
        kept = (
            (block.title, tuple(x for x in block.lines if (x.cells[0].kind != "missing") == run))
            for block in grid.blocks
        )
        return tuple(Block(title, lines) for title, lines in kept if lines)

    rest = replace(grid, name=f"{grid.name}-not-run", title="Claims that were not run", remarks=())
    return replace(grid, blocks=only(True)), replace(rest, blocks=only(False))


def _missing(content: Content) -> Section | None:
    items = tuple(_missing_items(content))
    title = "Missing and ignored runs"
    count = f"{len(items)} {'entry' if len(items) == 1 else 'entries'}"
    folded = (Folded(f"Show the list: {count}", items=items),)
    return Section("missing", title, "Missing runs", folded=folded) if items else None


def _missing_items(content: Content) -> Iterator[str]:
    for study in (content.study, content.ablations.only(ABLATIONS)):
        for gone in study.table.missing:
            where = f", {study.set_title(gone.dataset)}" if gone.dataset else ""
            yield f"{gone.entry.title}, seed {gone.seed}{where}: {gone.why}."
        for ignored in study.table.ignored:
            yield f"Ignored: {ignored.what}: {ignored.why}."


def _check(content: Content) -> Section:
    return Section(
        "check", "How to check a number", "Check a number", checks=tuple(checks(content.study))
    )


def _summary(content: Content) -> Section:
    lead = tuple(content.study.warnings())
    return Section("summary", "Summary", "Summary", lead=lead, answers=content.answers)


NO_RUN = "No run has finished yet."
LATER = ("small", "errors")  # the first sections after the additions
# In the order in which a reader asks. A section that has nothing to say gives None.
SECTIONS: tuple[Callable[[Content], Section | None], ...] = (
    _summary,
    SectionSpec(
        "results",
        "Results",
        "Results",
        figures=("scores",),
        tables=("main",),
        empty=NO_RUN,
        tables_first=True,
    ),
    SectionSpec(
        "comparisons",
        "Significance, test set by test set",
        "Significance",
        figures=("forest", "scatter"),
        tables=("comparisons",),
        empty="Nothing to compare: fewer than two unprompted methods may be compared.",
    ),
    SectionSpec(
        "across",
        "Across test sets",
        "Across test sets",
        figures=("ranks",),
        tables=("across", "ranks", "stability"),
    ),
    _claims,
    SectionSpec(
        "small",
        "Small lesions",
        "Small lesions",
        (
            "The DSC of the same predictions, grouped by the share of the image that the "
            "reference covers."
        ),
        figures=("strata",),
        tables=("strata",),
    ),
    SectionSpec(
        "errors",
        "Kinds of error",
        "Kinds of error",
        "Sensitivity is the share of the reference that is found. Precision is the share of "
        "the prediction that is right. Distances are between contours; they are undefined if "
        "a mask is empty.",
        tables=("errors",),
        empty=NO_RUN,
    ),
    SectionSpec(
        "prompts",
        "Effect of the prompt",
        "Prompts",
        "Prompted methods receive points or boxes that are drawn from the reference. Each "
        "draw gives another score; the table shows by how much they differ.",
        tables=("draws",),
    ),
    SectionSpec("further", "Further groups", "Further", tables=FURTHER),
    SectionSpec(
        "supplied",
        "Predictions that were supplied",
        "Supplied",
        tables=(SUPPLIED, "supplied-comparisons"),
    ),
    SectionSpec(
        "ablations",
        "Ablations",
        "Ablations",
        "Each block compares a method with variants of it. Each variant changes one thing.",
        tables=("ablation",),
    ),
    SectionSpec(
        "single-modality",
        "Effect of mixed training",
        "Mixed training",
        "Is one network for all modalities better, or one network for each? The first table "
        "compares a network that was trained on the whole mix with networks of its kind that "
        "were each trained on a single modality, on the test sets of that modality.",
        tables=("single-modality", "single-modality-scores"),
    ),
    SectionSpec(
        "cost",
        "Cost",
        "Cost",
        figures=("tradeoff",),
        tables=("cost", "ablation-cost"),
        empty=NO_RUN,
    ),
    SectionSpec(
        "training",
        "Training",
        "Training",
        figures=("training",),
        empty="No run has a training history of more than one epoch.",
    ),
    SectionSpec(
        "reported", "Published numbers beside ours", "Published numbers", tables=("reported",)
    ),
    SectionSpec(
        "overview",
        "Methods",
        "Methods",
        tables=("methods", "ablation-methods"),
        empty="No method runs on this mix.",
    ),
    SectionSpec(
        "data",
        "Data",
        "Data",
        tables=("data",),
        empty="Not recorded: the results contain no data.json. `mixseg prepare` writes it.",
    ),
    _missing,
    SectionSpec(
        "runs", "Run by run", "Runs", tables=("runs", "ablation-runs"), empty="No run is planned."
    ),
    SectionSpec(
        "deviations",
        "Deviations from the recipe",
        "Deviations",
        tables=("deviations", "ablation-deviations"),
        empty="Every method that ran followed the mix's recipe.",
    ),
    SectionSpec(
        "leaks",
        "Duplicates",
        "Duplicates",
        "Pairs of equal or nearly equal images, within this mix and between mixes.",
        tables=("leaks",),
        empty="None is listed.",
    ),
    SectionSpec(
        "provenance",
        "Provenance of the runs",
        "Provenance",
        tables=("provenance", "ablation-provenance"),
        empty=NO_RUN,
    ),
    SectionSpec(
        "protocols",
        "Effect of the scoring convention",
        "Conventions",
        tables=("protocols",),
        empty=NO_RUN,
    ),
    _check,
    SectionSpec(
        "appendix",
        "Appendix: tests over test sets",
        "Appendix",
        figures=("nemenyi",),
        tables=("friedman",),
    ),
)
