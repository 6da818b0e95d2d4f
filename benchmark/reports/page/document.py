"""The report of a mix: tables, figures, checklists, and the pages that hold all of them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.core.background import in_background
from benchmark.core.errors import StoreError
from benchmark.core.files import shown, write_atomic, write_text
from benchmark.reports.figures.drawing import Figure, write_figure
from benchmark.reports.figures.figures import scores_figure, training_figure
from benchmark.reports.figures.scatter import scatter_figure
from benchmark.reports.figures.tradeoff import tradeoff_figure
from benchmark.reports.page.answers import answers
from benchmark.reports.page.explorer import explorer
from benchmark.reports.page.gallery import gallery
from benchmark.reports.page.parts import WHOLE
from benchmark.reports.page.render import render
from benchmark.reports.page.sections import FURTHER, Addition, Content, design, sections
from benchmark.reports.release.checklist import checklist
from benchmark.reports.release.provenance import deviations_grid, provenance_grid, runs_grid
from benchmark.reports.study import Study, run_counts, study_of
from benchmark.reports.tables.ablations import ablation_grid, single_modality_grid
from benchmark.reports.tables.appendix import friedman_figure, friedman_grid
from benchmark.reports.tables.compared import Compared, compare
from benchmark.reports.tables.comparisons import comparisons_grid, forest_figure
from benchmark.reports.tables.cost import cost_grid
from benchmark.reports.tables.draws import draws_grid
from benchmark.reports.tables.grid import Grid
from benchmark.reports.tables.headline import headline_grid
from benchmark.reports.tables.inventory import data_grid, leaks_grid, methods_grid
from benchmark.reports.tables.main import errors_grid, main_grid
from benchmark.reports.tables.markup import latex, markdown
from benchmark.reports.tables.protocols import protocols_grid
from benchmark.reports.tables.rankings import across_grid, ranks_figure, ranks_grid, stability_grid
from benchmark.reports.tables.strata import SizeStrata, size_strata, strata_figure, strata_grid
from benchmark.reports.tables.supplied import supplied_comparisons_grid
from benchmark.reports.tables.verdicts import verdicts
from benchmark.statistics.cardless import SUPPLIED
from benchmark.statistics.results import ABLATIONS, GROUPS, RANKED, MixResults, Part

PAGES = ("index.html", "gallery.html", "cases.html", "cases.js", "checklist.md")
FOLDERS = {
    "tables": (".csv", ".md", ".tex"),
    "ablations": (".csv", ".md", ".tex"),
    "claims": (".csv", ".md", ".tex"),
    "analyses": (".csv", ".md", ".tex"),
    "figures": (".csv", ".svg"),
    WHOLE: (".html",),
}
INVENTORY = {
    "methods": methods_grid,
    "runs": runs_grid,
    "cost": cost_grid,
    "deviations": deviations_grid,
    "provenance": provenance_grid,
}
OWN_TABLE = (*FURTHER, SUPPLIED)  # groups whose scores stand in a table of their own
NOT_LOOKED = "Not searched: there is no leaks.csv."
Grids = dict[str, Grid]


@dataclass(frozen=True)
class Headline:
    """The headline's study with what the statistics say of it."""

    study: Study
    compared: Compared
    strata: SizeStrata

    @classmethod
    def of(cls, study: Study) -> "Headline":
        """Works it out."""
        return cls(study, compare(study), size_strata(study))

    def grids(self) -> Grids:
        """The tables by name; of further groups only where there are such methods."""
        study, compared = self.study, self.compared
        made = [
            headline_grid(study),
            main_grid(study),
            errors_grid(study),
            protocols_grid(study),
            *(make(study) for make in INVENTORY.values()),
            strata_grid(study, self.strata),
            *(make(study) for make in (data_grid, leaks_grid, draws_grid)),
            *(main_grid(study, (each,), each) for each in OWN_TABLE if study.table.rows((each,))),
        ]
        made.append(supplied_comparisons_grid(study, compared))
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
        plotted = [
            scores_figure(study),
            forest_figure(study, compared),
            scatter_figure(study, compared),
            ranks_figure(study, compared),
            strata_figure(study, self.strata),
            tradeoff_figure(study),
            training_figure(study),
            friedman_figure(study, compared.friedman) if compared.friedman else None,
        ]
        return {figure.name: figure for figure in plotted if figure is not None}


def write_tables(results: MixResults, to: Path, part: Part | None = None) -> Iterator[str]:
    """Writes tables as CSV, Markdown and LaTeX in place of older ones, and tells what it wrote.

    Args:
        to: the folder of the report, reports/<mix>; the tables lie in folders of it.
        part: the tables of one part; None writes both.

    Raises: StoreError if a folder of tables holds anything else.
    """
    if part != "ablations":
        _write_folder(Headline.of(study_of(results)).grids(), to / "tables")
        yield f"wrote {shown(to / 'tables')}"
    if part != "headline":
        grids = ablation_grids(study_of(results, "ablations"))
        _write_folder(grids, to / "ablations")
        none = f"{results.name}: no ablation, and no network of a single modality"
        yield f"wrote {shown(to / 'ablations')}" if grids else none


def write_report(
    results: MixResults,
    to: Path,
    *,
    with_images: bool = True,
    additions: Sequence[Addition] = (),
) -> None:
    """Writes the report of a mix in place of the older one, or leaves that as it is.

    Args:
        results: of all groups.
        to: the folder of the report, reports/<mix>.
        with_images: also gallery.html, which shows images of the datasets.
        additions: sections of other parts.

    Raises: StoreError if the folder holds anything but a report, or a file of maps is broken.
    """
    headline = Headline.of(study_of(results))
    drawn = in_background(headline.figures)
    study, ablations = headline.study, study_of(results, "ablations")
    found = verdicts(results, study)
    tables = {
        "tables": headline.grids(),
        "ablations": ablation_grids(ablations),
        "claims": found.grids(),
        "analyses": {grid.name: grid for each in additions for grid in each.grids},
    }
    leads = {**_leads(study, tables["tables"].get("leaks")), "claims": (found.lead(),)}
    apart = ablations.only(ABLATIONS)
    first = answers(study, apart, found)
    grids = {name: grid for part in tables.values() for name, grid in part.items()}
    pages = {**explorer(study, with_images), "checklist.md": checklist(study, ablations, grids)}
    if with_images:
        pages["gallery.html"] = gallery(study)
    added = {figure.name: figure for each in additions for figure in each.figures}
    figures = {**drawn(), **added}
    content = sections(Content(study, ablations, tables, figures, leads, additions, first))
    pages["index.html"] = render(
        "index.html", study=study, sections=content, facts=_facts(study, apart), images=with_images
    )
    for table in (each for section in content for each in section.shown() if each.whole):
        pages[table.whole] = render("whole.html", study=study, shown=table)
    with _in_place_of(to, {"": PAGES, **FOLDERS}) as folder:
        for name, text in pages.items():
            write_text(folder / name, text)
        for name, part in tables.items():
            _write_grids(part, folder / name)
        for figure in figures.values():
            write_figure(figure, folder / "figures")


def ablation_grids(study: Study) -> Grids:
    """The tables of the ablations' part by name; none where there are no such methods."""
    has = [group for group in ABLATIONS if study.table.rows((group,))]
    made = [ablation_grid(study)] if "ablation" in has else []
    if "single" in has:
        scores = main_grid(study, ("single",), "single-modality-scores")
        title = f"Trained on a single modality, tested on all: {scores.title}"
        made += [single_modality_grid(study), replace(scores, title=title)]
    rest, about = study.only(ABLATIONS), ", ".join(GROUPS[group].lower() for group in has)
    for name, make in INVENTORY.items():
        grid = make(rest)
        made.append(replace(grid, name=f"ablation-{name}", title=f"{grid.title}: {about}"))
    return {grid.name: grid for grid in made if grid.lines()}


def _leads(study: Study, looked: Grid | None) -> dict[str, Sequence[str]]:
    """Sentences that say what was found, by section; of the duplicates where none is listed."""
    leads: dict[str, Sequence[str]] = {"overview": (design(study),)}
    if looked is None:
        changed = [f"{each}." for name, each in study.changed.items() if name.startswith("leaks")]
        leads["leaks"] = (*changed, "Run `mixseg leaks` again.") if changed else (NOT_LOOKED,)
    elif not looked.lines():
        leads["leaks"] = (f"The search found none. {looked.remarks[-1]}",)
    return leads


def _write_folder(grids: Grids, to: Path) -> None:
    """Writes a folder of tables in place of the older one; without tables there is none."""
    if grids:
        with _in_place_of(to, {"": FOLDERS["tables"]}) as folder:
            _write_grids(grids, folder)
    elif to.is_dir():
        _check_replaced(to, {"": FOLDERS["tables"]})
        shutil.rmtree(to)


def _write_grids(grids: Grids, to: Path) -> None:
    for name, grid in grids.items():
        for suffix, text in ((".csv", grid.csv()), (".md", markdown(grid)), (".tex", latex(grid))):
            write_text(to / f"{name}{suffix}", text)


@contextmanager
def _in_place_of(to: Path, kinds: Mapping[str, Sequence[str]]) -> Iterator[Path]:
    """A new folder that takes the place of `to` when it is whole."""
    _check_replaced(to, kinds)
    with write_atomic(to) as folder:
        folder.mkdir()
        yield folder


def _check_replaced(to: Path, kinds: Mapping[str, Sequence[str]]) -> None:
    """Refuses to replace a folder that holds anything but what we write.

    Args:
        kinds: by subfolder, the ends of the names of its files.

    Raises: StoreError.
    """
    do = "Move it, or name another folder with --to; nothing was written."
    if to.is_file():
        raise StoreError(to, "a file", "a folder, or nothing", do)
    for path in sorted(path for path in to.rglob("*") if not path.is_dir()):
        inside = path.parent.relative_to(to).as_posix().removeprefix(".")
        left_over = path.name.startswith(".") and path.name.endswith(".tmp")  # of a killed writer
        if not left_over and not path.name.endswith(tuple(kinds.get(inside, ()))):
            raise StoreError(path, "a file that no report writes", "a report alone", do)


def _facts(*parts: Study) -> list[tuple[str, str]]:
    """What the page says first: value and noun; the parts share no row."""
    sets = parts[0].table.sets
    cases = sum(len(each.cases) for each in sets)
    methods = sum(len(part.table.rows(RANKED)) for part in parts)
    done, planned = run_counts(parts)
    gone = sum(len(part.table.missing) for part in parts)
    return [
        (f"{methods}", "methods"),
        (f"{len(sets)}", "test sets"),
        (f"{cases:,}", "test cases"),
        (f"{done} of {planned}", "runs done"),
        (f"{gone}", "missing run" if gone == 1 else "missing runs"),
    ]
