"""Finds folders and pictures in an unpacked dataset, and pairs images with masks by their names."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.core.errors import ImageError, MissingDataError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
# Names of a person's own folders, in any case; of several the first counts.
IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "labels", "label", "segmentations", "segmentation")
OWN_SUFFIX = r"[ _-](mask|segmentation|seg|label)"


@dataclass(frozen=True)
class RawCase:
    """One case as it lies in the raw folder.

    Attributes:
        case: its name, unique in the dataset.
        image: the picture's file.
        masks: one or more files, joined by OR.
        group: what must not be divided between splits (patient, sequence); the case itself where
            nothing is known.
        split: train or test where the published folders say so.
        outline: where the mask is an XML file, the number of the picture in it and the position
            of the outline.
    """

    case: str
    image: Path
    masks: tuple[Path, ...]
    group: str
    split: str | None = None
    outline: tuple[int, int] | None = None


class NoFolder(Exception):
    """Says which of the published folders is not there."""


def pictures(folder: Path) -> list[Path]:
    """The pictures that lie in a folder, sorted by name."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file()
    ]


def paired(
    images: list[Path], masks: list[Path], suffix: str = "", *, several: bool = True
) -> list[RawCase]:
    """Cases from two lists of files with equal stems, but for a suffix of the masks.

    Masks without an image are passed over: whether cases are missing is judged later, by name.

    Args:
        suffix: a regular expression of what may follow the image's stem in the mask's.
        several: whether an image may have several masks; only with a suffix.

    Raises: ImageError if two files share a stem, MissingDataError if images lack their masks.
    """
    stems = {_stem(image) for image in images}
    by_stem: dict[str, list[Path]] = {}
    for mask in masks:
        stem = _stem(mask)
        key = stem if stem in stems else re.sub(f"{suffix}$", "", stem, flags=re.IGNORECASE)
        by_stem.setdefault(key, []).append(mask)
    cases: dict[str, RawCase] = {}
    for image in images:
        stem = _stem(image)
        of_it = by_stem.get(stem, [])
        if stem in cases:
            raise twins(cases[stem].image, image)
        if len(of_it) > 1 and not (suffix and several):
            raise twins(*of_it[:2])
        cases[stem] = RawCase(stem, image, tuple(of_it), group=stem)
    missing = [case.image for case in cases.values() if not case.masks]
    if missing:
        alone = [mask for stem, found in by_stem.items() if stem not in stems for mask in found]
        raise _maskless(missing, len(images), alone)
    return list(cases.values())


def _maskless(missing: list[Path], total: int, alone: list[Path]) -> MissingDataError:
    """The error of images without masks; it names masks that have no image."""
    found = f"{len(missing)} of {total} images without a mask ({_first(missing)})"
    if alone:
        found += f", {len(alone)} masks without an image ({_first(alone)})"
    return MissingDataError(
        missing[0].parent,
        found,
        "a mask of the same stem for each",
        "Unpack the masks again, give them the names of their images, or take these images away.",
    )


def _first(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths[:3])


def joined(parts: dict[str, list[RawCase]]) -> list[RawCase]:
    """Cases of several splits; names that repeat from split to split get the split in front."""
    names = [case.case for cases in parts.values() for case in cases]
    repeat = len(set(names)) < len(names)
    together = []
    for split, cases in parts.items():
        for case in cases:
            name = f"{split}-{case.case}" if repeat else case.case
            together.append(replace(case, case=name, group=name, split=split))
    return together


def twins(one: Path, other: Path) -> ImageError:
    """The error of two files that would be the same case."""
    return ImageError(
        other, f"a second file of the case of {one.name}", "one file a case", "Remove one of them."
    )


def _stem(path: Path) -> str:
    # Some systems store an accent as a character of its own.
    return unicodedata.normalize("NFC", path.stem)


def passed_over(root: Path, used: Iterable[Path]) -> str:
    """What lies in a folder and is not used, such as "3 .dcm, val/ (60 .png)"; "" if nothing.

    Hidden files are left out. A folder in which nothing is used is named as a whole.

    Args:
        used: files below `root`.
    """
    files = set(used)
    kept = {folder for path in files for folder in path.parents}
    kinds: dict[str, Counter[str]] = {}
    for path in _files_below(root):
        apart = [folder for folder in path.parents if folder not in kept and root in folder.parents]
        if apart or path not in files:
            place = f"{apart[-1].relative_to(root)}/" if apart else ""
            kinds.setdefault(place, Counter())[path.suffix.lower() or path.name] += 1
    said = []
    for place, counts in sorted(kinds.items()):
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        said.append(f"{place} ({listed})" if place else listed)
    return ", ".join(said)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith((".", "__")))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
