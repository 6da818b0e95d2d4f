"""The report of a mix: tables, figures and one page that holds all of them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.files import write_text
from benchmark.reports.figures import figures, write_figure
from benchmark.reports.grid import Grid
from benchmark.reports.inventory import data_grid, leaks_grid, methods_grid
from benchmark.reports.markup import latex, markdown
from benchmark.reports.plain import summary
from benchmark.reports.protocols import protocols_grid
from benchmark.reports.provenance import cost_grid, departures_grid, provenance_grid, runs_grid
from benchmark.reports.sections import FURTHER, Content, sections
from benchmark.reports.study import RANKED, Cards, Study, load_study
from benchmark.reports.tables import errors_grid, main_grid

if TYPE_CHECKING:
    from jinja2 import Environment

    from benchmark.files import Places
    from benchmark.params import Params

__all__ = ["summary", "write_report", "write_tables"]

TEMPLATES = Path(__file__).parent / "templates"


def write_tables(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> None:
    """Writes every table as CSV, Markdown and LaTeX.

    Args:
        cards: the content of every card.json.
        to: the folder of the tables, reports/<mix>/tables.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    for grid in _grids(load_study(mix, params, cards, places)).values():
        _write_grid(grid, to)


def write_report(mix: str, params: "Params", cards: Cards, places: "Places", to: Path) -> None:
    """Writes index.html, the figures and the tables of a mix, from its results alone.

    Args:
        cards: the content of every card.json.
        to: the folder of the report, reports/<mix>.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    study = load_study(mix, params, cards, places)
    content = Content(study, _grids(study), {figure.name: figure for figure in figures(study)})
    for grid in content.grids.values():
        _write_grid(grid, to / "tables")
    for figure in content.figures.values():
        write_figure(figure, to / "figures")
    page = render("index.html", study=study, sections=sections(content), facts=_facts(study))
    write_text(to / "index.html", page)


def _write_grid(grid: Grid, to: Path) -> None:
    write_text(to / f"{grid.name}.csv", grid.csv())
    write_text(to / f"{grid.name}.md", markdown(grid))
    write_text(to / f"{grid.name}.tex", latex(grid))


def _grids(study: Study) -> dict[str, Grid]:
    """The tables by name; those of further groups only where there are such methods."""
    made = [
        main_grid(study),
        errors_grid(study),
        protocols_grid(study),
        runs_grid(study),
        cost_grid(study),
        methods_grid(study),
        departures_grid(study),
        provenance_grid(study),
        *(grid for grid in (data_grid(study), leaks_grid(study)) if grid is not None),
        *(main_grid(study, (group,), group) for group in FURTHER if study.table.rows((group,))),
    ]
    return {grid.name: grid for grid in made}


def _facts(study: Study) -> list[tuple[str, str]]:
    """What the page says first: value and noun."""
    methods = study.table.rows(RANKED)
    planned = sum(len(entry.seeds) for entry in study.table.entries)
    cases = sum(len(each.cases) for each in study.table.sets)
    return [
        (f"{len(methods)}", "methods"),
        (f"{len(study.table.sets)}", "test sets"),
        (f"{cases:,}", "test cases"),
        (f"{len(study.table.runs)} of {planned}", "runs done"),
        (f"{len(study.table.holes)}", "hole" if len(study.table.holes) == 1 else "holes"),
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
