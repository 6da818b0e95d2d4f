"""The command of the analyses beyond the scores."""

from typing import Annotated

import typer

from benchmark.cli import options as o
from benchmark.core.files import Paths, project_root
from benchmark.core.progress import Terminal

app = typer.Typer()

Name = Annotated[str | None, typer.Argument(help="An analysis; default: all of the mix.")]
Listed = Annotated[bool, typer.Option("--list", help="Name the analyses, and measure nothing.")]


@app.command()
def analyse(
    name: Name = None,
    mix: o.MaybeMix = None,
    method: o.MaybeMethod = None,
    listed: Listed = False,
    device: o.Device = "auto",
) -> None:
    """Measures an analysis on a mix: calibration, corruptions, uncertainty and others.

    What is measured already is left alone. An interrupted command goes on where it stopped.
    """
    from benchmark.analyses.kit.execute import analyse as measure
    from benchmark.analyses.kit.find import analyses, analysis
    from benchmark.analyses.kit.stages import planned
    from benchmark.core.params import load_params
    from benchmark.core.text import columns

    if listed:
        found = analyses().values()
        rows = [(e.name, " + ".join(e.needs) or "data", e.unit, e.about) for e in found]
        typer.echo(columns(("analysis", "needs", "per", "what it measures"), rows))
        return
    if mix is None:
        raise typer.BadParameter("give --mix, or --list to see the analyses")
    paths = Paths(project_root())
    chosen = [analysis(name)] if name else planned(load_params(paths.root), mix)
    if not chosen:
        typer.echo(f"{mix}: params.yaml plans no analysis; name one, or add `analyses:` to the mix")
    failed = 0
    for each in chosen:
        for line, ok in measure(paths, each, mix, method, device, Terminal()):
            typer.echo(line, err=not ok)
            failed += not ok
    if failed:
        raise typer.Exit(1)
