"""Segments a folder of anybody's images: masks, probabilities and overlays at their own sizes.

**Conventions** An image is reduced bicubic with antialiasing to the network's square; the
probability goes back to the image's size bilinear and is cut at one half (>=). Files lie as
NAME_mask.png (0 or 255), NAME_prob.png (16 bits, p = value / 65535) and NAME_overlay.png, where
NAME is the image's stem, or stem and suffix where two stems are alike.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmark.core.errors import MethodError, MissingDataError, MixSegError, StoreError
from benchmark.core.files import check_writable, write_atomic
from benchmark.core.progress import Progress
from benchmark.core.spreadsheet import as_texts
from benchmark.data.images import read_image
from benchmark.evaluation.maps import quantise
from benchmark.evaluation.metrics import first_level
from benchmark.evaluation.overlays import overlay

Predict = Callable[[np.ndarray], np.ndarray]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
COLUMNS = ("file", "name", "width", "height", "foreground", "confidence", "error")
THRESHOLD = 0.5


def predict_folder(
    predict: Predict, images: Path, out: Path, size: int, progress: Progress, batch: int = 8
) -> pd.DataFrame:
    """Segments every image of a folder. One that cannot be read is named and stops no other.

    Args:
        predict: uint8 (n, size, size, 3) RGB to probabilities (n, size, size).
        images: folder of images, of any size and mode; not searched deeper.
        out: folder to write to.
        size: side of the square that `predict` is given.
        progress: told of every image.
        batch: images given to `predict` at once.

    Returns: a row an image, columns `COLUMNS`, as in out/summary.csv: width and height in pixels,
        foreground share of the mask, mean of max(p, 1 - p), and what was wrong.
    Raises: MissingDataError if there is no image; StoreError if `out` is `images` or cannot be
        written to;
        MethodError if `predict` gives another shape, or values outside [0, 1].
    """
    names = _names(_files(images))
    if out.resolve() == images.resolve():
        raise StoreError(out, "the folder of the images", "another", "Choose another --out.")
    check_writable(out)
    files, rows = list(names), []
    with progress.task("segment", len(files), "images") as task:
        for start in range(0, len(files), batch):
            part = {file: names[file] for file in files[start : start + batch]}
            rows += _segment(predict, part, out, size)
            task.advance(len(part))
    summary = pd.DataFrame(rows, columns=list(COLUMNS))
    # Whole numbers that may be absent, so that a width never reads 352.000000.
    summary = summary.astype({"width": "Int64", "height": "Int64"})
    with write_atomic(out / "summary.csv") as temporary:
        as_texts(summary).to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
    return summary


def _files(folder: Path) -> list[Path]:
    """Images of a folder in the order of their names; hidden files are left out."""
    if not folder.is_dir():
        raise MissingDataError(folder, "no such folder", "a folder of images", "Name another.")
    inside = sorted(file for file in folder.iterdir() if file.is_file())
    images = [file for file in inside if file.suffix.lower() in SUFFIXES and file.name[0] != "."]
    if not images:
        found = f"no image among {len(inside)} files"
        expected = f"files that end in {', '.join(SUFFIXES)}"
        raise MissingDataError(folder, found, expected, "Put images there, or name another folder.")
    return images


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """File to the name of its results; unlike even where case does not count."""
    stems = Counter(file.stem.casefold() for file in files)
    names = {file: file.stem for file in files if stems[file.stem.casefold()] == 1}
    taken = {name.casefold() for name in names.values()}
    for file in files:
        if file in names:
            continue
        name = wanted = f"{file.stem}_{file.suffix[1:]}"
        number = 2
        while name.casefold() in taken:
            name, number = f"{wanted}-{number}", number + 1
        names[file] = name
        taken.add(name.casefold())
    return {file: names[file] for file in files}


def _segment(
    predict: Predict, names: dict[Path, str], out: Path, size: int
) -> list[dict[str, object]]:
    rows: dict[Path, dict[str, object]] = {}
    pictures: dict[Path, np.ndarray] = {}
    for file, name in names.items():
        rows[file] = {"file": file.name, "name": name, "error": ""}
        try:
            pictures[file] = np.asarray(read_image(file))
        except (MixSegError, OSError) as error:
            rows[file]["error"] = str(error)
    if pictures:
        squares = np.stack([_square(picture, size) for picture in pictures.values()])
        probs = _checked(predict(squares), squares.shape[:3])
        for (file, picture), prob in zip(pictures.items(), probs, strict=True):
            rows[file] |= _write(picture, prob, out, names[file])
    return list(rows.values())


def _square(picture: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC))


def _checked(probs: np.ndarray, expected: tuple[int, ...]) -> np.ndarray:
    if probs.shape != expected:
        raise MethodError("predict()", str(probs.shape), str(expected), "Give one map an image.")
    if not (probs.min() >= 0 and probs.max() <= 1):
        found = f"values from {probs.min()} to {probs.max()}"
        raise MethodError("predict()", found, "probabilities in [0, 1]", "Apply the sigmoid.")
    return probs


def _write(picture: np.ndarray, prob: np.ndarray, out: Path, name: str) -> dict[str, object]:
    height, width = picture.shape[:2]
    large = Image.fromarray(prob.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    levels = quantise(np.clip(np.asarray(large), 0, 1))
    mask = levels >= first_level(THRESHOLD)
    results = {
        "mask": mask.astype(np.uint8) * 255,
        "prob": levels,
        "overlay": overlay(picture, mask),
    }
    # All three appear together, or none.
    with ExitStack() as stack:
        for kind, pixels in results.items():
            temporary = stack.enter_context(write_atomic(out / f"{name}_{kind}.png"))
            Image.fromarray(pixels).save(temporary, format="PNG")
    sure = np.maximum(levels, 65535 - levels).mean() / 65535
    return {"width": width, "height": height, "foreground": mask.mean(), "confidence": sure}
