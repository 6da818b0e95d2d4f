"""The report of a mix: tables, figures and one page that holds all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import write_text
from benchmark.reports.figures.drawing import Figure, write_figure
from benchmark.reports.figures.figures import scores_figure, training_figure
from benchmark.reports.figures.scatter import scatter_figure
from benchmark.reports.figures.tradeoff import tradeoff_figure
from benchmark.reports.page.sections import FURTHER, Content, design, sections
from benchmark.reports.page.text import summary
from benchmark.reports.release.checklist import checklist
from benchmark.reports.release.provenance import (
    cost_grid,
    departures_grid,
    provenance_grid,
    runs_grid,
)
from benchmark.reports.study import ABLATIONS, GROUPS, RANKED, Cards, Study, load_study
from benchmark.reports.tables.ablations import ablation_grid, mixing_grid
from benchmark.reports.tables.appendix import friedman_figure, friedman_grid
from benchmark.reports.tables.compared import Compared, compare
from benchmark.reports.tables.comparisons import comparisons_grid, forest_figure
from benchmark.reports.tables.draws import draws_grid
from benchmark.reports.tables.grid import Grid
from benchmark.reports.tables.inventory import data_grid, leaks_grid, methods_grid
from benchmark.reports.tables.main import errors_grid, headline_grid, main_grid
from benchmark.reports.tables.markup import latex, markdown
from benchmark.reports.tables.protocols import protocols_grid
from benchmark.reports.tables.rankings import across_grid, ranks_figure, ranks_grid, stability_grid
from benchmark.reports.tables.strata import Split, split, strata_figure, strata_grid
from benchmark.reports.tables.verdicts import verdicts

if TYPE_CHECKING:
    from jinja2 import Environment

    from benchmark.core.files import Places
    from benchmark.core.params import Params
    from benchmark.reports.inputs import ReportInputs
    from benchmark.reports.study import Part

__all__ = ["summary", "write_ablations", "write_part", "write_report", "write_tables"]

TEMPLATES = Path(__file__).parent / "templates"
# tables that not every mix has
SOMETIMES = ("data", "leaks", "draws", "comparisons", "across", "ranks", "stability", "friedman",
             *FURTHER)  # fmt: skip
FIGURES = ("scores", "training", "forest", "ranks", "scatter", "tradeoff", "strata", "nemenyi")
INVENTORY = {
    "methods": methods_grid,
    "runs": runs_grid,
    "cost": cost_grid,
    "departures": departures_grid,
    "provenance": provenance_grid,
}
APART = ("ablation", "mixing", "single", *(f"ablation-{name}" for name in INVENTORY))


@dataclass(frozen=True)
class Headline:
    """The headline's study with what the statistics say of it."""

    study: Study
    compared: Compared
    parts: Split

    @classmethod
    def of(cls, study: Study) -> "Headline":
        """Works it out."""
        return cls(study, compare(study), split(study))

    def grids(self) -> dict[str, Grid]:
        """The tables by name; of further groups only where there are such methods."""
        study, compared = self.study, self.compared
        made = [
            headline_grid(study),
            main_grid(study),
            errors_grid(study),
            protocols_grid(study),
            runs_grid(study),
            cost_grid(study),
            methods_grid(study),
            departures_grid(study),
            provenance_grid(study),
            strata_grid(study, self.parts),
            *(make(study) for make in (data_grid, leaks_grid, draws_grid)),
            *(main_grid(study, (group,), group) for group in FURTHER if study.table.rows((group,))),
        ]
        if compared.rankings:
            made += [comparisons_grid(study, compared), across_grid(study, compared)]
            made.append(ranks_grid(study, compared))
        if compared.stability:
            made.append(stability_grid(study, compared.stability))
        if compared.friedman:
            made.append(friedman_grid(study, compared.friedman))
        return {grid.name: grid for grid in made if grid is not None}

    def figures(self) -> dict[str, Figure]:
        """The figures by name, as far as there are numbers."""
        study, compared = self.study, self.compared
        drawn = [
            scores_figure(study),
            forest_figure(study, compared),
            scatter_figure(study, compared),
            ranks_figure(study, compared),
            strata_figure(study, self.parts),
            tradeoff_figure(study),
            training_figure(study),
            friedman_figure(study, compared.friedman) if compared.friedman else None,
        ]
        return {figure.name: figure for figure in drawn if figure is not None}


def write_tables(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> None:
    """Writes the headline's tables as CSV, Markdown and LaTeX; reads no result of an ablation.

    Args:
        cards: the content of every card.json.
        to: the folder of these tables, reports/<mix>/tables.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    _write_grids(Headline.of(load_study(mix, params, cards, places)).grids(), to, SOMETIMES)


def write_ablations(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> bool:
    """Writes the tables of ablations, and of what was trained on one modality alone.

    Args:
        cards: the content of every card.json.
        to: the folder of these tables, reports/<mix>/ablations.

    Returns: whether the mix has any.
    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    grids = _ablation_grids(load_study(mix, params, cards, places, "ablations"))
    _write_grids(grids, to, APART)
    return bool(grids)


def write_part(mix: str, inputs: "ReportInputs", to: Path, part: "Part | None") -> Iterator[str]:
    """Writes the tables of one part or, without one, of both, and tells what it wrote.

    Args:
        to: the folder of the report, reports/<mix>.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    if part != "ablations":
        write_tables(mix, *inputs, to / "tables")
        yield f"wrote {to / 'tables'}"
    if part != "headline":
        has = write_ablations(mix, *inputs, to / "ablations")
        none = f"{mix}: no ablation, and nothing trained on one modality alone"
        yield f"wrote {to / 'ablations'}" if has else none


def write_report(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> None:
    """Writes index.html, figures, tables and checklist.md of a mix, from its results alone.

    Args:
        cards: the content of every card.json.
        to: the folder of the report, reports/<mix>.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    headline = Headline.of(load_study(mix, params, cards, places))
    study, ablations = headline.study, load_study(mix, params, cards, places, "ablations")
    found = verdicts((params, cards, places), study, ablations)
    tables = {
        "tables": headline.grids(),
        "ablations": _ablation_grids(ablations),
        "claims": found.grids(),
    }
    leads = {**_leads(study, tables["tables"].get("leaks")), "claims": (found.lead(),)}
    content = Content(study, ablations, tables, headline.figures(), leads)
    _write_grids(tables["tables"], to / "tables", SOMETIMES)
    _write_grids(tables["ablations"], to / "ablations", APART)
    _write_grids(tables["claims"], to / "claims", ())
    _write_figures(content.figures, to / "figures")
    grids = {name: grid for folder in tables.values() for name, grid in folder.items()}
    write_text(to / "checklist.md", checklist(study, ablations, grids))
    facts = _facts(study, ablations.only(ABLATIONS))
    page = render("index.html", study=study, sections=sections(content), facts=facts)
    write_text(to / "index.html", page)


def _leads(study: Study, looked: Grid | None) -> dict[str, Sequence[str]]:
    """Sentences that say what was found, by section; of the duplicates where none is listed."""
    leads: dict[str, Sequence[str]] = {"overview": (design(study),)}
    if looked is None:
        leads["leaks"] = ("Not looked for: no leaks.csv.",)
    elif not looked.lines():
        leads["leaks"] = (f"Looked for, and none found. {looked.remarks[-1]}",)
    return leads


def _write_figures(figures: Mapping[str, Figure], to: Path) -> None:
    """Writes the figures, and removes those that no longer are."""
    for figure in figures.values():
        write_figure(figure, to)
    for name in set(FIGURES) - set(figures):
        for suffix in (".svg", ".csv"):
            (to / f"{name}{suffix}").unlink(missing_ok=True)


def _write_grids(grids: Mapping[str, Grid], to: Path, optional: Iterable[str]) -> None:
    """Writes tables in every form, and removes those of `optional` that no longer are."""
    for name, grid in grids.items():
        for suffix, text in ((".csv", grid.csv()), (".md", markdown(grid)), (".tex", latex(grid))):
            write_text(to / f"{name}{suffix}", text)
    for name in set(optional) - set(grids):
        for suffix in (".csv", ".md", ".tex"):
            (to / f"{name}{suffix}").unlink(missing_ok=True)
    if to.is_dir() and not any(to.iterdir()):
        to.rmdir()


def _ablation_grids(study: Study) -> dict[str, Grid]:
    """The tables of the ablations' part by name; none where there are no such methods."""
    has = [group for group in ABLATIONS if study.table.rows((group,))]
    made = [ablation_grid(study)] if "ablation" in has else []
    if "single" in has:
        title = "Trained on one modality, tested on all: DSC, IoU, MAE"
        made += [mixing_grid(study), replace(main_grid(study, ("single",), "single"), title=title)]
    rest, about = study.only(ABLATIONS), ", ".join(GROUPS[group].lower() for group in has)
    for name, make in INVENTORY.items():
        grid = make(rest)
        made.append(replace(grid, name=f"ablation-{name}", title=f"{grid.title}: {about}"))
    return {grid.name: grid for grid in made if grid.lines()}


def _facts(*parts: Study) -> list[tuple[str, str]]:
    """What the page says first: value and noun; the parts share no row."""
    sets = parts[0].table.sets
    cases = sum(len(each.cases) for each in sets)
    methods = sum(len(part.table.rows(RANKED)) for part in parts)
    planned = sum(len(entry.seeds) for part in parts for entry in part.table.entries)
    done = sum(len(part.table.runs) for part in parts)
    holes = sum(len(part.table.holes) for part in parts)
    return [
        (f"{methods}", "methods"),
        (f"{len(sets)}", "test sets"),
        (f"{cases:,}", "test cases"),
        (f"{done} of {planned}", "runs done"),
        (f"{holes}", "hole" if holes == 1 else "holes"),
    ]


def render(template: str, **context: Any) -> str:
    """A page from its template; every name in it is text, whatever it holds."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
