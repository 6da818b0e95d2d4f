"""Segments a folder of anybody's images: masks, probabilities and overlays at their own sizes.

**Conventions** An image is reduced bicubic with antialiasing to the network's square; the
probability goes back to the image's size bilinear and is cut at one half (>=). Files lie as
NAME_mask.png (0 or 255), NAME_prob.png (16 bits, p = value / 65535) and NAME_overlay.png, and
NAME_heatmap.png where one is asked for; the summary says how much of it lies inside the mask. NAME
is the image's stem, or stem and suffix where two stems are alike. What else a network says of an
image lies beside them in the form of NAME_prob.png, as NAME_uncertainty.png. Photographs are large:
one of 88 megapixels fills 355 MB, so few are held at once, and results are made in bands of rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmark.core.errors import MethodError, MissingDataError, MixSegError, StoreError
from benchmark.core.files import check_writable, write_atomic
from benchmark.core.progress import Progress
from benchmark.core.spreadsheet import as_texts
from benchmark.data.decode import Depth, depth_of, pixels_of
from benchmark.data.folders import PICTURES, passed_over, pictures
from benchmark.data.images import read_image
from benchmark.evaluation.maps import TOP, quantise
from benchmark.evaluation.metrics import first_level
from benchmark.evaluation.overlays import lay_over, warmed

COLUMNS = ("file", "name", "width", "height", "foreground", "confidence", "error")
THRESHOLD = 0.5
PIXELS = 16_000_000  # of the pictures that are held for one batch; 64 MB
BAND = 2_000_000  # pixels of a band
LEVEL = 1  # of PNG: a third of the time of the usual 6, for files a tenth larger


@dataclass(frozen=True)
class Predicted:
    """What a network says of n images.

    Attributes:
        prob: probabilities (n, H, W).
        pictures: further maps in [0, 1], (n, H, W), each under the end of its file's name.
        numbers: further columns of the summary, (n,).
    """

    prob: np.ndarray
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, k: int) -> "Predicted":
        """What is said of one image."""
        pictures = {name: each[k] for name, each in self.pictures.items()}
        return Predicted(self.prob[k], pictures, {n: each[k] for n, each in self.numbers.items()})


Predict = Callable[[np.ndarray], np.ndarray | Predicted]


def predict_folder(
    predict: Predict,
    images: Path,
    out: Path,
    size: int,
    progress: Progress,
    batch: int = 8,
    heat: Callable[[np.ndarray], np.ndarray] | None = None,
) -> pd.DataFrame:
    """Segments every image of a folder. One that cannot be read is named and stops no other.

    Args:
        predict: uint8 (n, size, size, 3) RGB to probabilities (n, size, size), alone or with more.
        images: folder of images, of any mode and at most MAX_PIXELS pixels each; not searched
            deeper. Or one image.
        out: folder to write to.
        size: side of the square that `predict` is given.
        progress: told of every image, of deep pictures, and of files that were passed over.
        batch: images given to `predict` at once.
        heat: the same to where the network looks, in [0, 1]; None for no heatmap.

    Returns: a row an image, columns `COLUMNS`, as in out/summary.csv: width and height in pixels,
        foreground share of the mask, mean of max(p, 1 - p), and what was wrong; before the last
        those that `predict` adds.
    Raises: MissingDataError if there is no image; StoreError if `out` is `images` or cannot be
        written to;
        MethodError if `predict` gives another shape, or values outside [0, 1].
    """
    files = _files(images)
    names = _names(files)
    if out.resolve() == (images if images.is_dir() else images.parent).resolve():
        raise StoreError(out, "the folder of the images", "another", "Choose another --out.")
    check_writable(out)
    depth = depth_of(files)
    over = passed_over(images, files) if images.is_dir() else ""
    for line in (str(depth or ""), f"passed over {over}" if over else ""):
        if line:
            progress.say(line)
    rows = []
    with progress.task("segment", len(files), "images") as task:
        for read in _batches(files, depth, batch):
            for file, row in _segment(predict, read, size, out=out, names=names, heat=heat):
                rows.append({"file": file.name, "name": names[file], "error": ""} | row)
                task.advance()
    added = dict.fromkeys(key for row in rows for key in row if key not in COLUMNS)
    summary = pd.DataFrame(rows, columns=[*COLUMNS[:-1], *added, COLUMNS[-1]])
    # Whole numbers that may be absent, so that a width never reads 352.000000.
    summary = summary.astype({"width": "Int64", "height": "Int64"})
    with write_atomic(out / "summary.csv") as temporary:
        as_texts(summary).to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
    return summary


def _files(images: Path) -> list[Path]:
    """Images of a folder in the order of their names, hidden files left out; or the one image."""
    expected = f"files that end in {', '.join(PICTURES)}"
    if images.is_file():
        if images.suffix.lower() not in PICTURES:
            do = "Save it as one of these, or name another."
            raise MissingDataError(images, "no image by its name", expected, do)
        return [images]
    if not images.is_dir():
        found = "no such folder or image"
        raise MissingDataError(images, found, "a folder of images, or one image", "Name another.")
    found_files = pictures(images)
    if not found_files:
        over = passed_over(images, [])
        found = f"no image ({over or 'no file at all'})"
        raise MissingDataError(images, found, expected, "Put images there, or name another folder.")
    return found_files


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


Read = dict[Path, Image.Image | str]


def _batches(files: Sequence[Path], depth: Depth | None, batch: int) -> Iterator[Read]:
    """Files with their pictures, or with what was wrong; so many at once, of large ones fewer."""
    read: Read = {}
    held = 0
    for file in files:
        pixels = pixels_of(file)
        if read and (len(read) == batch or held + pixels > PIXELS):
            yield read
            read, held = {}, 0
        held += pixels
        try:
            read[file] = read_image(file, depth)
        except (MixSegError, OSError) as error:
            read[file] = str(error)
    yield read


def _segment(
    predict: Predict,
    read: Read,
    size: int,
    *,
    out: Path,
    names: dict[Path, str],
    heat: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[tuple[Path, dict[str, object]]]:
    """Segments a batch; gives each file with its part of the summary, and empties `read`."""
    squares = [_square(picture, size) for picture in read.values() if not isinstance(picture, str)]
    made: Iterator[Predicted] = iter(())
    heats: Iterator[np.ndarray] = iter(())
    if squares:
        stacked = np.stack(squares)
        found = predict(stacked)
        found = found if isinstance(found, Predicted) else Predicted(found)
        for each in (found.prob, *found.pictures.values()):
            _check(each, stacked.shape[:3])
        made = (found[k] for k in range(len(stacked)))
        heats = iter(heat(stacked) if heat else ())
    for file in list(read):
        picture = read.pop(file)
        if isinstance(picture, str):
            yield file, {"error": picture}
        else:
            yield file, _write(picture, next(made), out, names[file], next(heats, None))


def _square(picture: Image.Image, size: int) -> np.ndarray:
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def _check(probs: np.ndarray, expected: tuple[int, ...]) -> None:
    if probs.shape != expected:
        raise MethodError("predict()", str(probs.shape), str(expected), "Give one map an image.")
    if not (probs.min() >= 0 and probs.max() <= 1):
        found = f"values from {probs.min()} to {probs.max()}"
        raise MethodError("predict()", found, "probabilities in [0, 1]", "Apply the sigmoid.")


def _write(
    picture: Image.Image, made: Predicted, out: Path, name: str, heat: np.ndarray | None = None
) -> dict[str, object]:
    """Writes the results of a picture; the picture becomes the overlay."""
    width, height = picture.size
    rows = max(1, BAND // width)
    levels = _levels(made.prob, picture.size, rows)
    parts = (levels[top : top + rows] for top in range(0, height, rows))
    sure = sum(int(np.maximum(band, TOP - band).sum(dtype=np.int64)) for band in parts)
    more = {kind: _levels(each, picture.size, rows) for kind, each in made.pictures.items()}
    mask = levels >= first_level(THRESHOLD)
    results = {} if heat is None else {"heatmap": warmed(picture, heat, rows)}
    lay_over(picture, mask, rows)
    results |= {
        "mask": Image.fromarray(mask.view(np.uint8) * np.uint8(255)),
        "prob": Image.fromarray(levels),
        "overlay": picture,
        **{kind: Image.fromarray(each) for kind, each in more.items()},
    }
    # All appear together, or none. Two at a time, as packing takes the longest.
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        saved = []
        for kind, image in results.items():
            temporary = stack.enter_context(write_atomic(out / f"{name}_{kind}.png"))
            saved.append(pool.submit(image.save, temporary, format="PNG", compress_level=LEVEL))
        for future in saved:
            future.result()
    confidence = sure / levels.size / TOP
    about = {"width": width, "height": height, "foreground": mask.mean(), "confidence": confidence}
    looks = {} if heat is None else {"heatmap_inside": _inside(heat, made.prob)}
    return {**about, **made.numbers, **looks}


def _inside(heat: np.ndarray, prob: np.ndarray) -> float | None:
    """The share of a heatmap inside the predicted mask; None for one that is 0 throughout."""
    total = float(heat.sum())
    return float(heat[prob >= THRESHOLD].sum()) / total if total > 0 else None


def _levels(prob: np.ndarray, size: tuple[int, int], rows: int) -> np.ndarray:
    """Levels at the picture's size, uint16 (H, W)."""
    levels = np.empty((size[1], size[0]), np.uint16)
    for top, band in _bands(prob, size, rows):
        levels[top : top + len(band)] = band
    return levels


def _bands(prob: np.ndarray, size: tuple[int, int], rows: int) -> Iterator[tuple[int, np.ndarray]]:
    """Levels at the picture's size, uint16, so many rows at a time, with the first row of each."""
    width, height = size
    small = Image.fromarray(prob.astype(np.float32))
    for top in range(0, height, rows):
        end = min(top + rows, height)
        part = (0, small.height * top / height, small.width, small.height * end / height)
        band = small.resize((width, end - top), Image.Resampling.BILINEAR, box=part)
        yield top, quantise(np.clip(np.asarray(band), 0, 1))
