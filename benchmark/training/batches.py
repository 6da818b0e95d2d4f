"""Training batches: the mix resident on the device where it fits, memory-mapped otherwise."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.core.errors import TrainingError
from benchmark.core.recipe import Recipe
from benchmark.data.augment import augment
from benchmark.data.cases import Cases

SHARE_OF_MEMORY = 0.5  # of what is free; the rest is the network's


@dataclass(frozen=True)
class Batch:
    """One step's cases.

    Attributes:
        index: which cases, int (b,).
        image: float (b, 3, H, W) in [0, 1].
        mask: float (b, 1, H, W), 0 or 1.
    """

    index: np.ndarray
    image: Tensor
    mask: Tensor


def epoch_order(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """Indices (steps, batch) of one epoch, shuffled; the incomplete last batch is dropped.

    A batch of one would break batch normalisation on pooled maps.

    Raises: TrainingError if there are fewer cases than one batch.
    """
    if count < batch:
        raise TrainingError(
            "training data",
            f"{count} cases",
            f"at least one batch of {batch}",
            "Lower `batch` in the recipe or give more cases.",
        )
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[: count // batch * batch].reshape(-1, batch)


class Batches:
    """Augmented batches of some cases.

    Args:
        cases: the training cases.
        recipe: what augmentation is drawn.
        seed: of the run.
        device: where batches are made.
        resident: keep all pixels on the device; None decides by the free memory.
    """

    def __init__(
        self, cases: Cases, recipe: Recipe, seed: int, device: str, resident: bool | None = None
    ) -> None:
        self.cases, self.recipe, self.seed = cases, recipe, seed
        self.device = torch.device(device)
        self.keys = cases.keys()
        if resident is None:
            resident = self._bytes() < SHARE_OF_MEMORY * _free_bytes(self.device)
        self.pixels: tuple[Tensor, Tensor] | None = self._load() if resident else None

    def _bytes(self) -> int:
        return len(self.cases) * self.cases.size**2 * 4

    def _load(self) -> tuple[Tensor, Tensor]:
        size = self.cases.size
        images = torch.empty(
            (len(self.cases), size, size, 3), dtype=torch.uint8, device=self.device
        )
        masks = torch.empty((len(self.cases), size, size), dtype=torch.uint8, device=self.device)
        for start in range(0, len(self.cases), 256):
            rows = np.arange(start, min(start + 256, len(self.cases)))
            image, mask = self.cases.pixels(rows)
            images[start : start + 256] = torch.from_numpy(image).to(self.device)
            masks[start : start + 256] = torch.from_numpy(mask).to(self.device)
        return images, masks

    def __call__(self, order: np.ndarray, epoch: int, plain: bool = False) -> Iterator[Batch]:
        """The batches of the rows of `order`; `plain` leaves the augmentation out."""
        recipe = Recipe(hflip=0, vflip=0, rotation_deg=0, why="plain") if plain else self.recipe
        for index, pixels in zip(order, self._pixels(order), strict=True):
            image, mask = augment(pixels, self.keys[index], recipe, (self.seed, epoch))
            yield Batch(index, image, mask)

    def _pixels(self, order: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        if self.pixels is not None:
            images, masks = self.pixels
            for index in order:
                rows = torch.from_numpy(index).to(self.device, non_blocking=True)
                yield images.index_select(0, rows), masks.index_select(0, rows)
            return
        with ThreadPoolExecutor(1) as ahead:  # reads the next batch while this one trains
            waiting: Future[tuple[np.ndarray, np.ndarray]] | None = None
            for k, index in enumerate(order):
                read = waiting.result() if waiting else self.cases.pixels(index)
                waiting = (
                    ahead.submit(self.cases.pixels, order[k + 1]) if k + 1 < len(order) else None
                )
                image, mask = (torch.from_numpy(part) for part in read)
                yield image.to(self.device), mask.to(self.device)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):  # not Linux: what is free is not told, so half of all counts
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
