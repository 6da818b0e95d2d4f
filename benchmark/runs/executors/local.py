"""Runs in parallel on this machine: a process a run, on GPUs where there are GPUs."""

import math
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from queue import SimpleQueue

from benchmark.core.errors import ParamsError
from benchmark.runs.executors.kit.child import Child
from benchmark.runs.executors.kit.contract import Executor, Order, Outcome, Room, Watch
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions

GIB = 2**30


@dataclass(frozen=True)
class Slots:
    """Places for runs: the GPU of each or "", and the options of each run."""

    gpus: tuple[str, ...]
    options: RunOptions


def slots(order: Order) -> Slots:
    """One run a GPU, or as many as share one; without a GPU `jobs` runs that share the cores.

    Raises: ParamsError if a GPU is asked for and none is here, or one run needs more memory than
        there is.
    """
    wants, options = order.resources, order.options
    gpus = () if options.device == "cpu" or wants.gpus == 0 else visible_gpus()
    if wants.gpus and not gpus:
        raise ParamsError(
            "--gpus-per-run", f"{wants.gpus:g}, and no GPU here", "0", "Leave it out, or give 0.",
        )  # fmt: skip
    each = math.floor(1 / (wants.gpus or 1) + 1e-9)
    cores = usable_cores()
    fits = len(gpus) * each if gpus else max(1, math.floor(cores / wants.cpus)) if wants.cpus else 1
    count = min(wants.jobs or fits, _fit_memory(wants.memory))
    if not gpus and not options.threads:
        options = replace(options, threads=max(1, math.floor(wants.cpus or cores // count)))
    elif wants.cpus and not options.threads:
        options = replace(options, threads=max(1, math.floor(wants.cpus)))
    if wants.gpus == 0:
        options = replace(options, device="cpu")
    return Slots(tuple(gpus[k % len(gpus)] if gpus else "" for k in range(count)), options)


def room(order: Order) -> Room:
    """Where the runs of an order go on this machine."""
    places = slots(order)
    threads = places.options.threads
    what = "a GPU, or a part of one, each" if places.gpus[0] else f"threads each: {threads}"
    gpu, words = bool(places.gpus[0]), f"on this machine, {what}"
    return Room(len(places.gpus), words, gpu, places.options)


def run(order: Order, watch: Watch) -> list[Outcome]:
    """Executes runs on this machine, a failed one stopping no other."""
    places = slots(order)
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(len(places.gpus)):
        free.put(slot)
    running: list[Child] = []
    pool = ThreadPoolExecutor(len(places.gpus))

    def one(spec: RunSpec) -> Outcome:
        slot = free.get()
        try:
            gpu = places.gpus[slot]
            more = {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
            child = Child(
                order.paths.root, spec, places.options, more, seconds=order.resources.seconds
            )
            running.append(child)
            watch.tell(spec, "running", f"GPU {gpu}" if gpu else "")
            return Outcome(spec, child.wait())
        except OSError as error:
            return Outcome(spec, str(error))
        finally:
            free.put(slot)

    try:
        waiting = [pool.submit(one, spec) for spec in order.specs]
        for future in as_completed(waiting):
            outcome = future.result()
            watch.tell(outcome.spec, "failed" if outcome.cause else "done", outcome.cause)
        return [future.result() for future in waiting]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in running:
            child.end()


def _fit_memory(memory: float | None) -> int:
    """Runs that this machine's memory holds.

    Raises: ParamsError if it does not hold one.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    if memory and memory > total:
        raise ParamsError(
            "--memory", f"{memory:g} GiB for one run", f"at most the {total:.1f} GiB here",
            "Give less, or leave it out.",
        )  # fmt: skip
    return math.floor(total / memory) if memory else 2**31


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> tuple[str, ...]:
    """The numbers of the GPUs that this process may use."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return tuple(part for part in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if part)
    try:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(done.stdout.split())


EXECUTOR = Executor("local", room, run, here=True)
