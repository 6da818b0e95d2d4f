"""Speed, measured in one run on one machine as a ratio to what one would use instead."""

import functools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmark.card import Recipe
from benchmark.data import phantoms
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.errors import ParamsError
from benchmark.progress import Progress
from benchmark.training.batches import Batches, epoch_order
from benchmark.training.record import pick_device

SIZE, BATCH, PICTURES, WORKERS, SECONDS = 352, 8, 256, 2, 8.0
AUGMENTATIONS = {"flips and rotation": 5.0, "flips alone": 0.0}


def run(name: str, as_json: bool, device: str, progress: Progress) -> str:
    """Runs a benchmark by name; text for people, or JSON.

    Raises: ParamsError for an unknown name.
    """
    if name not in BENCHES:
        raise ParamsError("bench", repr(name), f"one of {', '.join(BENCHES)}", "Name one of these.")
    measured = BENCHES[name](pick_device(device), progress)
    return json.dumps(measured, indent=2) if as_json else _text(measured)


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


def bench_data(device: str, progress: Progress) -> dict[str, Any]:
    """Training batches: ours against a DataLoader on the same pictures with the same augmentation.

    Batch 8 of 352 x 352; the DataLoader has 2 workers and torchvision, ours is resident or
    memory-mapped. Whole passes are timed, after one pass to warm up, the best of the passes that
    fit in 8 s.
    """
    with tempfile.TemporaryDirectory() as name:
        cases = _draw(Path(name), progress)
        rows = []
        for title, rotation in AUGMENTATIONS.items():
            loader = DataLoader(
                _Files(Path(name), rotation), BATCH, shuffle=True, num_workers=WORKERS,
                drop_last=True, persistent_workers=True, pin_memory=device == "cuda",
            )  # fmt: skip
            usual = _rate(functools.partial(_moved, loader, device), device)
            row: dict[str, Any] = {"augmentation": title, "loader": usual}
            recipe = Recipe(hflip=0.5, vflip=0.5, rotation_deg=rotation, why="benchmark")
            for how, resident in (("resident", True), ("mapped", False)):
                batches = Batches(cases, recipe, 0, device, resident)
                order = epoch_order(len(cases), BATCH, 0, 0)
                row[how] = _rate(functools.partial(batches, order, 0), device)
                row[f"{how}_ratio"] = row[how] / usual
            rows.append(row)
        return {
            "bench": "data",
            "machine": _machine(device),
            "rows": rows,
            "parts": _parts(cases, device),
        }


def _draw(folder: Path, progress: Progress) -> Cases:
    """The same pictures as files and as arrays."""
    images = np.empty((PICTURES, SIZE, SIZE, 3), np.uint8)
    masks = np.empty((PICTURES, SIZE, SIZE), np.uint8)
    with progress.task("drawing pictures", PICTURES, "pictures") as task:
        for k in range(PICTURES):
            modality = phantoms.MODALITIES[k % len(phantoms.MODALITIES)]
            images[k], masks[k] = phantoms.draw(modality, k, SIZE, 0)
            Image.fromarray(images[k]).save(folder / f"{k}.jpg", quality=92)
            Image.fromarray(masks[k] * 255).save(folder / f"{k}.png")
            task.advance()
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


def _parts(cases: Cases, device: str) -> dict[str, float]:
    """Images a second of each part of a resident batch alone: what bounds the whole."""
    batches = Batches(cases, Recipe(why="-"), 0, device, resident=True)
    order = epoch_order(len(cases), BATCH, 0, 0)
    gather = _rate(lambda: batches._pixels(order), device)
    floats = _rate(lambda: (to_float(*pixels) for pixels in batches._pixels(order)), device)
    return {"gather": gather, "gather and to float": floats}


def _machine(device: str) -> dict[str, Any]:
    from benchmark.training.record import hardware

    return {**hardware(device), "torch": torch.__version__, "python": platform.python_version(),
            "load": round(os.getloadavg()[0], 2)}  # fmt: skip


def _text(measured: dict[str, Any]) -> str:
    machine = measured["machine"]
    lines = [
        f"{machine['device']}, {machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
    ]
    lines.append(f"batches of {BATCH} at {SIZE} x {SIZE}, images/s (times the DataLoader):")
    for row in measured["rows"]:
        lines.append(
            f"  {row['augmentation']:20}  DataLoader, {WORKERS} workers {row['loader']:7.0f}"
            f"   resident {row['resident']:7.0f} ({row['resident_ratio']:.1f} x)"
            f"   memory map {row['mapped']:7.0f} ({row['mapped_ratio']:.1f} x)"
        )
    parts = ", ".join(f"{name} {rate:.0f}" for name, rate in measured["parts"].items())
    lines.append(f"  parts of a resident batch alone: {parts}")
    return "\n".join(lines)


BENCHES: dict[str, Callable[[str, Progress], dict[str, Any]]] = {"data": bench_data}
