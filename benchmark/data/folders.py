"""Finds folders and pictures in an unpacked dataset, and pairs images with masks by their names."""

import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.core.errors import ImageError, MissingDataError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif"}


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


def paired(images: list[Path], masks: list[Path], suffix: str = "") -> list[RawCase]:
    """Cases from two lists of files with equal stems, but for a suffix of the masks.

    Masks without an image are passed over: whether cases are missing is judged later, by name.

    Args:
        suffix: a regular expression; where it is given, an image may have several masks.

    Raises: ImageError if two files share a stem, MissingDataError if images lack their masks.
    """
    by_stem: dict[str, list[Path]] = {}
    for mask in masks:
        by_stem.setdefault(re.sub(f"{suffix}$", "", _stem(mask)), []).append(mask)
    cases: dict[str, RawCase] = {}
    for image in images:
        stem = _stem(image)
        of_it = by_stem.get(stem, [])
        if stem in cases:
            raise twins(cases[stem].image, image)
        if len(of_it) > 1 and not suffix:
            raise twins(*of_it[:2])
        cases[stem] = RawCase(stem, image, tuple(of_it), group=stem)
    missing = [case.image for case in cases.values() if not case.masks]
    if missing:
        raise MissingDataError(
            missing[0].parent,
            f"{len(missing)} of {len(images)} images without a mask "
            f"({', '.join(image.name for image in missing[:3])})",
            "a mask of the same stem for each",
            "Unpack the masks again, or take these images away.",
        )
    return list(cases.values())


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
