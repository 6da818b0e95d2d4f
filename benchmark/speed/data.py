"""Training batches of 8 at 352 x 352, images/s: ours against a DataLoader with 2 workers.

The same pictures and the same augmentation; the DataLoader reads JPEG and PNG through torchvision,
ours is resident or memory-mapped. Whole passes are timed after one to warm up; the best counts.
"""

import functools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmark.core.recipe import Recipe
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.data.phantoms import draw as phantoms
from benchmark.training.batches import Batches, epoch_order

SIZE, BATCH, PICTURES, WORKERS, SECONDS = 352, 8, 256, 2, 8.0


@dataclass
class _Files(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """JPEG images and PNG masks, decoded and augmented one by one, as is usual."""

    folder: Path
    rotation_deg: float

    def __len__(self) -> int:
        return PICTURES

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        from torchvision.io import ImageReadMode, decode_image
        from torchvision.transforms.v2 import functional as F

        image = decode_image(str(self.folder / f"{k}.jpg"), ImageReadMode.RGB)
        mask = decode_image(str(self.folder / f"{k}.png"), ImageReadMode.GRAY)
        draw = torch.rand(3)
        for flip, one in ((F.horizontal_flip, draw[0]), (F.vertical_flip, draw[1])):
            if one < 0.5:
                image, mask = flip(image), flip(mask)
        if self.rotation_deg:
            angle = float(2 * draw[2] - 1) * self.rotation_deg
            image = F.rotate(image, angle, interpolation=F.InterpolationMode.BILINEAR)
            mask = F.rotate(mask, angle)
        return image.float() / 255, (mask > 127).float()


def _compare(rotation: float, device: str) -> dict[str, Any]:
    with _drawn() as (folder, cases):
        loader = DataLoader(
            _Files(folder, rotation), BATCH, shuffle=True, num_workers=WORKERS,
            drop_last=True, persistent_workers=True, pin_memory=device == "cuda",
        )  # fmt: skip
        usual = _rate(functools.partial(_moved, loader, device), device)
        row: dict[str, Any] = {"DataLoader": usual}
        recipe = Recipe(hflip=0.5, vflip=0.5, rotation_deg=rotation, why="benchmark")
        for how, resident in (("resident", True), ("memory map", False)):
            batches = Batches(cases, recipe, 0, device, resident)
            order = epoch_order(len(cases), BATCH, 0, 0)
            row[how] = _rate(functools.partial(batches, order, 0), device)
            row[f"{how} / DataLoader"] = row[how] / usual
        return row


def _bounds(device: str) -> dict[str, float]:
    """Images a second of each part of a resident batch alone: what bounds the whole."""
    with _drawn() as (_, cases):
        batches = Batches(cases, Recipe(why="-"), 0, device, resident=True)
        order = epoch_order(len(cases), BATCH, 0, 0)
        gather = _rate(lambda: batches._pixels(order), device)
        floats = _rate(lambda: (to_float(*pixels) for pixels in batches._pixels(order)), device)
        return {"gather": gather, "gather and to float": floats}


@contextmanager
def _drawn() -> Iterator[tuple[Path, Cases]]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name), _draw(Path(name))


def _draw(folder: Path) -> Cases:
    """The same pictures as files and as arrays."""
    images = np.empty((PICTURES, SIZE, SIZE, 3), np.uint8)
    masks = np.empty((PICTURES, SIZE, SIZE), np.uint8)
    for k in range(PICTURES):
        modality = phantoms.MODALITIES[k % len(phantoms.MODALITIES)]
        images[k], masks[k] = phantoms.draw(modality, k, SIZE, 0)
        Image.fromarray(images[k]).save(folder / f"{k}.jpg", quality=92)
        Image.fromarray(masks[k] * 255).save(folder / f"{k}.png")
    np.save(folder / "images.npy", images)
    np.save(folder / "masks.npy", masks)
    images, masks = (np.load(folder / f"{n}.npy", mmap_mode="r") for n in ("images", "masks"))
    table = pd.DataFrame({"case": [str(k) for k in range(PICTURES)], "row": range(PICTURES)})
    table["dataset"] = "drawn"
    return Cases(table, {"drawn": images}, {"drawn": masks}, SIZE)


def _moved(loader: Iterable[Any], device: str) -> Iterable[Any]:
    for image, mask in loader:
        yield image.to(device, non_blocking=True), mask.to(device, non_blocking=True)


def _rate(one_pass: Callable[[], Iterable[Any]], device: str) -> float:
    """Images a second of the best pass."""
    best, until = 0.0, None
    while until is None or time.monotonic() < until:
        start = time.perf_counter()
        count = sum(1 for _ in one_pass()) * BATCH
        if device == "cuda":
            torch.cuda.synchronize()
        if until is None:
            until = time.monotonic() + SECONDS
            continue
        best = max(best, count / (time.perf_counter() - start))
    return best


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "flips and rotation": functools.partial(_compare, 5.0),
    "flips alone": functools.partial(_compare, 0.0),
    "parts of a resident batch": _bounds,
}
