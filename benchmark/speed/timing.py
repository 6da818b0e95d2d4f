"""The time of a piece of work on a device, for the benchmarks of speed."""

import time
from collections.abc import Callable

import torch

SECONDS, AT_LEAST = 6.0, 3


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


def wait(device: str) -> None:
    """Waits until a GPU has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
