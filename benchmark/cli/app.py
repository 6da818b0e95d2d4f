"""Every command of `mixseg`; what takes long to import is imported where it is used."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.main import get_command

from benchmark.cli import analyses as cli_analyses
from benchmark.cli import artefacts as cli_artefacts
from benchmark.cli import claims as cli_claims
from benchmark.cli import datasets as cli_datasets
from benchmark.cli import options as o
from benchmark.cli import reports as cli_reports
from benchmark.cli import runs as cli_runs
from benchmark.core.files import Paths, project_root, shown
from benchmark.core.progress import Terminal

if TYPE_CHECKING:
    from benchmark.data.mask_rules import ListedCodes

app = typer.Typer(
    name="mixseg",
    help="A reproducible benchmark of mixed-modality medical image segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Any command takes --debug, which shows the traceback of an error.",
)


def _paths() -> Paths:
    return Paths(project_root())


@app.command("list")
def list_methods(
    group: o.MaybeGroup = None, mix: o.MaybeMix = None, long: o.Long = False, json: o.AsJson = False
) -> None:
    """Lists the methods with their parameters, prompt and pretrained weights."""
    from benchmark.cli import text

    paths = _paths()
    typer.echo(text.methods(paths, group, mix, long=long, json=json))
    for line in text.problems(paths.root):
        typer.echo(line, err=True)


@app.command()
def new(name: o.NewName) -> None:
    """Writes a folder with a small method that already runs."""
    from benchmark.methods.new import new as write

    root = _paths().root
    for path in write(root, name):
        typer.echo(f"wrote {path.relative_to(root)}")
    typer.echo(f"next: mixseg check {name}")
    typer.echo(f"then: mixseg prepare --mix smoke && mixseg run --method {name} --mix smoke")


@app.command()
def sync(name: o.MaybeMethodName = None) -> None:
    """Updates card.json and dvc.yaml of each method folder from its method.yaml."""
    from benchmark.analyses.kit import stages
    from benchmark.methods.sync import sync as render

    root = _paths().root
    for path in [*render(root, name), *stages.sync(root)]:
        typer.echo(f"wrote {path.relative_to(root)}")


@app.command()
def check(name: o.Checked = None, pr: o.PullRequest = False) -> None:
    """Checks a method against each rule of the contract.

    With --pr it checks a pull request that adds rows: the changed files, the folder of the row, the
    committed results and the contract. It prints one line per finding. The exit status is 1 if
    there is a finding.
    """
    if pr:
        _check_request(name)
        return
    if name is None:
        raise typer.BadParameter("give a method, or --pr")
    from benchmark.methods.conformance.kit import check as run_checks

    results = run_checks(_paths().root, name, Terminal())
    for result in results:
        typer.echo(result.line())
    failed = sum(not result.ok for result in results)
    waits, beside = (sum(not getattr(r, key) for r in results) for key in ("tried", "applies"))
    told = [f"{len(results) - failed - waits - beside} rules kept, {failed} broken"]
    told += [f"{waits} not tried"] if waits else []
    told += [f"{beside} do not apply"] if beside else []
    typer.echo(f"{name}: {', '.join(told)}")
    if failed:
        raise typer.Exit(1)


def _check_request(base: str | None) -> None:
    from benchmark.contribution.changes import Finding
    from benchmark.contribution.check import check_request

    findings = 0
    for told in check_request(_paths().root, base, Terminal()):
        typer.echo(str(told))
        findings += isinstance(told, Finding)
    if findings:
        raise typer.Exit(1)


@app.command()
def data(
    mix: o.MaybeMix = None,
    dataset: o.MaybeDataset = None,
    source: o.Folder = None,
    download: o.Download = False,
    record: o.Record = False,
    force: o.Force = False,
    lesion_codes: o.LesionCodes = None,
    background_codes: o.BackgroundCodes = None,
    datasets: o.Datasets = None,
) -> None:
    """Shows which datasets are here, which are missing, and how to get them."""
    from benchmark.core.params import load_params
    from benchmark.data import status
    from benchmark.data.catalog import broken_own, load_catalog
    from benchmark.data.catalog import dataset as row_of

    cli_datasets.use(datasets)
    if record and (mix is None or dataset is not None):
        raise typer.BadParameter("--record is of a whole mix: give --mix, and no --dataset")
    if source is not None and (download or record):
        raise typer.BadParameter("--from uses a folder as it is: leave out --download and --record")
    paths = _paths()
    params = load_params(paths.root)
    names = [dataset] if dataset else status.datasets_of(params, mix)
    codes = _codes(source, lesion_codes, background_codes)
    if source is not None:
        from benchmark.data.pointers import point_to

        wanted = names if dataset or mix else []
        for line in point_to(source, wanted, paths, force=force, codes=codes):
            typer.echo(line)
        return
    if download:
        from benchmark.data.download import fetch_all

        fetch_all(names, paths, Terminal())
    if record and mix:
        from benchmark.data.record import look

        rows = [row_of(name) for name in names]
        found = look(mix, rows, paths, Terminal())
        found.write(paths)
        for line in found.lines:
            typer.echo(line)
        return
    every = [] if dataset or mix else list(load_catalog())
    typer.echo(status.describe(params, list(dict.fromkeys([*names, *every])), paths))
    for error in () if dataset or mix else broken_own().values():
        typer.echo(f"cannot be used: {error}", err=True)


def _codes(source: Path | None, lesion: str | None, background: str | None) -> "ListedCodes | None":
    if source is None and (lesion, background) != (None, None):
        raise typer.BadParameter("give --from, the folder of these masks")
    return cli_datasets.codes_of(lesion, background)


@app.command()
def prepare(mix: o.MixName, check: o.Check = False, datasets: o.Datasets = None) -> None:
    """Converts the raw data of a mix into arrays of its image size.

    MIX.unseen prepares the test sets that the mix never trains on. MIX.OTHER prepares the test sets
    of the mix OTHER.
    """
    from benchmark.cli import text as listing
    from benchmark.core.params import load_params
    from benchmark.data.coverage import coverage
    from benchmark.data.prepare import SHEET

    cli_datasets.use(datasets)
    paths = _paths()
    params = load_params(paths.root)
    about = params.prepared(mix)
    if check:
        from benchmark.data.apart import check_named

        manifest = check_named(mix, params, paths)
        typer.echo("every prepared file is unchanged, and fits params.yaml")
    else:
        from benchmark.data.apart import prepare_named

        manifest = prepare_named(mix, params, paths, Terminal())
    masks = coverage(paths.prepared(mix))
    typer.echo(listing.datasets(manifest, masks))
    for name, found in masks.items():
        for line in found.warnings():
            sheet = (paths.prepared(mix) / name / SHEET).relative_to(paths.root)
            typer.echo(f"WARNING {line} Look at {sheet}.", err=True)
    if about.unseen:
        typer.echo(
            f"next, the test sets that the mix never trains on: mixseg prepare --mix {mix}.unseen"
        )


@app.command()
def leaks(mix: o.MixName) -> None:
    """Searches for duplicate images within and between train and test, and between mixes."""
    from benchmark.cli import text as listing
    from benchmark.core.params import load_params
    from benchmark.data.answers import require
    from benchmark.data.leaks import leaks as look
    from benchmark.data.leaks import summary

    paths = _paths()
    params = load_params(paths.root)
    about = params.mix(mix)
    require(paths, mix, about)
    found = look(mix, paths, Terminal(), {name: params.mix(name) for name in about.compare})
    typer.echo(listing.duplicates(summary(found)))


@app.command()
def controls(mix: o.MixName) -> None:
    """Scores rows without a network: oracle, empty, full, mean mask, centre disc."""
    from benchmark.core.params import load_params
    from benchmark.data.answers import require
    from benchmark.evaluation.controls import run_controls

    paths = _paths()
    params = load_params(paths.root)
    require(paths, mix, params.mix(mix))
    run_controls(mix, paths, params, Terminal())
    typer.echo(f"wrote {shown(paths.results(mix) / 'controls', paths.root)}")


# In the order of the help: methods and data above, then runs, then what is made of results.
for part in (
    cli_datasets.app, cli_runs.app, cli_artefacts.app, cli_analyses.app, cli_reports.app,
    cli_claims.app,
):  # fmt: skip
    app.add_typer(part)


def command() -> Any:
    """The command with its subcommands, whose help fits the terminal."""
    group: Any = get_command(app)
    for each in group.commands.values():
        each.help = _paragraphs(each.help or "")
    return group


def _paragraphs(text: str) -> str:
    """A docstring with one line a paragraph; indented lines are examples and stay."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if p.startswith(" ") else p.replace("\n", " ") for p in parts)
