"""Runs through Ray, on machines that share no disk, or on a cluster that is started here.

The driver, which is this process, keeps the store: it sends code, data and what a run had come to,
and takes back checkpoints now and then and the files of finished runs. A run whose node dies starts
on another one from the last checkpoint that came back; so does one whose driver was started again.
"""

import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import benchmark
from benchmark.core.environment import commit
from benchmark.core.errors import MissingDataError, MixSegError, ParamsError, StoreError
from benchmark.core.files import Paths, digest, read_json, sha256_file, write_json
from benchmark.core.progress import Silent
from benchmark.methods.code import plugin_files
from benchmark.methods.weights import WeightStore
from benchmark.runs.execute import execute, take_in
from benchmark.runs.executors.kit import remote
from benchmark.runs.executors.kit.contract import Executor, Order, Outcome, Room, Watch
from benchmark.runs.executors.local import usable_cores
from benchmark.runs.identity import Plan, RunSpec
from benchmark.runs.settings import MAPS, RECORD, SCORES, WEIGHTS
from benchmark.runs.store import DONE, PROGRESS, RunDirectory

MINUTES = 5.0  # between two checkpoints that come back
LOST = 20  # nodes that one run may lose
GIB = 2**30
OWN = frozenset({"address", "return_every"})
CODE = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Wants:
    """What each run asks Ray for."""

    gpus: float
    cpus: float
    memory: float | None

    def __str__(self) -> str:
        gpus = f", GPUs: {self.gpus:g}" if self.gpus else ""
        return f"cores: {self.cpus:g}{gpus}{f', {self.memory:g} GiB' if self.memory else ''}"

    def options(self) -> dict[str, Any]:
        """The same for Ray."""
        more = {"memory": int(self.memory * GIB)} if self.memory else {}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **more}


@dataclass
class Active:
    """A run that was sent away.

    Attributes:
        stack: holds its lock in the store while it runs.
        lost: nodes that died under it.
    """

    plan: Plan
    directory: RunDirectory
    stack: ExitStack = field(default_factory=ExitStack)
    lost: int = 0


def room(order: Order) -> Room:
    """What the runs of an order ask Ray for; connects to the cluster, or starts one.

    Raises: MissingDataError without the package or the cluster, ParamsError if no node can be as
        large as one run asks for.
    """
    _connect(order)
    wants, total = _wants(order), _total()
    for name, value, has in (
        ("--cpus-per-run", wants.cpus, total.get("CPU", 0)),
        ("--gpus-per-run", wants.gpus, total.get("GPU", 0)),
        ("--memory", wants.memory or 0, total.get("memory", 0) / GIB),
    ):
        if value > has:
            raise ParamsError(
                name, f"{value:g} for one run", f"at most the {has:g} of the Ray cluster",
                "Give less, or leave it out.",
            )  # fmt: skip
    fits = math.floor(total.get("CPU", 1) / wants.cpus)
    if wants.gpus:
        fits = min(fits, math.floor(total["GPU"] / wants.gpus + 1e-9))
    count = min(order.resources.jobs or fits, len(order.specs))
    here = "address" not in order.more and not wants.gpus
    options = replace(order.options, device="cpu", threads=_threads(order, wants))
    return Room(
        max(1, count), f"through Ray, each: {wants}", bool(wants.gpus), options if here else None
    )


def _connect(order: Order) -> None:
    """Connects to a cluster, or starts one on this machine.

    Raises: MissingDataError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDataError(
            "--executor ray", "no package ray", "it", "Install it: pip install -e '.[ray]'.",
        ) from error  # fmt: skip
    address = order.more.get("address")
    own: dict[str, Any] = {"num_cpus": usable_cores(), "include_dashboard": False}
    with TemporaryDirectory() as folder:
        _stage(order.paths, Path(folder))
        try:
            ray.init(
                address=address or "local", runtime_env={"working_dir": folder},
                log_to_driver=False, logging_level=logging.ERROR, **({} if address else own),
            )  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise MissingDataError(
                f"--address {address}", " ".join(str(error).split())[-200:], "a Ray cluster",
                "Start one with `ray start --head`, or leave the address out.",
            ) from error  # fmt: skip


def _stage(paths: Paths, folder: Path) -> None:
    """Copies the code that travels: the benchmark, the methods, params.yaml, the adoptions."""
    package, project = Path(benchmark.__file__).parent, folder / remote.PROJECT
    shutil.copytree(package, folder / "benchmark", ignore=CODE)
    names = {plugin.relative_to(paths.root).parts[0] for plugin in plugin_files(paths.root)}
    names |= {"benchmark"} if (paths.root / "benchmark").is_dir() else set()
    for name in sorted(names):
        shutil.copytree(paths.root / name, project / name, ignore=CODE)
    for file in ("params.yaml", "results/adoptions.json"):
        if (paths.root / file).is_file():
            (project / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(paths.root / file, project / file)


def _total() -> dict[str, float]:
    import ray

    return dict(ray.cluster_resources())


def _wants(order: Order) -> Wants:
    given = order.resources
    gpus = given.gpus
    if gpus is None:
        gpus = 1.0 if order.options.device != "cpu" and _total().get("GPU") else 0.0
    return Wants(gpus, given.cpus or 1.0, given.memory)


def _threads(order: Order, wants: Wants) -> int:
    return order.options.threads or max(1, math.floor(wants.cpus))


def run(order: Order, watch: Watch) -> list[Outcome]:
    """Sends runs away and publishes what comes back, until all have ended."""
    import ray

    try:
        return list(_Driver(order, watch).go())
    finally:
        ray.shutdown()


class _Driver:
    """Keeps the store while runs are made elsewhere."""

    def __init__(self, order: Order, watch: Watch) -> None:
        import ray

        self.order, self.watch, self.paths = order, watch, order.paths
        self.wants, self.commit = _wants(order), commit(order.paths.root)
        self.work = ray.remote(remote.work)
        self.shared: dict[str, Any] = {}
        self.active: dict[Any, Active] = {}
        self.options = replace(
            order.options, threads=_threads(order, self.wants), restart=False, retrain=False,
            device=order.options.device if self.wants.gpus else "cpu",
        )  # fmt: skip
        self.every = 60 * float(order.more.get("return_every", MINUTES))
        self.key = ""

    def go(self) -> Iterator[Outcome]:
        """The outcome of each run as it ends."""
        import ray

        from benchmark.runs.executors.kit.drive import plans_of

        plans, failed = plans_of(self.paths, self.order.specs)
        yield from map(self._tell, failed)
        self.key = self._key(plans)
        waiting = list(plans.values())
        jobs = self.order.resources.jobs or len(waiting)
        try:
            while waiting or self.active:
                while waiting and len(self.active) < jobs:
                    yield from map(self._tell, self._begin(waiting.pop(0)))
                streams = list(self.active)
                ready = ray.wait(streams, num_returns=1, timeout=1.0)[0] if streams else []
                for each in ready:
                    yield from map(self._tell, self._take(each))
            self._tidy()
        finally:
            for one in self.active.values():
                one.stack.close()

    def _tell(self, outcome: Outcome) -> Outcome:
        self.watch.tell(outcome.spec, "failed" if outcome.cause else "done", outcome.cause)
        return outcome

    def _key(self, plans: Mapping[RunSpec, Plan]) -> str:
        """A digest of all that the nodes' project holds."""
        told = {str(spec): plan.identity.run for spec, plan in plans.items()}
        return digest([told, str(self.paths.root), self.commit, os.getpid()])

    def _begin(self, plan: Plan) -> Iterator[Outcome]:
        """Sends a run away with what the store holds of it; an outcome if that fails."""
        try:
            directory = take_in(self.paths, plan)
            if self.order.options.restart:
                directory.checkpoint.unlink(missing_ok=True)
            directory.clear_failure()
            self._send(Active(plan, directory))
        except (MixSegError, OSError) as error:
            yield Outcome(plan.spec, str(error))

    def _send(self, one: Active) -> None:
        plan, directory = one.plan, one.directory
        names = [*directory.done(), *((DONE,) if directory.done() else ())]
        names += [directory.checkpoint.name] if directory.checkpoint.is_file() else []
        sent = {name: remote.bytes_of(directory.folder / name) for name in names}
        parcel = remote.Parcel(
            self.key, tuple(self._shared(plan)), plan.spec, plan.identity.run, self.options,
            every=self.every, seconds=self.order.resources.seconds,
        )  # fmt: skip
        how = self.work.options(num_returns="streaming", max_retries=0, **self.wants.options())
        self.active[how.remote(parcel, sent)] = one

    def _shared(self, plan: Plan) -> Iterator[Any]:
        """The prepared mix and the pretrained files, each put into the object store once."""
        prepared = self.paths.prepared(plan.spec.mix)
        name = str(prepared.relative_to(self.paths.root))
        files = {f"{name}/{path.relative_to(prepared)}": path for path in prepared.rglob("*")}
        yield self._put_once(name, {k: path for k, path in files.items() if path.is_file()})
        store = WeightStore(self.paths.weights, plan.card.weights)
        for weights in plan.identity.weights:
            names, path = store.wanted[weights].files, store.path(weights)
            if names:
                name = path.name if path.name in names else names[0]
                yield self._put_once(f"weights/{name}", {f"weights/{name}": path})

    def _put_once(self, name: str, files: Mapping[str, Path]) -> Any:
        import ray

        if name not in self.shared:
            told = {file: remote.bytes_of(path) for file, path in files.items()}
            self.shared[name] = ray.put(told)
        return self.shared[name]

    def _take(self, stream: Any) -> Iterator[Outcome]:
        """Takes the next piece of a run; its outcome if it has ended."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        one = self.active[stream]
        try:
            piece = ray.get(next(stream))
            outcome = self._use(one, piece)
        except StopIteration:
            outcome = Outcome(one.plan.spec, "its node gave no results")
        except RayTaskError as error:
            outcome = Outcome(one.plan.spec, str(error).strip().splitlines()[-1])
        except RayError as error:
            outcome = self._again(stream, one, type(error).__name__)
        except (MixSegError, OSError) as error:
            ray.cancel(stream)
            outcome = Outcome(one.plan.spec, str(error))
        if outcome is not None:
            self.active.pop(stream, None)
            one.stack.close()
            yield outcome

    def _again(self, stream: Any, one: Active, why: str) -> Outcome | None:
        """Sends a run whose node is gone to another one, from its last checkpoint here."""
        one.lost += 1
        if one.lost > LOST:
            return Outcome(one.plan.spec, f"lost {one.lost} nodes, the last by {why}")
        del self.active[stream]
        one.stack.close()
        at = "from its last checkpoint" if one.directory.checkpoint.is_file() else "anew"
        self.watch.tell(one.plan.spec, "queued", f"its node is gone ({why}); it goes on {at}")
        self._send(one)
        return None

    def _use(self, one: Active, piece: Mapping[str, Any]) -> Outcome | None:
        """Puts a piece into the store; the outcome with the last one."""
        folder, spec = one.directory.folder, one.plan.spec
        if "host" in piece:
            one.stack.enter_context(one.directory.locked())
            self.watch.tell(spec, "running", f"on {piece['host']}")
        elif "far" in piece:
            write_json(folder / PROGRESS, piece["far"])
        elif "checkpoint" in piece:
            remote.put({one.directory.checkpoint.name: piece["checkpoint"]}, folder)
        elif "cause" in piece:
            one.directory.fail(piece["cause"])
            return Outcome(spec, piece["cause"])
        else:
            self._finish(one, piece["files"])
            return Outcome(spec)
        return None

    def _finish(self, one: Active, files: remote.Files) -> None:
        """Takes the files of a finished run into the store, and publishes them.

        Raises: StoreError if a file is not what the node wrote.
        """
        directory, folder = one.directory, one.directory.folder
        with TemporaryDirectory(dir=folder) as name:
            remote.put(files, Path(name))
            done = read_json(Path(name) / DONE)
            for file, about in done.items():
                found = sha256_file(Path(name) / file)
                if found != about["sha256"]:
                    raise StoreError(
                        f"{file} of {one.plan.spec}, as it came back", f"digest {found[:16]}",
                        about["sha256"][:16], "Run the same command again.",
                    )  # fmt: skip
            record = read_json(Path(name) / RECORD)
            if not record.get("commit"):  # the code travels without its Git
                write_json(Path(name) / RECORD, {**record, "commit": self.commit})
            for file, about in done.items():
                (Path(name) / file).replace(folder / file)
                directory.finish(file, about["code"])
        if not {WEIGHTS, MAPS, SCORES} <= set(directory.done()):
            raise StoreError(
                folder, "a part of the run's files", "all of them", "Run the same command again.",
            )  # fmt: skip
        directory.checkpoint.unlink(missing_ok=True)
        one.stack.close()
        execute(self.paths, one.plan.spec, self.options, Silent())

    def _tidy(self) -> None:
        """Removes the nodes' projects, where the nodes still answer."""
        import ray
        from ray.exceptions import RayError
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ends = ray.remote(remote.remove)
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        refs = [
            ends.options(
                num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(self.key)
            for node in nodes
        ]
        with suppress(RayError):
            ray.get(refs, timeout=30)


EXECUTOR = Executor("ray", room, run, OWN)
