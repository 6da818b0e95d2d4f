"""Commands that read results alone: tables, reports, checks of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli import options as o
from benchmark.core.files import Places, project_root

if TYPE_CHECKING:
    from benchmark.reports.inputs import ReportInputs
    from benchmark.reports.study import Part

app = typer.Typer()


def _inputs(mix: str | None, source: Path | None) -> "list[tuple[str, ReportInputs]]":
    from benchmark.reports.inputs import report_inputs

    return report_inputs(Places(project_root(), source), mix)


@app.command()
def tables(
    mix: o.MaybeMix = None,
    part: o.Part = None,
    source: o.FromResults = None,
    to: o.ToFolder = None,
) -> None:
    """Writes the tables of a mix, or of all with results, as CSV, Markdown and LaTeX."""
    from benchmark.reports.page.document import write_part

    for name, inputs in _inputs(mix, source):
        folder = to / name if to else inputs[2].reports(name)
        for line in write_part(name, inputs, folder, part):
            typer.echo(line)


@app.command()
def report(mix: o.MaybeMix = None, source: o.FromResults = None, to: o.ToFolder = None) -> None:
    """Writes the report of a mix, or of all, from results alone: no data, no GPU, no torch."""
    from benchmark.reports.page.document import write_report
    from benchmark.reports.page.gallery import write_gallery

    for name, inputs in _inputs(mix, source):
        folder = to / name if to else inputs[2].reports(name)
        write_report(name, *inputs, folder)
        write_gallery(name, *inputs, folder)
        typer.echo(f"wrote {folder / 'index.html'}")


@app.command()
def show(mix: o.MixName) -> None:
    """Prints the main table of a mix."""
    from benchmark.reports.page.text import summary

    for name, inputs in _inputs(mix, None):
        typer.echo(summary(name, *inputs))
        typer.echo(f"\nreport: {inputs[2].reports(name) / 'index.html'}")


@app.command()
def bundle(
    mix: o.MixName,
    to: Annotated[Path, typer.Option("--to", help="A new folder, or a file that ends in .zip.")],
    source: o.FromResults = None,
) -> None:
    """Writes a release of a mix: results, report, cards, code state, weights by digest."""
    from benchmark.reports.release.bundle import write_bundle

    for name, inputs in _inputs(mix, source):
        files = write_bundle(name, inputs, to)
        typer.echo(f"wrote {to}: {files} files, RO-Crate metadata in ro-crate-metadata.json")


@app.command()
def cards(
    to: Annotated[Path, typer.Option("--to", help="Folder for models/ and data/.")],
    mix: o.MaybeMix = None,
    source: o.FromResults = None,
) -> None:
    """Writes model cards from the methods' cards and data cards from the catalog, as Markdown."""
    from benchmark.data.catalog import load_catalog
    from benchmark.methods import discover
    from benchmark.reports.release.cards import write_cards
    from benchmark.reports.study import load_study

    known = [card.model_dump(mode="json") for card in discover.cards(project_root())]
    found = _inputs(mix, source) if mix else []
    parts: tuple[Part, Part] = ("headline", "ablations")
    studies = [load_study(name, *inputs, part) for name, inputs in found for part in parts]
    written = write_cards(to, known, load_catalog().values(), studies)
    typer.echo(f"wrote {len(written)} cards below {to}")
