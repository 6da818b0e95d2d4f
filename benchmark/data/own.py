"""Datasets of a person's own: what dataset.yaml says of their files, and the cases that it gives.

**Conventions** A split by seed takes whole groups, in the order of sha256(name/seed/group): first
for test until its share of the cases is reached, then for val; one group is always left to train
on. Lists of cases are text files beside dataset.yaml, one name a line; what they leave out has no
split and is not used. Where lists name no val, it is drawn from train as for the catalog.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from benchmark.core.errors import CatalogError, MissingDataError
from benchmark.core.files import sha256_bytes
from benchmark.data.folders import RawCase
from benchmark.data.patterns import (
    FilePattern,
    GroupPattern,
    InsidePath,
    SomeFiles,
    files_below,
    group_in,
    name_in,
)

OWN = "dataset.yaml"
SHOWN = 3  # names in a message


class Seeded(BaseModel):
    """A split that is drawn by group.

    Attributes:
        val, test: shares of the cases; 0 for a test part only where other sets are tested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0)
    val: float = Field(0.1, gt=0, lt=0.5)
    test: float = Field(0.2, ge=0, lt=0.9)


class Lists(BaseModel):
    """A split by lists of cases, files beside dataset.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: InsidePath | None = None
    val: InsidePath | None = None
    test: InsidePath | None = None


class OwnFiles(BaseModel):
    """The files of a dataset, and how they are split.

    Attributes:
        at: dataset.yaml.
        folder: absolute, or relative to the folder of dataset.yaml.
        images, masks: patterns below `folder`; the masks that several patterns give one image are
            joined.
        leave_out: files that do not count, or patterns of them.
        group: what of a case's name is the group (the patient); None where each case is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Path
    folder: str = Field(min_length=1)
    images: list[FilePattern] = Field(min_length=1)
    masks: list[FilePattern] = Field(min_length=1)
    leave_out: list[SomeFiles] = []
    group: GroupPattern | None = None
    split: Seeded | Lists

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self.at.parent.name

    @property
    def root(self) -> Path:
        """The folder of the pictures."""
        return self.at.parent / Path(self.folder).expanduser()

    @property
    def describes(self) -> str:
        """The patterns, for the user."""
        return f"{', '.join(self.images)} with {', '.join(self.masks)}"

    @property
    def split_text(self) -> str:
        """How the cases are split, in a phrase."""
        if isinstance(self.split, Seeded):
            kind = "case" if self.group is None else f"group ({self.group})"
            shares = f"{self.split.test:.0%} test, {self.split.val:.0%} val"
            return f"drawn by {kind} with seed {self.split.seed}: {shares}"
        lists = self.split.model_dump(exclude_none=True)
        drawn = "" if self.split.val else "; val by rule, from train"
        return f"lists of cases ({', '.join(lists)}){drawn}"


@dataclass(frozen=True)
class Paired:
    """What was found in a folder.

    Attributes:
        cases: without splits, sorted by name.
        maskless: images without a mask.
        alone: masks without an image.
        other: pictures that no pattern names.
    """

    cases: list[RawCase]
    maskless: list[str]
    alone: list[str]
    other: list[str]


def paired_by(own: OwnFiles) -> Paired:
    """Pairs images with masks by their names.

    Raises: MissingDataError if the folder is missing or a pattern of images or masks fits no file,
        CatalogError if two images have one name or the group's pattern does not fit a name.
    """
    root = own.root
    if not root.is_dir():
        do = f"Bring it back, or correct 'folder' in its {OWN}."
        raise MissingDataError(root, "no folder", "the pictures of the dataset", do)
    files = [path for path in files_below(root) if not _left_out(own, path)]
    masks: dict[str, list[str]] = {}
    images: dict[str, str] = {}
    other = []
    for path in files:
        image, mask = _fit(own.images, path), _fit(own.masks, path)
        # `*.png` fits the masks too where both lie in one folder; the closer pattern counts.
        if mask and (image is None or mask.close > image.close):
            masks.setdefault(mask.name, []).append(path)
        elif image is None:
            other.append(path)
        elif image.name in images:
            raise _same(own, images[image.name], path)
        else:
            images[image.name] = path
    for kind, there in (("images", images), ("masks", masks)):
        if not there:
            raise _nothing(own, kind, files)
    cases = [
        RawCase(_case(name), root / images[name], tuple(root / mask for mask in masks[name]),
                _group(own, name))
        for name in sorted(images)
        if name in masks
    ]  # fmt: skip
    maskless = [path for name, path in images.items() if name not in masks]
    alone = [path for name, found in masks.items() if name not in images for path in found]
    return Paired(sorted(cases, key=lambda case: case.case), maskless, alone, other)


class _Fit(NamedTuple):
    """A path by a pattern: how close it is (letters after the last *, then letters not in the
    name), and the name.
    """

    close: tuple[int, int]
    name: str


def _left_out(own: OwnFiles, path: str) -> bool:
    return any(name_in(pattern, path) is not None for pattern in own.leave_out)


def _fit(patterns: Iterable[str], path: str) -> _Fit | None:
    """The closest pattern that fits."""
    named = ((pattern, name_in(pattern, path)) for pattern in patterns)
    fits = [
        _Fit((len(pattern) - pattern.rindex("*"), len(path) - len(name)), name)
        for pattern, name in named
        if name is not None
    ]
    return max(fits, default=None)


def _case(name: str) -> str:
    return name.replace("/", "-")


def _group(own: OwnFiles, name: str) -> str:
    if own.group is None:
        return _case(name)
    group = group_in(own.group, name)
    if group is None:
        found, expected = f"it does not fit the name {name!r}", "a pattern of every name"
        raise CatalogError(f"{own.name}/{OWN}: group {own.group!r}", found, expected, "Correct it.")
    return group


def _same(own: OwnFiles, one: str, other: str) -> CatalogError:
    do = "Rename one, or narrow the patterns."
    return CatalogError(
        f"{own.name}/{OWN}: images", f"{one} and {other} of one name", "one each", do
    )


def _nothing(own: OwnFiles, kind: str, files: list[str]) -> MissingDataError:
    patterns = ", ".join(own.images if kind == "images" else own.masks)
    seen = f"of {len(files)} pictures ({', '.join(files[:SHOWN])})" if files else "of no picture"
    do = f"Correct --{kind}, or '{kind}' in its {OWN}."
    where = f"{own.root}: {kind}"
    return MissingDataError(where, f"{patterns} matches none {seen}", "at least one", do)


def own_cases(name: str, own: OwnFiles) -> list[RawCase]:
    """The cases of a dataset with their splits.

    Raises: as `paired_by` and `with_splits`, and MissingDataError if images lack their masks.
    """
    found = paired_by(own)
    if found.maskless:
        shown = ", ".join(found.maskless[:SHOWN])
        total = len(found.maskless) + len(found.cases)
        raise MissingDataError(
            own.root,
            f"{len(found.maskless)} of {total} images without a mask ({shown})",
            f"a mask for each, by {', '.join(own.masks)}",
            f"Add the masks, or name these images under 'leave_out' in its {OWN}.",
        )
    return with_splits(name, own, found.cases)


def with_splits(name: str, own: OwnFiles, cases: list[RawCase]) -> list[RawCase]:
    """Gives each case its split.

    Raises: CatalogError if a list is unreadable, names a case twice or none of these, or if a group
        lies in two lists.
    """
    if isinstance(own.split, Seeded):
        split = draw_splits(name, own.split, {case.case: case.group for case in cases})
    else:
        split = _listed(own, own.split, cases)
    return [replace(case, split=split.get(case.case)) for case in cases]


def draw_splits(name: str, how: Seeded, groups: Mapping[str, str]) -> dict[str, str]:
    """The split of each case, drawn by group; see Conventions.

    Args:
        groups: the group of each case.
    """
    size = Counter(groups.values())
    left = sorted(size, key=lambda group: sha256_bytes(f"{name}/{how.seed}/{group}".encode()))
    split_of: dict[str, str] = {}
    for split, share in (("test", how.test), ("val", how.val)):
        held = 0
        while len(left) > 1 and held < share * len(groups):
            group = left.pop(0)
            split_of[group] = split
            held += size[group]
    return {case: split_of.get(group, "train") for case, group in groups.items()}


def _listed(own: OwnFiles, lists: Lists, cases: list[RawCase]) -> dict[str, str]:
    groups, split = {case.case: case.group for case in cases}, dict[str, str]()
    split_of: dict[str, str] = {}
    for part, file in lists.model_dump(exclude_none=True).items():
        path = own.at.parent / file
        shown = f"{own.name}/{file}"
        for case in _lines(path):
            if case not in groups:
                raise _odd(shown, f"{case!r}, of which there is no image with a mask", "a case")
            if case in split:
                raise _odd(shown, f"{case!r} a second time", "each case in one list, once")
            split[case] = part
            if split_of.setdefault(groups[case], part) != part:
                found = f"group {groups[case]!r}, which {split_of[groups[case]]} holds too"
                raise _odd(shown, found, "each group in one list")
    return split


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _odd(path, f"unreadable ({error})", "a list, one case a line") from error
    return [line.strip() for line in lines if line.strip()]


def _odd(path: object, found: str, expected: str) -> CatalogError:
    return CatalogError(path, found, expected, "Correct the list.")
