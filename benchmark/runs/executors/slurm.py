"""Runs through Slurm: one throttled array, submitted by submitit, on a disk that all nodes share.

States come from squeue and the store, never from sacct, which many clusters lack. A job that is
preempted or runs out of time is queued again by submitit; one whose node died by Slurm. Each then
goes on from the run's checkpoint.
"""

import math
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import MissingDataError, ParamsError
from benchmark.core.files import Paths, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Terminal
from benchmark.runs.execute import execute, look_up
from benchmark.runs.executors.kit import squeue
from benchmark.runs.executors.kit.contract import Executor, Order, Outcome, Room, Waiting, Watch
from benchmark.runs.executors.kit.squeue import ORDER, Job
from benchmark.runs.identity import Plan, RunSpec
from benchmark.runs.settings import RunOptions
from benchmark.runs.store import run_directory

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

JOBS, HOURS = 32, 24  # runs at once, and the time of each, unless told
SECONDS_BETWEEN_LOOKS = 3.0
LOOKS = 5  # at a run that Slurm has ended, before it is called dead: a shared disk may lag
LOCK_SECONDS = 300.0  # a dead node's lock on a shared disk falls late
TIMEOUTS = 10_000  # a run may be queued again so often
OWN = frozenset({"detach", "partition", "account", "sbatch"})


class Task:
    """One run as a job: what a node executes, and what it becomes when it is queued again."""

    def __init__(self, root: Path, spec: RunSpec, options: RunOptions) -> None:
        self.root, self.spec, self.options = root, spec, options

    def __call__(self) -> str:
        """Executes the run; see `execute`."""
        paths = Paths(self.root)
        plan = look_up(paths, load_params(self.root), self.spec)
        directory, until = run_directory(paths.store, plan.identity.run), time.monotonic()
        while directory.busy() and time.monotonic() - until < LOCK_SECONDS:
            time.sleep(1)
        return execute(paths, self.spec, self.options, Terminal())

    def checkpoint(self) -> "DelayedSubmission":
        """What submitit queues when the job is preempted or its time is over."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class Wants:
    """What each job asks Slurm for."""

    gpus: int
    cpus: int
    memory: float | None
    minutes: int
    jobs: int

    @classmethod
    def of(cls, order: Order) -> "Wants":
        """What an order's resources are in Slurm's units.

        Raises: ParamsError for a part of a GPU.
        """
        given = order.resources
        gpus = given.gpus
        if gpus is None:
            gpus = 1 if order.options.device != "cpu" and squeue.has_gpus() else 0
        if gpus not in (0, 1):
            raise ParamsError(
                "--gpus-per-run", f"{gpus:g}", "0 or 1: Slurm gives whole GPUs", "Give one.",
            )  # fmt: skip
        seconds = given.seconds or HOURS * 3600
        jobs = min(given.jobs or JOBS, len(order.specs))
        cpus = math.ceil(given.cpus or 1)
        return cls(int(gpus), cpus, given.memory, math.ceil(seconds / 60), jobs)

    def __str__(self) -> str:
        memory = f", {self.memory:g} GiB" if self.memory else ""
        gpus = f", GPUs: {self.gpus}" if self.gpus else ""
        return f"cores: {self.cpus}{gpus}{memory}, {self.minutes / 60:g} h at most"


def room(order: Order) -> Room:
    """What the runs of an order ask Slurm for.

    Raises: MissingDataError without Slurm or submitit, ParamsError for what Slurm cannot give.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise MissingDataError(
            "--executor slurm", "no package submitit", "it",
            "Install it: pip install -e '.[slurm]'.",
        ) from error  # fmt: skip
    missing = [name for name in ("sbatch", "srun", "squeue") if shutil.which(name) is None]
    if missing:
        raise MissingDataError(
            "--executor slurm", f"no program {', '.join(missing)}", "a machine of a Slurm cluster",
            "Log in to one, or take another executor.",
        )  # fmt: skip
    wants = Wants.of(order)
    _extra(order)
    return Room(
        wants.jobs, f"through Slurm, each: {wants}", bool(wants.gpus),
        None if wants.gpus else _options(order, wants),
    )  # fmt: skip


def run(order: Order, watch: Watch) -> list[Outcome]:
    """Submits the runs that Slurm does not hold yet, and follows all; ending that ends no job."""
    from benchmark.runs.executors.kit.drive import plans_of

    paths = order.paths
    plans, outcomes = plans_of(paths, order.specs)
    for outcome in outcomes:
        watch.tell(outcome.spec, "failed", outcome.cause)
    queue = squeue.queue(paths) or {}
    jobs = {
        spec: job for spec, job in squeue.newest(paths).items()
        if spec in plans and queue.get(job.id, squeue.GONE).alive
    }  # fmt: skip
    left = {spec: plan for spec, plan in plans.items() if spec not in jobs}
    if left:
        if order.options.restart:
            _forget(paths, left)
        submitted = _submit(order, list(left))
        jobs |= submitted
        arrays = dict.fromkeys(job.id.partition("_")[0] for job in submitted.values())
        watch.say(f"submitted {len(left)} runs as Slurm job {', '.join(arrays)}")
    if order.detach:
        return outcomes + [Outcome(spec, over=False) for spec in jobs]
    try:
        return outcomes + list(_follow(paths, jobs, watch))
    except KeyboardInterrupt:
        watch.say("the jobs go on by themselves: `mixseg status` shows them, `mixseg cancel` ends")
        raise


def _forget(paths: Paths, plans: Mapping[RunSpec, Plan]) -> None:
    """Forgets checkpoints before the runs are queued: a job that is queued again keeps its own."""
    for plan in plans.values():
        directory = run_directory(paths.store, plan.identity.run)
        with directory.locked():
            directory.checkpoint.unlink(missing_ok=True)


def _submit(order: Order, specs: Sequence[RunSpec]) -> dict[RunSpec, Job]:
    """One array, or as many as Slurm's longest array makes necessary.

    Raises: ParamsError with Slurm's own words if it takes no such job.
    """
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    wants, found = Wants.of(order), dict[RunSpec, Job]()
    folder = order.paths.jobs / time.strftime("%Y%m%d-%H%M%S")
    while folder.exists():
        folder = folder.with_name(f"{folder.name}x")
    options = _options(order, wants)
    longest = squeue.longest_array()
    parts = [specs[k : k + longest] for k in range(0, len(specs), longest)]
    executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=TIMEOUTS)
    executor.update_parameters(**_parameters(order, wants, len(parts)))
    for part in parts:
        try:
            with executor.batch():
                handed = [executor.submit(Task(order.paths.root, spec, options)) for spec in part]
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise ParamsError(
                "sbatch", " ".join(str(error).split())[-300:], "a job that Slurm takes",
                "Look at --partition, --account, --time and the other options.",
            ) from error  # fmt: skip
        for spec, job in zip(part, handed, strict=True):
            found[spec] = Job(spec, str(job.job_id), folder)
        rows = {job.id: [s.method, s.mix, s.seed] for s, job in found.items()}
        write_json(folder / ORDER, {"executor": "slurm", "jobs": rows})
    return found


def _parameters(order: Order, wants: Wants, parts: int) -> dict[str, Any]:
    more = {name: order.more[name] for name in ("partition", "account") if name in order.more}
    asked: dict[str, Any] = {
        "name": "mixseg",
        "timeout_min": wants.minutes,
        "cpus_per_task": wants.cpus,
        "slurm_array_parallelism": max(1, wants.jobs // parts),
        # Slurm queues the job again when its node dies.
        "slurm_additional_parameters": {
            "requeue": True, "chdir": str(order.paths.root), **_extra(order),
        },
        **{f"slurm_{name}": value for name, value in more.items()},
    }  # fmt: skip
    asked |= {"gpus_per_node": wants.gpus} if wants.gpus else {}
    return asked | ({"mem_gb": wants.memory} if wants.memory else {})


def _extra(order: Order) -> dict[str, Any]:
    """The options of sbatch that were given as KEY=VALUE, or as KEY alone.

    Raises: ParamsError for another form.
    """
    found: dict[str, Any] = {}
    for text in order.more.get("sbatch", ()):
        key, equals, value = text.partition("=")
        if not re.fullmatch(r"[a-z][a-z-]*", key) or not value.isprintable():
            raise ParamsError(
                "--sbatch", repr(text), "KEY=VALUE, as constraint=a100", "Leave out the dashes.",
            )  # fmt: skip
        found[key] = value if equals else True
    return found


def _options(order: Order, wants: Wants) -> RunOptions:
    options = order.options
    device = options.device if wants.gpus else "cpu"
    return replace(options, device=device, threads=options.threads or wants.cpus, restart=False)


def _follow(paths: Paths, jobs: Mapping[RunSpec, Job], watch: Watch) -> Iterator[Outcome]:
    """Looks at the queue and the store until every run has ended."""
    left, looks = dict(jobs), dict.fromkeys(jobs, 0)
    running: set[RunSpec] = set()
    while left:
        queue = squeue.queue(paths)
        for spec, job in list(left.items()) if queue is not None else ():
            seen = (queue or {}).get(job.id, squeue.GONE)
            if seen.alive:
                # A run that waits is told of only where it ran before: it was queued again.
                where = f"on {seen.node}" if seen.state == "running" else "again"
                told = seen.state == "running" or spec in running
                watch.tell(spec, seen.state, f"{where}, Slurm job {job.id}" if told else "")
                running |= {spec} if seen.state == "running" else set()
                looks[spec] = 0
                continue
            looks[spec] += 1
            outcome = _ended(paths, job, seen, last=looks[spec] > LOOKS)
            if outcome is not None:
                del left[spec]
                watch.tell(spec, "failed" if outcome.cause else "done", outcome.cause)
                yield outcome
        if left:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _ended(paths: Paths, job: Job, seen: squeue.Seen, last: bool) -> Outcome | None:
    """How a run ended that Slurm has ended; None where the store does not say it yet."""
    from benchmark.runs.status import state_of

    found = state_of(paths, job.spec)
    if found.state == "done" or (found.state == "results" and not found.why):
        return Outcome(job.spec)
    if not last and seen.word in ("", "COMPLETED"):
        return None
    why = found.why if found.state == "failed" else seen.died()
    return Outcome(job.spec, f"{why}; log: {job.log(paths)}")


def elsewhere(paths: Paths) -> dict[RunSpec, Waiting]:
    """The runs that Slurm holds for this project."""
    newest = squeue.newest(paths)
    queue = (squeue.queue(paths) or {}) if newest else {}
    found = {spec: (job, queue.get(job.id, squeue.GONE)) for spec, job in newest.items()}
    return {
        spec: Waiting(seen.state, f"Slurm job {job.id}{seen.where}")
        for spec, (job, seen) in found.items()
        if seen.alive
    }


def cancel(paths: Paths, chosen: Callable[[RunSpec], bool]) -> list[str]:
    """Ends the jobs of the runs for which a function is true.

    Raises: MissingDataError if Slurm cannot be asked.
    """
    newest = squeue.newest(paths)
    if not newest:
        return []
    queue = squeue.queue(paths)
    if queue is None:
        raise MissingDataError(
            "cancel", "Slurm does not answer", "a machine of its cluster", "Log in to one.",
        )  # fmt: skip
    ends = [
        job for spec, job in newest.items()
        if chosen(spec) and queue.get(job.id, squeue.GONE).alive
    ]  # fmt: skip
    squeue.scancel([job.id for job in ends])
    return [f"{job.spec}: cancelled, Slurm job {job.id}" for job in ends]


EXECUTOR = Executor("slurm", room, run, OWN, elsewhere, cancel)
