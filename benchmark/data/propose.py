"""Looks at a folder of pictures and proposes the patterns of its images and masks."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from benchmark.core.errors import MissingDataError
from benchmark.data.folders import IMAGES, MASKS, OWN_SUFFIX, RawCase
from benchmark.data.patterns import files_below

OF_MASK = re.compile(rf"({OWN_SUFFIX}(_\d+)?)$", re.IGNORECASE)
OF_IMAGE = re.compile(r"([ _-](image|img))$", re.IGNORECASE)
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
         "test": "test", "testing": "test"}  # fmt: skip
SHOWN = 3  # names in a message


def propose(root: Path) -> tuple[list[str], list[str]]:
    """Patterns of the images and of the masks in a folder.

    Masks are what lies below a folder of such a name (`labels/`); where there is none, the files
    with such a suffix (`_mask`).

    Raises: MissingDataError if there are no pictures, or if neither tells images from masks.
    """
    files = files_below(root) if root.is_dir() else []
    if not files:
        found = "no picture" if root.is_dir() else "no folder"
        raise MissingDataError(root, found, "images and masks", "Check the path.")
    masks = [path for path in files if _lies_in(path, MASKS)]
    if masks:
        rest = sorted(set(files) - set(masks))
        images = [path for path in rest if _lies_in(path, IMAGES)] or rest
    else:
        masks = [path for path in files if OF_MASK.search(PurePosixPath(path).stem)]
        images = sorted(set(files) - set(masks))
    if not masks or not images:
        shown = ", ".join(files[:SHOWN])
        raise MissingDataError(
            root,
            f"{len(files)} pictures ({shown}), in which nothing tells images from masks",
            "folders named images and labels, or masks that end in _mask",
            "Say it with --images PATTERN --masks PATTERN, for example --masks 'drawn/*.png'.",
        )
    return _patterns(images, OF_IMAGE), _patterns(masks, OF_MASK)


def _lies_in(path: str, names: Collection[str]) -> bool:
    return any(part.casefold() in names for part in PurePosixPath(path).parts[:-1])


def _patterns(files: Iterable[str], suffix: re.Pattern[str]) -> list[str]:
    """Patterns that fit the files: one for each suffix and each kind of file."""
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for path in files:
        pure = PurePosixPath(path)
        ending = suffix.search(pure.stem)
        kind = f"*{ending[1] if ending else ''}{pure.suffix}"
        kinds.setdefault(kind, []).append(pure.parts[:-1])
    return [_folders(folders) + kind for kind, folders in sorted(kinds.items())]


def _folders(folders: Sequence[tuple[str, ...]]) -> str:
    """A pattern of folders: * for a name that varies, **/ where depths do."""
    if len({len(parts) for parts in folders}) > 1:
        return "**/"
    names = [set(at) for at in zip(*folders, strict=True)]
    return "".join(f"{at.pop() if len(at) == 1 else '*'}/" for at in names)


def parts_of(cases: Sequence[RawCase], root: Path) -> dict[str, list[str]]:
    """The cases by split, where folders named train and test say so; empty where they do not."""
    found: dict[str, list[str]] = {}
    for case in cases:
        names = case.image.relative_to(root).parts[:-1]
        split = next((PARTS[n.casefold()] for n in names if n.casefold() in PARTS), "")
        found.setdefault(split, []).append(case.case)
    whole = "" not in found and {"train", "test"} <= found.keys()
    return found if whole else {}


def group_hint(cases: Sequence[RawCase], again: str) -> str:
    """A question, where the names look as if several pictures were of one patient.

    Args:
        again: the command that reads dataset.yaml again.
    """
    starts = {re.split(r"[_-]", case.case, maxsplit=1)[0] for case in cases}
    if not 1 < len(starts) < len(cases):
        return ""
    return (
        f"{len(cases)} names have {len(starts)} beginnings ({', '.join(sorted(starts)[:SHOWN])}). "
        "If these are patients, one patient may be in two splits now: write "
        f'group: "{{group}}_*" into dataset.yaml, then run `{again}`.'
    )
