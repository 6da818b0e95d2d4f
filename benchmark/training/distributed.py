"""Several processes on one run, started by torchrun; one process where there is no torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from benchmark.core.errors import TrainingError


class Ranks:
    """This process among those that train one run.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl).
    """

    def __init__(self, device: str) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.many and not dist.is_initialized():
            dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")

    @property
    def many(self) -> bool:
        """True under torchrun with more than one process."""
        return self.count > 1

    def share(self, order: np.ndarray) -> np.ndarray:
        """This rank's columns of the batches (steps, batch).

        Raises: TrainingError if the batch cannot be shared equally.
        """
        if order.shape[1] % self.count:
            raise TrainingError(
                "torchrun",
                f"a batch of {order.shape[1]} for {self.count} processes",
                "a multiple of the number of processes",
                "Change `batch` or --nproc-per-node.",
            )
        each = order.shape[1] // self.count
        return order[:, self.rank * each : (self.rank + 1) * each]

    def meet(self) -> None:
        """Waits for the others."""
        if self.many:
            dist.barrier()

    @contextmanager
    def sync(self, objective: nn.Module, now: bool) -> Iterator[None]:
        """Exchanges gradients only with the last piece of a batch."""
        if self.many and not now and hasattr(objective, "no_sync"):
            with objective.no_sync():  # type: ignore[operator]
                yield
        else:
            yield

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over the ranks of each value."""
        if not self.many:
            return values
        table = torch.tensor(list(values.values()), dtype=torch.float64)
        if dist.get_backend() == "nccl":
            table = table.cuda()
        dist.all_reduce(table)
        return dict(zip(values, (table / self.count).tolist(), strict=True))
