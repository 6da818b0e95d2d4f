"""The folders of a raw dataset, and which of several look-alikes belongs to it."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmark.data.catalog import CATALOG, load_catalog
from benchmark.data.folders import NoFolder, RawCase, pictures

DEPTH = 7  # levels of folders: the published ones, and those that unpacking puts around them
# Folders of other datasets in archives that hold several, beside the names of the catalog.
OTHERS = (
    "BinRushed",
    "CVC-612",
    "Drishti_GS",
    "G1020",
    "Kvasir",
    "Magrabia",
    "REFUGE_Valid",
    "RIM_ONE_r3",
    "TestDataset",
    "TrainDataset",
)
Names = str | tuple[str, ...]  # of one folder; of several the first that is there counts
Paths = tuple[Path, ...]  # sibling folders, in the order in which they were asked for


def plain(name: str) -> str:
    """A name without what publishers and archives vary: case, spaces, - and _."""
    return name.casefold().translate(str.maketrans("", "", "-_ "))


@dataclass(frozen=True)
class Tree:
    """A folder and the folders below it, the outer ones first.

    Attributes:
        name: the dataset that is looked for.
        own: all its names, plain.
        folders: each folder with its child folders by plain name.
    """

    root: Path
    name: str
    own: frozenset[str]
    folders: dict[Path, dict[str, Path]] = field(repr=False)

    @classmethod
    def of(cls, root: Path, *own: str, depth: int = DEPTH) -> "Tree":
        """Looks through a folder, so many levels deep, for the dataset of these names."""
        return cls(root, own[0], frozenset(map(plain, own)), dict(_walk(root, depth)))

    def called(self, *names: str) -> list[Path]:
        """The folders of one of these names."""
        wanted = set(map(plain, names))
        return [folder for folder in self.folders if plain(folder.name) in wanted]

    def inside(self, folder: Path, *names: Names) -> Paths:
        """The child folders of these names; empty unless all are there."""
        children = self.folders.get(folder, {})
        found = []
        for one in names:
            each = [plain(name) for name in ((one,) if isinstance(one, str) else one)]
            found += [children[name] for name in each if name in children][:1]
        return tuple(found) if len(found) == len(names) else ()

    def beside(self, *names: Names) -> list[Paths]:
        """The child folders of these names, of each folder that holds all of them."""
        return [found for folder in self.folders if (found := self.inside(folder, *names))]

    def below(self, folder: Path) -> list[Path]:
        """The pictures of a folder of the tree and of all folders below it, sorted by path."""
        inside = [one for one in self.folders if one == folder or folder in one.parents]
        return sorted(path for one in inside for path in pictures(one))

    def mine(
        self, found: list[Paths], what: str, own: Collection[str] = (), alike: bool = False
    ) -> Paths:
        """The places of this dataset, of several that look the same.

        Those directly in the root come first, then those in a folder that is named like the
        dataset, then those in folders that are not named like another dataset.

        Args:
            what: what the places are, for the user.
            own: further names of the dataset.
            alike: whether several of the last kind hold the same pictures, so that any will do.
        Raises: NoFolder naming what was found, if there is none or if several are left.
        """
        names = self.own | set(map(plain, own))
        mine = [one for one in found if one[0].parent == self.root]
        mine = mine or [one for one in found if plain(one[0].parent.name) in names]
        if not mine:
            free = [one for one in found if not self._foreign(one[0].parent, names)]
            mine = free if alike or len(free) == 1 else []
        if mine:
            return mine[0]
        if not found:
            raise NoFolder(f"no folder with {what}")
        shown = ", ".join(one[0].parent.relative_to(self.root).as_posix() for one in found[:6])
        raise NoFolder(f"{what} of other datasets ({shown}), none named like {self.name}")

    def _foreign(self, folder: Path, own: Collection[str]) -> bool:
        """Whether a folder is named like another dataset, or lies below one that is."""
        names = {plain(part) for part in folder.relative_to(self.root).parts}
        return bool(names & _known() - set(own))


Reader = Callable[[Tree], list[RawCase]]


def _walk(root: Path, depth: int) -> Iterator[tuple[Path, dict[str, Path]]]:
    level = [root]
    for _ in range(depth + 1):
        below = []
        for folder in level:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir()]
            shown = sorted(name for name in names if not name.startswith((".", "__")))
            yield folder, {plain(name): folder / name for name in reversed(shown)}
            below += [folder / name for name in shown]
        level = below


@cache
def _known() -> frozenset[str]:
    rows = [row for row in load_catalog(CATALOG).values() if not row.drawn]
    names = [name for row in rows for name in (row.name, row.title, row.raw)]
    return frozenset(map(plain, (*names, *OTHERS)))
