"""Finds folders and pictures in an unpacked dataset, and pairs images with masks by their names."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.core.errors import ImageError, MissingDataError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif"}
DEPTH = 4  # levels of folders that unpacking may have put around the published ones


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
    """

    case: str
    image: Path
    masks: tuple[Path, ...]
    group: str
    split: str | None = None


class NoFolder(Exception):
    """Says which of the published folders is not there."""


def folders(root: Path) -> Iterator[Path]:
    """`root` and the folders below it, the outer ones first."""
    level = [root]
    for _ in range(DEPTH + 1):
        yield from level
        level = [
            child
            for folder in level
            for child in sorted(folder.iterdir())
            if child.is_dir() and not child.name.startswith((".", "__"))
        ]


def homes(root: Path, *children: str) -> list[Path]:
    """The folders, `root` itself or below it, that hold all these folders."""
    return [f for f in folders(root) if all((f / child).is_dir() for child in children)]


def home(root: Path, *children: str) -> Path:
    """The outermost folder, `root` itself or below it, that holds all these folders.

    Raises: NoFolder if there is none.
    """
    found = homes(root, *children)
    if not found:
        raise NoFolder(f"no folder with {' and '.join(children)} in it")
    return found[0]


def named(root: Path, name: str) -> Path | None:
    """The folder of this name; of folders nested in their namesakes, the innermost."""
    found = [folder for folder in folders(root) if folder.name.casefold() == name.casefold()]
    nested = [folder for folder in found if folder.parent in found]
    return next(iter(nested[::-1] or found), None)


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
