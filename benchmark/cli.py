"""Every command of `mixseg`; what takes long to import is imported where it is used."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from benchmark import options as o
from benchmark.columns import columns
from benchmark.errors import MissingDataError
from benchmark.files import Places, project_root
from benchmark.progress import Terminal

if TYPE_CHECKING:
    from benchmark.reports.inputs import ReportInputs
    from benchmark.training.run import RunOptions

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
def list_methods() -> None:
    """Lists the methods: title, group, prompt, parameters, weights, licence, source."""
    from benchmark import discover, listing

    places = _places()
    typer.echo(listing.methods(places))
    for item in discover.not_synced(places.root):
        typer.echo(f"not synced: {item.folder}: {item.cause}. Run `{item.command}`.", err=True)


@app.command()
def new(name: o.NewName) -> None:
    """Writes a folder with a method that runs at once."""
    from benchmark.new import new as write

    typer.echo(f"wrote {write(_places().root, name)}")
    typer.echo(f"next: mixseg check {name}, then dvc repro report@smoke")


@app.command()
def sync(name: o.MaybeMethodName = None) -> None:
    """Renders card.json and dvc.yaml beside each plugin."""
    from benchmark.sync import sync as render

    root = _places().root
    for path in render(root, name):
        typer.echo(f"wrote {path.relative_to(root)}")


@app.command()
def check(name: o.MethodName) -> None:
    """Tries a method against the contract, rule by rule."""
    from benchmark.check import check as run_checks

    results = run_checks(_places().root, name, Terminal())
    for result in results:
        typer.echo(result.line())
    failed = sum(not result.ok for result in results)
    typer.echo(f"{name}: {len(results) - failed} rules kept, {failed} broken")
    if failed:
        raise typer.Exit(1)


@app.command()
def data(
    mix: o.MaybeMix = None,
    dataset: o.MaybeDataset = None,
    source: o.Folder = None,
    download: o.Download = False,
    record: o.Record = None,
) -> None:
    """Tells which datasets are here, which are missing and how to get them."""
    from benchmark.data import status
    from benchmark.data.catalog import load_catalog
    from benchmark.params import load_params

    places = _places()
    params = load_params(places.root)
    names = [dataset] if dataset else status.datasets_of(params, mix)
    if source is not None:
        for line in status.point_to(source, names if dataset or mix else [], places):
            typer.echo(line)
        return
    if download:
        from benchmark.data.download import fetch_all

        fetch_all(names, places, Terminal())
    if record is not None:
        status.write_record(record, params, mix, places)
    every = [] if dataset or mix else list(load_catalog())
    typer.echo(status.describe(params, list(dict.fromkeys([*names, *every])), places))


@app.command()
def prepare(mix: o.MixName) -> None:
    """Reads the raw data of a mix into arrays of its size."""
    from benchmark import listing
    from benchmark.data.prepare import prepare as write
    from benchmark.params import load_params

    places = _places()
    manifest = write(mix, load_params(places.root).mix(mix), places, Terminal())
    typer.echo(listing.datasets(manifest))


@app.command()
def leaks(mix: o.MixName) -> None:
    """Looks for duplicates inside and across train and test, within and between mixes."""
    from benchmark import listing
    from benchmark.data.leaks import leaks as look
    from benchmark.data.leaks import summary
    from benchmark.params import load_params

    places = _places()
    found = look(mix, places, Terminal(), load_params(places.root).mix(mix).compare)
    typer.echo(listing.duplicates(summary(found)))


@app.command()
def controls(mix: o.MixName) -> None:
    """Scores the controls (oracle, empty, full, mean mask, centre disc)."""
    from benchmark.evaluation.controls import run_controls
    from benchmark.params import load_params

    places = _places()
    params = load_params(places.root)
    params.mix(mix)
    run_controls(mix, places, params, Terminal())


@app.command()
def run(
    method: o.MaybeMethod = None,
    mix: o.MaybeMix = None,
    seed: o.MaybeSeed = None,
    every: o.Every = False,
    jobs: o.Jobs = None,
    executor: o.Executor = "local",
    device: o.Device = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = None,
    restart: o.Restart = False,
) -> None:
    """Trains, predicts and scores; what is done is not done again."""
    from benchmark.execution.guard import watch_parents
    from benchmark.training.identity import RunSpec
    from benchmark.training.run import RunOptions, execute

    options = RunOptions(device, threads, compiled, restart)
    if every:
        _run_all((method, mix, seed), options, jobs)
        return
    if method is None or mix is None or seed is None:
        raise typer.BadParameter("give --method, --mix and --seed, or --all")
    watch_parents()
    spec = RunSpec(method, mix, seed)
    typer.echo(f"{spec}: {execute(_places(), spec, options, Terminal())}")


def _run_all(
    of: tuple[str | None, str | None, int | None], options: "RunOptions", jobs: int | None
) -> None:
    from benchmark.execution import local
    from benchmark.execution.matrix import matrix

    root, where = _places().root, local.slots(jobs, options)
    specs = matrix(root, *of)
    if not specs:
        expected = "a method, mix and seed of `mixseg status`"
        raise MissingDataError("run --all", "no such run", expected, "Leave one of them out.")
    outcomes = local.run_all(root, specs, where, Terminal())
    failed = [outcome for outcome in outcomes if outcome.cause]
    for outcome in failed:
        typer.echo(f"FAILED  {outcome.spec}: {outcome.cause}", err=True)
    typer.echo(f"{len(outcomes) - len(failed)} runs done, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


@app.command("status")
def show_status(mix: o.MaybeMix = None) -> None:
    """Shows the matrix of runs: done, running, failed with its cause, missing."""
    from benchmark.execution.matrix import states

    header = ("mix", "method", "seed", "state", "why")
    typer.echo(columns(header, (state.row() for state in states(_places(), mix))))


@app.command()
def score(mix: o.MixName, source: o.Trusted = "maps", device: o.Device = "auto") -> None:
    """Scores the stored maps of a mix again; with --from weights makes the maps again first."""
    from benchmark.training.rescore import rescore

    for line in rescore(_places(), mix, source, device, Terminal()):
        typer.echo(line)


@app.command()
def cost(
    method: o.Method, mix: o.MixName, device: o.Device = "auto", again: o.Again = False
) -> None:
    """Measures what one image costs: parameters, MACs, latency, memory; with random weights."""
    from benchmark.training.measure import measure

    typer.echo(measure(_places(), (method, mix), (device, again), Terminal()))


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


@app.command()
def predict(
    method: o.Method,
    images: o.Images,
    out: o.Out,
    weights: o.WeightsFile,
    size: o.Size = None,
    device: o.Device = "auto",
) -> None:
    """Segments a folder of images."""
    from benchmark.evaluation.folder import predict_folder
    from benchmark.training.record import pick_device
    from benchmark.training.restore import predictor
    from benchmark.training.trained import Origin

    root = _places().root
    side = size or Origin.of(weights).size
    network = predictor(root, method, weights, (side, pick_device(device)))
    frame = predict_folder(network, images, out, side, Terminal())
    bad = frame[frame["error"] != ""]
    for row in bad.itertuples():
        typer.echo(f"FAILED  {row.error}", err=True)
    done = len(frame) - len(bad)
    typer.echo(f"{done} images segmented at {side} px, {len(bad)} not: {out / 'summary.csv'}")
    if len(bad):
        raise typer.Exit(1)


@app.command()
def bench(name: o.BenchName, json: o.AsJson = False, device: o.Device = "auto") -> None:
    """Measures speed against what one would use instead, in one run."""
    from benchmark import bench as benches

    typer.echo(benches.run(_places().root, name, json, device, Terminal()))
