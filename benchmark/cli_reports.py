"""Commands that read results alone: tables, reports, checks of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from benchmark import options as o
from benchmark.files import Places, project_root

if TYPE_CHECKING:
    from benchmark.reports.inputs import ReportInputs

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
    from benchmark.reports.document import write_part

    for name, inputs in _inputs(mix, source):
        folder = to / name if to else inputs[2].reports(name)
        for line in write_part(name, inputs, folder, part):
            typer.echo(line)


@app.command()
def report(mix: o.MaybeMix = None, source: o.FromResults = None, to: o.ToFolder = None) -> None:
    """Writes the report of a mix, or of all, from results alone: no data, no GPU, no torch."""
    from benchmark.reports.document import write_report
    from benchmark.reports.gallery import write_gallery

    for name, inputs in _inputs(mix, source):
        folder = to / name if to else inputs[2].reports(name)
        write_report(name, *inputs, folder)
        write_gallery(name, *inputs, folder)
        typer.echo(f"wrote {folder / 'index.html'}")


@app.command()
def show(mix: o.MixName) -> None:
    """Prints the main table of a mix."""
    from benchmark.reports.plain import summary

    for name, inputs in _inputs(mix, None):
        typer.echo(summary(name, *inputs))
        typer.echo(f"\nreport: {inputs[2].reports(name) / 'index.html'}")
