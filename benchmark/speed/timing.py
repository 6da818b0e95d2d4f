"""The time of a piece of work on a device, for the benchmarks of speed."""

import time
from collections.abc import Callable, Sequence

import torch

SECONDS, AT_LEAST = 6.0, 3
TURNS = 4  # at least, of works that take turns


def best_s(work: Callable[[], object], device: str) -> float:
    """The best of the runs that fit into some seconds, after one to warm up."""
    work()
    best, until, done = float("inf"), time.monotonic() + SECONDS, 0
    while done < AT_LEAST or time.monotonic() < until:
        wait(device)
        start = time.perf_counter()
        work()
        wait(device)
        best, done = min(best, time.perf_counter() - start), done + 1
    return best


def in_turns(works: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """The best of each work's turns on a CPU, after one to warm up; every other turn goes back.

    Args:
        seconds: for all turns together, or what the least number of turns takes.
    """
    best, until, turn = [float("inf")] * len(works), 0.0, 0
    while turn <= TURNS or time.monotonic() < until:
        for k in range(len(works))[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            works[k]()
            if turn:
                best[k] = min(best[k], time.perf_counter() - start)
        until, turn = until or time.monotonic() + seconds, turn + 1
    return best


def wait(device: str) -> None:
    """Waits until a GPU has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
