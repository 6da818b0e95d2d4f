"""Commands that train, predict, score and measure."""

from typing import TYPE_CHECKING

import typer

from benchmark.cli import options as o
from benchmark.core.errors import MissingDataError
from benchmark.core.files import Places, project_root
from benchmark.core.progress import Terminal
from benchmark.core.text import columns

if TYPE_CHECKING:
    from benchmark.runs.execute import RunOptions

app = typer.Typer()


def _places() -> Places:
    return Places(project_root())


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
    from benchmark.runs.execute import RunOptions, execute
    from benchmark.runs.executors.guard import watch_parents
    from benchmark.runs.identity import RunSpec

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
    from benchmark.runs.executors import local
    from benchmark.runs.status import matrix

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


@app.command()
def tune(
    method: o.Method,
    mix: o.MixName,
    chosen: o.ToTune,
    seed: o.MaybeSeed = None,
    device: o.Device = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = None,
) -> None:
    """Tries values on the split val, trained on train alone; what is done is not done again."""
    from benchmark.runs import tuning_report as tuned
    from benchmark.runs.candidates import Choice, parse_set
    from benchmark.runs.execute import RunOptions
    from benchmark.runs.tuning import tune as try_values

    places, choice = _places(), Choice(method, mix, *parse_set(chosen), seed)
    plan, tried = try_values(places, choice, RunOptions(device, threads, compiled), Terminal())
    path = tuned.write(places, plan, tried)
    typer.echo(f"{tuned.text(plan, tried)}\nwrote {path.relative_to(places.root)}")


@app.command("status")
def show_status(mix: o.MaybeMix = None) -> None:
    """Shows the matrix of runs: done, running, failed with its cause, missing."""
    from benchmark.runs.status import states

    header = ("mix", "method", "seed", "state", "why")
    typer.echo(columns(header, (state.row() for state in states(_places(), mix))))


@app.command()
def score(mix: o.MixName, source: o.Trusted = "maps", device: o.Device = "auto") -> None:
    """Scores the stored maps of a mix again; with --from weights makes the maps again first."""
    from benchmark.runs.rescore import rescore

    for line in rescore(_places(), mix, source, device, Terminal()):
        typer.echo(line)


@app.command()
def cost(
    method: o.Method, mix: o.MixName, device: o.Device = "auto", again: o.Again = False
) -> None:
    """Measures what one image costs: parameters, MACs, latency, memory of a method on a mix."""
    from benchmark.runs.measure_cost import measure

    typer.echo(measure(_places(), (method, mix), (device, again), Terminal()))


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
    from benchmark.core.environment import pick_device
    from benchmark.runs.folder import predict_folder
    from benchmark.runs.predict import predictor
    from benchmark.training.weights_file import Origin

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


@app.command("import-weights")
def import_official(
    method: o.MethodName, file: o.OfficialFile, to: o.ToFile = None, size: o.ImportSize = None
) -> None:
    """Makes a file of official weights one that predict takes; a file that does not fit, none."""
    from benchmark.runs.official_weights import import_weights

    typer.echo(import_weights(_places(), method, file, to, size))


@app.command()
def bench(
    name: o.BenchName,
    method: o.MaybeMethod = None,
    json: o.AsJson = False,
    device: o.Device = "auto",
) -> None:
    """Measures speed against what one would use instead, in one run."""
    from benchmark.speed import bench as benches

    typer.echo(benches.run(_places().root, name, (json, device), Terminal(), method))
