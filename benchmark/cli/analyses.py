"""The command of the analyses beyond the scores."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmark.cli import options as o
from benchmark.core.files import Paths, project_root
from benchmark.core.progress import Terminal

app = typer.Typer()

Name = Annotated[
    str | None, typer.Argument(help="Name of an analysis; default: all analyses of the mix.")
]
Listed = Annotated[bool, typer.Option("--list", help="Only list the analyses.")]
Rows = Annotated[
    list[str] | None,
    typer.Option("--method", help="A method; may be repeated. Default: all that have this layer."),
]
Layer = Annotated[
    Literal["decoder", "deepest", "tokens"],
    typer.Option("--layer", help="Layer, as method.yaml names it under cam_layers."),
]
Few = Annotated[int, typer.Option("--cases", min=1, help="Test cases per test set.")]
ToPanels = Annotated[Path, typer.Option("--out", help="Folder for the pictures, one per test set.")]


@app.command()
def analyse(
    name: Name = None,
    mix: o.MaybeMix = None,
    method: o.MaybeMethod = None,
    listed: Listed = False,
    device: o.Device = "auto",
) -> None:
    """Runs an analysis on a mix: calibration, corruptions, uncertainty and others.

    It measures each run once. After an interruption, the same command continues where it stopped.
    """
    from benchmark.analyses.kit.execute import analyse as measure
    from benchmark.analyses.kit.find import analyses, analysis
    from benchmark.analyses.kit.stages import planned
    from benchmark.claims.spec import fed, load_claims
    from benchmark.core.params import load_params
    from benchmark.core.text import wrapped

    if listed:
        feeds = fed(load_claims())
        for e in analyses().values():
            needs, n = " and ".join(e.needs) or "data", len(feeds.get(e.name, ()))
            typer.echo(wrapped(f"{e.name}: {e.about}"))
            typer.echo(f"  needs {needs}; per {e.unit}; {n} claim{'' if n == 1 else 's'}")
        typer.echo("claims: how many claims of the papers it feeds; `mixseg claims` judges them")
        return
    if mix is None:
        raise typer.BadParameter("give --mix, or --list to see the analyses")
    paths = Paths(project_root())
    chosen = [analysis(name)] if name else planned(load_params(paths.root), mix)
    if not chosen:
        typer.echo(
            f"{mix}: params.yaml plans no analysis. Name one that `mixseg analyse --list` shows, "
            "or add `analyses:` to the mix"
        )
    failed = 0
    for each in chosen:
        for line, ok in measure(paths, each, mix, method, device, Terminal()):
            typer.echo(line, err=not ok)
            failed += not ok
    if failed:
        raise typer.Exit(1)


@app.command()
def heatmaps(
    mix: o.MixName,
    out: ToPanels,
    method: Rows = None,
    layer: Layer = "deepest",
    cases: Few = 4,
    device: o.Device = "auto",
) -> None:
    """Draws the activation maps of several networks on the same cases.

    The pictures show images of the datasets, so do not publish them without permission.
    """
    from benchmark.analyses.kit.job import Job
    from benchmark.analyses.kit.units import rows_of
    from benchmark.analyses.measures.panels import panels
    from benchmark.core.environment import pick_device
    from benchmark.core.params import load_params
    from benchmark.data.answers import require

    paths = Paths(project_root())
    params = load_params(paths.root)
    about = params.mix(mix)
    require(paths, mix, about)
    where, jobs, titles = pick_device(device), [], []
    for card in rows_of(paths.root, params, mix):
        seeds = about.seeds_of(card)[:1]
        job = Job(
            paths, mix, about, card.name, tuple(seeds), limit=cases, device=where,
            progress=Terminal(),
        )  # fmt: skip
        chosen = layer in card.cam_layers and job.weights(seeds[0]).is_file()
        if card.name in (method or [card.name]) and chosen:
            jobs.append(job)
            titles.append(card.title)
    for path in panels(jobs, titles, layer, out):
        typer.echo(f"wrote {path}")
