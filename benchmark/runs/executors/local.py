"""Runs in parallel on this machine: a process a run, one a GPU where there are GPUs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from benchmark.core.progress import Progress, Task
from benchmark.runs.executors import Outcome
from benchmark.runs.executors.guard import ORDERED_BY
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions


@dataclass(frozen=True)
class Slots:
    """Places for runs: `count` at once, each with its GPU or none, and the options of each run."""

    gpus: tuple[str, ...]
    count: int
    options: RunOptions


def slots(jobs: int | None, options: RunOptions) -> Slots:
    """One run a GPU; without a GPU `jobs` runs (1 unless told) that share the cores."""
    gpus = () if options.device == "cpu" else _gpus()
    count = jobs or max(1, len(gpus))
    if not gpus and not options.threads:
        options = replace(options, threads=max(1, _cores() // count))
    return Slots(gpus, count, options)


def run_all(
    root: Path,
    specs: Sequence[RunSpec],
    options: RunOptions,
    jobs: int | None,
    progress: Progress,
) -> list[Outcome]:
    """Executes runs on this machine, a failed one stopping no other; they only fill the store.

    Args:
        jobs: runs at once; None is one a GPU, or one.
    Returns: the outcomes in the order of `specs`.
    """
    where = slots(jobs, options)
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(where.count):
        free.put(slot)
    running: list[subprocess.Popen[str]] = []
    pool = ThreadPoolExecutor(where.count)
    with progress.task("runs", len(specs), "done") as task:

        def one(spec: RunSpec) -> Outcome:
            slot = free.get()
            try:
                process = _start(root, spec, where, slot)
                running.append(process)
                return Outcome(spec, _follow(process, spec, task))
            except OSError as error:
                return Outcome(spec, str(error))
            finally:
                free.put(slot)

        try:
            waiting = [pool.submit(one, spec) for spec in specs]
            for future in as_completed(waiting):
                outcome = future.result()
                task.advance(1, f"{outcome.spec}: {outcome.cause or 'done'}")
            return [future.result() for future in waiting]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()  # no-op for one that has ended


def _start(root: Path, spec: RunSpec, where: Slots, slot: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmark", "run", "--method", spec.method]
    command += ["--mix", spec.mix, "--seed", str(spec.seed), *where.options.words()]
    environment = {**os.environ, ORDERED_BY: str(os.getpid())}
    if where.gpus:
        environment["CUDA_VISIBLE_DEVICES"] = where.gpus[slot % len(where.gpus)]
    return subprocess.Popen(
        command, cwd=root, env=environment, encoding="utf-8", errors="replace",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def _follow(process: "subprocess.Popen[str]", spec: RunSpec, task: Task) -> str:
    """Shows a run's own lines as they come; why it failed, empty if it did not."""
    last = ""
    for line in process.stderr or ():
        last = line.strip() or last
        task.advance(0, f"seed {spec.seed}: {last}" if spec.method in last else f"{spec}: {last}")
    status = process.wait()
    return "" if status == 0 else last or f"exit status {status}"


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> tuple[str, ...]:
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return tuple(part for part in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if part)
    try:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(done.stdout.split())
