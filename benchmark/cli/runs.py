"""Commands that train, predict, score and measure."""

from typing import TYPE_CHECKING, Any

import typer

from benchmark.cli import options as o
from benchmark.core.errors import MissingDataError
from benchmark.core.files import Paths, project_root
from benchmark.core.progress import Terminal

if TYPE_CHECKING:
    from benchmark.runs.executors.kit.contract import Order
    from benchmark.runs.identity import RunSpec

app = typer.Typer()


def _paths() -> Paths:
    return Paths(project_root())


@app.command()
def run(
    method: o.MaybeMethod = None,
    mix: o.MaybeMix = None,
    seed: o.MaybeSeed = None,
    every: o.Every = False,
    executor: o.Executor = "local",
    jobs: o.Jobs = None,
    gpus_per_run: o.GpusPerRun = None,
    cpus_per_run: o.CpusPerRun = None,
    memory: o.Memory = None,
    time: o.Time = None,
    detach: o.Detach = False,
    partition: o.Partition = None,
    account: o.Account = None,
    sbatch: o.Sbatch = None,
    address: o.Address = None,
    return_every: o.ReturnEvery = None,
    device: o.Device = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = None,
    restart: o.Restart = False,
    retrain: o.Retrain = False,
    log: o.Log = None,
) -> None:
    """Trains, predicts and scores one run or many; keeps finished work.

    Without --seed it makes every seed of the method on the mix, then measures the cost. With --all
    it makes every run that the other options select, on this machine, through Slurm or through Ray
    (docs/many-machines.md). On this machine it then measures the costs.
    """
    from benchmark.artefacts.remotes import with_remote
    from benchmark.runs.executors.kit.contract import Order, Resources
    from benchmark.runs.executors.kit.guard import watch_parents
    from benchmark.runs.row import run_row
    from benchmark.runs.settings import RunOptions
    from benchmark.runs.status import matrix

    options = RunOptions(device, threads, compiled, restart, retrain, log or "")
    own: dict[str, Any] = {
        "partition": partition, "account": account, "sbatch": sbatch, "address": address,
        "return_every": return_every,
    }  # fmt: skip
    own = {option: value for option, value in own.items() if value is not None}
    wants = (jobs, gpus_per_run, cpus_per_run, memory, o.seconds_of(time))
    if every:
        specs = matrix(_paths().root, method, mix, seed)
        order = Order(_paths(), specs, options, Resources(*wants), own, detach)
        _run_all(executor, order)
        return
    if method is None or mix is None:
        raise typer.BadParameter("give --method and --mix, or --all")
    if own or detach or executor != "local" or any(each is not None for each in wants):
        raise typer.BadParameter("executors and their resources need --all")
    watch_parents()
    failed = 0
    for line, ok in run_row(_paths(), method, mix, seed, options, Terminal()):
        typer.echo(with_remote(line), err=not ok)
        failed += not ok
    if failed:
        raise typer.Exit(1)


def _run_all(name: str, order: "Order") -> None:
    from benchmark.artefacts.remotes import with_remote
    from benchmark.runs.executors.kit.costs import measure_costs
    from benchmark.runs.executors.kit.drive import drive
    from benchmark.runs.executors.kit.find import executor

    if not order.specs:
        expected = "a method, mix and seed of `mixseg status`"
        raise MissingDataError("run --all", "no such run", expected, "Leave one of them out.")
    chosen = executor(name)
    _refuse_others(name, chosen.own, order)
    outcomes = drive(chosen, order)
    failed = [outcome for outcome in outcomes if outcome.cause]
    for outcome in failed:
        typer.echo(with_remote(f"FAILED  {outcome.spec}: {outcome.cause}"), err=True)
    costs = list(measure_costs(order, outcomes, Terminal())) if chosen.here else []
    for line in costs:
        typer.echo(line, err=True)
    away = sum(not outcome.over for outcome in outcomes)
    told = [f"{len(outcomes) - len(failed) - away} runs done, {len(failed)} failed"]
    if away:
        told.append(f"{away} handed over: `mixseg status` shows them, `mixseg cancel` ends them")
    typer.echo(", ".join(told))
    if failed or costs:
        raise typer.Exit(1)


def _refuse_others(name: str, own: frozenset[str], order: "Order") -> None:
    """Refuses options of another executor."""
    given: dict[str, Any] = {**order.more, **({"detach": True} if order.detach else {})}
    for option in given:
        if option not in own:
            raise typer.BadParameter(
                f"--{option.replace('_', '-')} is not for the executor {name!r}"
            )


@app.command()
def cancel(method: o.MaybeMethod = None, mix: o.MaybeMix = None, seed: o.MaybeSeed = None) -> None:
    """Cancels the runs of this project on a cluster.

    --method, --mix and --seed select some of them. The checkpoints stay, so that the same
    `mixseg run` continues where the runs stopped.
    """
    from benchmark.runs.executors.kit.find import executors

    def chosen(spec: "RunSpec") -> bool:
        pairs = ((method, spec.method), (mix, spec.mix), (seed, spec.seed))
        return all(wanted in (None, found) for wanted, found in pairs)

    lines = [
        line
        for each in executors().values()
        if each.cancel
        for line in each.cancel(_paths(), chosen)
    ]
    for line in lines or ["no queued or running run to cancel"]:
        typer.echo(line)


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
    """Tunes one hyper-parameter: trains on train, scores on val, reuses finished values."""
    from benchmark.runs import tuning_report as tuned
    from benchmark.runs.candidates import Choice, parse_set
    from benchmark.runs.settings import RunOptions
    from benchmark.runs.tuning import tune as try_values

    paths, choice = _paths(), Choice(method, mix, *parse_set(chosen), seed)
    plan, tried = try_values(paths, choice, RunOptions(device, threads, compiled), Terminal())
    path = tuned.write(paths, plan, tried)
    typer.echo(f"{tuned.text(plan, tried)}\nwrote {path.relative_to(paths.root)}")


@app.command("status")
def show_status(
    mix: o.MaybeMix = None,
    method: o.MaybeMethod = None,
    long: o.Long = False,
    json: o.AsJson = False,
) -> None:
    """Shows the state of each run: one sign per run, with totals and a legend."""
    from benchmark.cli import text
    from benchmark.runs.status import states

    paths = _paths()
    found = states(paths, mix, method)
    typer.echo(text.status(paths, found, long=long, json=json))
    for line in text.problems(paths.root):
        typer.echo(line, err=True)


@app.command()
def why(method: o.Method, mix: o.MixName, seed: o.Seed) -> None:
    """Explains why a result is stale: what changed since the run was made."""
    from benchmark.runs.identity import RunSpec
    from benchmark.runs.why import why as explain

    for line in explain(_paths(), RunSpec(method, mix, seed)):
        typer.echo(line)


@app.command()
def adopt(
    method: o.MaybeMethod = None,
    since: o.Since = "HEAD",
    mix: o.AdoptMix = "smoke",
    device: o.Device = "auto",
) -> None:
    """Keeps the results of earlier code, after a proof that no number changed.

    It trains one short run with the code of a commit and one with the present code. If weights,
    maps and scores have the same bytes, it writes the pair of digests to results/adoptions.json.
    """
    from benchmark.runs.adopt import adopt as prove

    for line in prove(_paths(), since, method, mix, device, Terminal()):
        typer.echo(line)


@app.command("code")
def write_code() -> None:
    """Writes data/code.json, the digests of code and rows that DVC compares."""
    from benchmark.analyses.kit.stages import record as analyses
    from benchmark.cli import text
    from benchmark.core.files import write_json
    from benchmark.methods.discover import folders
    from benchmark.runs.identity import code_record

    paths = _paths()
    path = paths.root / "data" / "code.json"
    write_json(path, {**code_record(paths.root, folders(paths.root)), **analyses(paths.root)})
    for line in text.problems(paths.root):
        typer.echo(line, err=True)


@app.command()
def score(mix: o.MixName, source: o.StartFrom = "maps", device: o.Device = "auto") -> None:
    """Scores the stored maps of a mix again.

    With --start-from weights it predicts new maps from the stored weights first.
    """
    from benchmark.runs.rescore import rescore

    for line in rescore(_paths(), mix, source, device, Terminal()):
        typer.echo(line)


@app.command("score-masks")
def score_supplied(
    mix: o.MixName,
    masks: o.SuppliedMasks,
    name: o.RowName,
    seed: o.SuppliedSeed = 0,
    allow_missing: o.AllowMissing = False,
) -> None:
    """Scores masks or probability maps that another program made, in a separate table."""
    from benchmark.runs.score_masks import Request, score_masks

    request = Request(mix, masks, name, seed, allow_missing)
    typer.echo(score_masks(_paths(), request, Terminal()))


@app.command()
def cost(
    method: o.Method, mix: o.MixName, device: o.Device = "auto", again: o.Remeasure = False
) -> None:
    """Measures parameters, MACs, latency and memory of a method on one image."""
    from benchmark.runs.measure_cost import measure

    typer.echo(measure(_paths(), method, mix, device=device, again=again, progress=Terminal()))


@app.command()
def predict(
    method: o.Method,
    images: o.Images,
    out: o.Out,
    weights: o.WeightsFiles,
    size: o.Size = None,
    device: o.Device = "auto",
    uncertainty: o.Uncertainty = False,
    heatmap: o.Heatmap = False,
) -> None:
    """Segments a folder of images, or one image.

    It writes three files per image: NAME_mask.png (0 or 255), NAME_prob.png (16 bits; the
    probability is the value divided by 65535) and NAME_overlay.png. summary.csv has one line per
    image.
    """
    from benchmark.cli import drawn
    from benchmark.core.environment import pick_device
    from benchmark.runs.folder import Predict, predict_folder
    from benchmark.runs.heatmap import heatmapper
    from benchmark.runs.predict import predictor
    from benchmark.runs.uncertain import uncertain_predictor
    from benchmark.training.weights_file import Origin

    if len(weights) > 1 and not uncertainty:
        raise typer.BadParameter("several --weights need --uncertainty; else give one")
    root, where = _paths().root, pick_device(device)
    side = size or Origin.of(weights[0]).size
    for line in drawn.warnings(_paths(), weights):
        typer.echo(line, err=True)
    network: Predict
    if uncertainty:
        network = uncertain_predictor(root, method, weights, size=side, device=where)
    else:
        network = predictor(root, method, weights[0], size=side, device=where)
    heat = heatmapper(root, method, weights[0], size=side, device=where) if heatmap else None
    frame = predict_folder(network, images, out, side, Terminal(), heat=heat)
    bad = frame[frame["error"] != ""]
    for row in bad.itertuples():
        typer.echo(f"FAILED  {row.error}", err=True)
    done = len(frame) - len(bad)
    typer.echo(f"{done} of {len(frame)} images segmented at {side} px: {out / 'summary.csv'}")
    if done:
        typer.echo("NAME_prob.png has 16 bits: the probability is the value divided by 65535")
    if len(bad):
        raise typer.Exit(1)


@app.command("import-weights")
def import_official(
    method: o.MethodName, file: o.OfficialFile, to: o.ToFile = None, size: o.ImportSize = None
) -> None:
    """Converts official weights for `mixseg predict`; refuses keys or shapes that do not fit."""
    from benchmark.runs.official_weights import import_weights

    typer.echo(import_weights(_paths(), method, file, to, size))


@app.command()
def bench(
    name: o.BenchName,
    method: o.MaybeMethod = None,
    json: o.AsJson = False,
    device: o.Device = "auto",
    sizes: o.BenchSizes = None,
    official: o.BenchOfficial = None,
) -> None:
    """Compares the speed of our code with that of the usual implementation."""
    from benchmark.speed import bench as benches

    typer.echo(
        benches.run(_paths().root, name, (json, device), Terminal(), method, sizes, official)
    )
