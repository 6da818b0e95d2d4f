"""Commands that read results alone: tables, reports, checks of numbers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli import options as o
from benchmark.core.files import Paths, project_root, shown, write_text

if TYPE_CHECKING:
    from benchmark.reports.page.sections import Addition
    from benchmark.statistics.results import MixResults, Part

app = typer.Typer()


def _results(
    mix: str | None, source: Path | None, part: "Part | None" = None
) -> "Iterator[MixResults]":
    """The results of one mix or of all, with the digests of the code as it is now."""
    from benchmark.runs.identity import evaluation_code
    from benchmark.runs.measure_cost import cost_codes
    from benchmark.statistics.results import read_mixes

    root = project_root()
    scoring = evaluation_code(root).scoring
    for results in read_mixes(Paths(root, source), mix, part=part):
        codes = cost_codes(root, results.mix)
        yield replace(results, scoring_code=scoring, cost_codes=codes)


@app.command()
def tables(
    mix: o.MaybeMix = None,
    part: o.Part = None,
    source: o.FromResults = None,
    to: o.ToFolder = None,
) -> None:
    """Writes the tables of a mix as CSV, Markdown and LaTeX; without --mix those of every mix."""
    from benchmark.reports.page.document import write_tables

    for results in _results(mix, source, part):
        _warn(results)
        for line in write_tables(results, _folder(results, to), part):
            typer.echo(line)


@app.command()
def report(
    mix: o.MaybeMix = None,
    source: o.FromResults = None,
    to: o.ToFolder = None,
    record: Annotated[
        bool, typer.Option("--record", help="Append the numbers to results/history.csv.")
    ] = False,
) -> None:
    """Writes the report of a mix from its results; needs no data and no GPU.

    Without --mix it writes every report, and reports/index.html about all mixes.
    """
    from benchmark.reports.page.document import write_report

    if record and source is not None:
        raise typer.BadParameter("--record is for the project's own results: leave out --results")
    every = []
    for results in _results(mix, source):
        folder = _folder(results, to)
        _warn(results)
        write_report(results, folder, additions=_additions(results))
        typer.echo(f"wrote {shown(folder / 'index.html')}")
        every.append(results)
    _over_all(every, to, record=record, page=mix is None)


def _over_all(every: "list[MixResults]", to: Path | None, *, record: bool, page: bool) -> None:
    """Records the numbers of some mixes, and writes the page over all; drawn images are neither."""
    from benchmark.reports.page import history as kept
    from benchmark.reports.page.overview import overview
    from benchmark.reports.study import study_of
    from benchmark.statistics.results import ABLATIONS

    real = [each for each in every if not each.synthetic]
    if not record and not (page and real):
        return
    root = every[0].paths.root
    path = root / "results" / kept.HISTORY
    studies = [
        (study_of(each, resamples=0), study_of(each, "ablations", resamples=0).only(ABLATIONS))
        for each in real
    ]
    if record:
        day = datetime.now(UTC).date().isoformat()
        now = [one for pair in studies for part in pair for one in kept.recordings(part, day)]
        typer.echo(f"{path.relative_to(root)}: {kept.record(path, now)} new lines")
    if page and real:
        target = (to or root / "reports") / "index.html"
        write_text(target, overview(studies, kept.read_history(path)))
        typer.echo(f"wrote {shown(target)}")


def _additions(results: "MixResults") -> "list[Addition]":
    """The sections of the analyses that were measured on a mix."""
    from benchmark.analyses.kit.find import analyses
    from benchmark.analyses.kit.read import every
    from benchmark.analyses.kit.show import addition

    return [addition(measured) for measured in every(results, list(analyses().values()))]


def _warn(results: "MixResults") -> None:
    from benchmark.methods.discover import damaged_cards

    for line in results.warnings():
        typer.echo(f"warning: {line}", err=True)
    for card in damaged_cards(project_root()):
        left_out = f"{card.folder}: {card.cause}, so it is not used. Run `{card.command}`."
        typer.echo(f"warning: {left_out}", err=True)


def _whole_cards() -> None:
    """Stops where a card.json cannot be used: a release would lack its rows."""
    from benchmark.core.errors import MethodError
    from benchmark.methods.discover import damaged_cards

    for card in damaged_cards(project_root()):
        raise MethodError(
            card.folder, card.cause, "what `mixseg sync` writes", f"Run `{card.command}`."
        )


def _folder(results: "MixResults", to: Path | None) -> Path:
    return to / results.name if to else results.paths.reports(results.name)


@app.command()
def show(mix: o.MixName) -> None:
    """Prints the main table of a mix."""
    from benchmark.reports.page.text import summary
    from benchmark.reports.study import study_of

    for results in _results(mix, None, "headline"):
        typer.echo(summary(study_of(results)))
        typer.echo(f"\nreport: {shown(results.paths.reports(results.name) / 'index.html')}")


@app.command()
def site(
    to: Annotated[Path, typer.Option("--to", help="Folder of the site.")] = Path("site"),
) -> None:
    """Writes the reports and the documentation as a static web site."""
    from benchmark.reports.page.site import write_site

    for line in write_site(project_root(), to):
        typer.echo(line)


@app.command()
def bundle(
    mix: o.MixName,
    to: Annotated[Path, typer.Option("--to", help="A new folder, or a file that ends in .zip.")],
    source: o.FromResults = None,
) -> None:
    """Writes a release of a mix: results, report, cards, code state, digests of weights.

    The release holds RO-Crate metadata. If the package mlcroissant is installed, it also holds
    Croissant metadata of the results (croissant.json) and of each dataset (beside its card).
    """
    from benchmark.reports.release import croissant
    from benchmark.reports.release.bundle import write_bundle

    _whole_cards()
    for results in _results(mix, source):
        files = write_bundle(results, to, _additions(results))
        typer.echo(f"wrote {to}: {files} files, RO-Crate metadata in ro-crate-metadata.json")
        more = f"Croissant metadata in {croissant.ENDING} and cards/data"
        typer.echo(more if croissant.available() else croissant.HOW)


@app.command()
def cards(
    to: Annotated[Path, typer.Option("--to", help="Folder for models/ and data/.")],
    mix: o.MaybeMix = None,
    source: o.FromResults = None,
) -> None:
    """Writes a card of each method and of each dataset, as Markdown.

    If the package mlcroissant is installed, it also writes Croissant metadata of each dataset.
    """
    from benchmark.data.catalog import load_catalog
    from benchmark.methods import discover
    from benchmark.reports.release import croissant
    from benchmark.reports.release.cards import write_cards
    from benchmark.reports.study import study_of
    from benchmark.statistics.results import ABLATIONS

    _whole_cards()
    known = discover.cards(project_root())
    mixes = [
        (study_of(results), study_of(results, "ablations").only(ABLATIONS))
        for results in (_results(mix, source) if mix else ())
    ]
    datasets = load_catalog().values()
    written = write_cards(to, known, datasets, mixes)
    typer.echo(f"wrote {len(written)} cards below {to}")
    described = croissant.write_datasets(to / "data", datasets)
    told = f"wrote Croissant metadata of {len(described)} datasets below {to / 'data'}"
    typer.echo(told if described else croissant.HOW)
