"""Every command of `mixseg`; what takes long to import is imported where it is used."""

import typer

from benchmark.cli import claims as cli_claims
from benchmark.cli import options as o
from benchmark.cli import reports as cli_reports
from benchmark.cli import runs as cli_runs
from benchmark.core.files import Places, project_root
from benchmark.core.progress import Terminal

app = typer.Typer(
    name="mixseg",
    help="A reproducible benchmark of mixed-modality medical image segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Any command takes --debug, which shows the traceback of an error.",
)


def _places() -> Places:
    return Places(project_root())


@app.command("list")
def list_methods(
    group: o.MaybeGroup = None, mix: o.MaybeMix = None, long: o.Long = False, json: o.AsJson = False
) -> None:
    """Lists the methods by group: parameters, prompt, pretrained weights."""
    from benchmark.cli import text

    places = _places()
    typer.echo(text.methods(places, group, mix, long=long, json=json))
    for line in text.problems(places.root):
        typer.echo(line, err=True)


@app.command()
def new(name: o.NewName) -> None:
    """Writes a folder with a method that runs at once."""
    from benchmark.methods.new import new as write

    root = _places().root
    for path in write(root, name):
        typer.echo(f"wrote {path.relative_to(root)}")
    typer.echo(f"next: mixseg check {name}")
    typer.echo(f"then: mixseg prepare --mix smoke && mixseg run --method {name} --mix smoke")


@app.command()
def sync(name: o.MaybeMethodName = None) -> None:
    """Writes card.json and dvc.yaml of each method folder from its method.yaml."""
    from benchmark.methods.sync import sync as render

    root = _places().root
    for path in render(root, name):
        typer.echo(f"wrote {path.relative_to(root)}")


@app.command()
def check(name: o.MethodName) -> None:
    """Tries a method against the contract, rule by rule."""
    from benchmark.methods.conformance.kit import check as run_checks

    results = run_checks(_places().root, name, Terminal())
    for result in results:
        typer.echo(result.line())
    failed = sum(not result.ok for result in results)
    kept = sum(result.ok and result.tried for result in results)
    waits = f", {len(results) - failed - kept} not tried" if failed + kept < len(results) else ""
    typer.echo(f"{name}: {kept} rules kept, {failed} broken{waits}")
    if failed:
        raise typer.Exit(1)


@app.command()
def data(
    mix: o.MaybeMix = None,
    dataset: o.MaybeDataset = None,
    source: o.Folder = None,
    download: o.Download = False,
    record: o.Record = False,
    force: o.Force = False,
) -> None:
    """Tells which datasets are here, which are missing and how to get them."""
    from benchmark.core.params import load_params
    from benchmark.data import status
    from benchmark.data.catalog import load_catalog

    if record and (mix is None or dataset is not None):
        raise typer.BadParameter("--record is of a whole mix: give --mix, and no --dataset")
    if source is not None and (download or record):
        raise typer.BadParameter("--from uses a folder as it is: leave out --download and --record")
    places = _places()
    params = load_params(places.root)
    names = [dataset] if dataset else status.datasets_of(params, mix)
    if source is not None:
        from benchmark.data.pointers import point_to

        for line in point_to(source, names if dataset or mix else [], places, force):
            typer.echo(line)
        return
    if download:
        from benchmark.data.download import fetch_all

        fetch_all(names, places, Terminal())
    catalog = load_catalog()
    if record and mix:
        from benchmark.data.record import look

        rows = [catalog[name] for name in names]
        found = look(mix, rows, places, Terminal())
        found.write(places)
        for line in found.lines:
            typer.echo(line)
        return
    every = [] if dataset or mix else list(catalog)
    typer.echo(status.describe(params, list(dict.fromkeys([*names, *every])), places))


@app.command()
def prepare(mix: o.MixName, check: o.Check = False) -> None:
    """Reads the raw data of a mix into arrays of its size."""
    from benchmark.cli import text as listing
    from benchmark.core.params import load_params

    places = _places()
    about = load_params(places.root).mix(mix)
    if check:
        from benchmark.data.answers import check_prepared

        manifest = check_prepared(places, mix, about)
        typer.echo("every prepared file is as it was written, and answers params.yaml")
    else:
        from benchmark.data.prepare import prepare as write

        manifest = write(mix, about, places, Terminal())
    typer.echo(listing.datasets(manifest))


@app.command()
def leaks(mix: o.MixName) -> None:
    """Looks for duplicates inside and across train and test, within and between mixes."""
    from benchmark.cli import text as listing
    from benchmark.core.params import load_params
    from benchmark.data.answers import require
    from benchmark.data.leaks import leaks as look
    from benchmark.data.leaks import summary

    places = _places()
    params = load_params(places.root)
    about = params.mix(mix)
    require(places, mix, about)
    found = look(mix, places, Terminal(), {name: params.mix(name) for name in about.compare})
    typer.echo(listing.duplicates(summary(found)))


@app.command()
def controls(mix: o.MixName) -> None:
    """Scores the controls (oracle, empty, full, mean mask, centre disc)."""
    from benchmark.core.params import load_params
    from benchmark.data.answers import require
    from benchmark.evaluation.controls import run_controls

    places = _places()
    params = load_params(places.root)
    require(places, mix, params.mix(mix))
    run_controls(mix, places, params, Terminal())


# In the order of the help: methods and data above, then runs, then what is made of results.
for part in (cli_runs.app, cli_reports.app, cli_claims.app):
    app.add_typer(part)
