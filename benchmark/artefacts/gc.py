"""What lies in the project's folders and no result refers to: listed with its size, then deleted.

**Conventions**

1. A run that a result refers to, that is running, or that is declared as it would be made now is
   kept. Where a declared run cannot be compared with the code (its data or weights are not here),
   no unfinished run is listed: it could be that one.
2. The DVC cache is kept as far as a lock of this working tree, of a branch or of a tag names it. A
   cache outside the project is left alone: others may use it.
3. Files may be hard links of each other. The size of an entry is what its deletion frees.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError, MixSegError, StoreError
from benchmark.core.files import Paths, leftovers, read_json, remove, sweep
from benchmark.core.params import load_params
from benchmark.core.recorded import files_of
from benchmark.core.text import columns
from benchmark.runs.identity import plan_run
from benchmark.runs.settings import ARTEFACTS, RUN, SCORES
from benchmark.runs.status import matrix
from benchmark.runs.store import RunDirectory, run_directory

WRITTEN = ("artefacts", "data", "reports", "results", "work")  # folders that commands write to
CACHE_FILES = ("files", "md5")  # below .dvc/cache
STORE, TEMPORARY, CACHE = "store", "temporary", "DVC cache"
MIB, FEW = 2**20, 5  # entries of a kind that are listed one by one
NAMED = re.compile(r'"run": "([0-9a-f]{64})"')


@dataclass(frozen=True)
class Unused:
    """A file or a folder that no result refers to.

    Attributes:
        kind: what it belongs to, one word or two.
        why: why it is not needed.
        bytes: what its deletion frees.
    """

    path: Path
    kind: str
    why: str
    bytes: int = 0


def unused(paths: Paths) -> list[Unused]:
    """All that no result refers to, with the bytes that deleting each frees.

    Raises: MixSegError if params.yaml or a result cannot be read.
    """
    found = [*_runs(paths), *_artefacts(paths), *_prepared(paths)]
    found += [*_transfers(paths), *_cache(paths)]
    found += _temporary(paths, [one.path for one in found])
    return _measured(found)


def delete(paths: Paths, found: list[Unused]) -> Iterator[Unused]:
    """Deletes what `unused` found, and tells what went; a run that began since then stays.

    Raises: StoreError if something cannot be deleted.
    """
    for one in found:
        if one.kind == TEMPORARY:
            sweep(one.path.parent)
        elif one.kind == STORE:
            directory = RunDirectory(one.path)
            if directory.busy():
                continue
            remove(one.path)
        else:
            remove(one.path)
        if one.path.exists():
            raise StoreError(
                one.path, "cannot be deleted", "the right to delete it",
                "Change the rights of its folder.",
            )  # fmt: skip
        yield one


def _records(paths: Paths) -> Iterator[tuple[Path, dict[str, object]]]:
    for path in sorted((paths.root / "results").glob(f"*/*/*/seed-*/{RUN}")):
        yield path, read_json(path)


def _runs(paths: Paths) -> Iterator[Unused]:
    """Folders of the store."""
    if not paths.store.is_dir():
        return
    planned, sure = _planned(paths)
    kept = {run_directory(paths.store, run).folder.name for run in _referred(paths)} | planned
    for folder in sorted(path for path in paths.store.iterdir() if path.is_dir()):
        directory = RunDirectory(folder)
        if folder.name in kept or directory.busy():
            continue
        finished = SCORES in directory.done()
        if finished or sure:
            yield Unused(folder, STORE, "no result is of this run" if finished else "unfinished")


def _referred(paths: Paths) -> set[str]:
    """Every run that a result names, those of tuning among them."""
    found = set[str]()
    for path in (paths.root / "results").rglob("*.json"):
        found |= set(NAMED.findall(path.read_text(encoding="utf-8", errors="replace")))
    return found


def _planned(paths: Paths) -> tuple[set[str], bool]:
    """Store folders of the declared runs as they would be made now, and if that is all of them."""
    names, sure = set[str](), True
    for spec in matrix(paths.root):
        try:
            plan = plan_run(paths, spec, fetch=False)
        except MixSegError:
            sure = False
            continue
        names.add(run_directory(paths.store, plan.identity.run).folder.name)
    return names, sure


def _artefacts(paths: Paths) -> Iterator[Unused]:
    """Files below artefacts/ that no run.json lists; the folder, where it lists none of it."""
    listed = set[Path]()
    for path, record in _records(paths):
        mix, _, method, seed, _ = path.parts[-5:]
        folder = paths.artefacts(mix, method, int(seed.removeprefix("seed-")))
        listed |= {folder / name for name in files_of(record) if name in ARTEFACTS}
    for folder in sorted((paths.root / "artefacts").glob("*/*/seed-*")):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        beyond = [path for path in files if path not in listed]
        if beyond == files:
            yield Unused(folder, "artefacts", "its run has no results")
            continue
        yield from (Unused(path, "artefacts", "its run does not list it") for path in beyond)


def _prepared(paths: Paths) -> Iterator[Unused]:
    """Prepared data of mixes that params.yaml does not hold."""
    params = load_params(paths.root)
    for folder in sorted((paths.root / "data" / "prepared").glob("*/")):
        try:
            params.prepared(folder.name)
        except MixSegError:
            yield Unused(folder, "prepared data", "no such mix in params.yaml")


def _transfers(paths: Paths) -> Iterator[Unused]:
    """Parts of files that a broken pull left, and that no result lists any more."""
    listed = {sha256 for _, record in _records(paths) for sha256 in files_of(record).values()}
    for path in sorted((paths.root / "work" / "transfers").glob("*")):
        if path.suffix != ".lock" and path.name not in listed:
            yield Unused(path, "transfers", "part of a file that no result lists")


def _cache(paths: Paths) -> Iterator[Unused]:
    """Objects of the DVC cache."""
    cache = paths.root / ".dvc" / "cache"
    objects = cache.joinpath(*CACHE_FILES)
    if not objects.is_dir():
        return
    from dvc.repo import Repo

    try:
        with Repo(str(paths.root)) as repo:
            if Path(repo.cache.local.path).resolve() != objects.resolve():
                return  # the cache in use lies elsewhere
            used = repo.used_objs(all_branches=True, all_tags=True)
            kept = {
                name for infos in used.values() for info in infos for name in _names(repo, info)
            }
    except Exception as error:  # DVC has many of its own
        cause = " ".join(str(error).split()) or type(error).__name__
        do = "Mend it, then run the same command again; nothing was deleted."
        raise MissingDataError(
            paths.root, f"DVC cannot read it ({cause})", "its stages", do
        ) from error
    for path in sorted(objects.glob("*/*")):
        if path.parent.name + path.name not in kept:
            yield Unused(path, CACHE, "no dvc.lock names it")


def _names(repo: Any, info: Any) -> Iterator[str]:
    """The name of an object, and those in it where it is a folder."""
    from dvc_data.hashfile.tree import Tree

    yield info.value
    if info.isdir:
        with suppress(FileNotFoundError):
            for _, _, child in Tree.load(repo.cache.local, info):
                yield child.value


def _temporary(paths: Paths, within: list[Path]) -> list[Unused]:
    """What killed writers left, but for what goes anyway with its folder."""
    found = []
    for top in WRITTEN:
        for path in leftovers(paths.root / top):
            if not any(path.is_relative_to(folder) for folder in within):
                found.append(Unused(path, TEMPORARY, "a command was killed while it wrote"))
    return found


def _measured(found: list[Unused]) -> list[Unused]:
    """With the bytes that go: a file counts with the last of its hard links."""
    left, links = Counter[tuple[int, int]](), dict[tuple[int, int], int]()
    files = [[_about(path) for path in _files(one.path)] for one in found]
    for about in (about for each in files for about in each):
        left[about[0]] += 1
        links[about[0]] = about[2]
    gone, told = set[tuple[int, int]](), []
    for one, each in zip(found, files, strict=True):
        freed = 0
        for inode, size, _ in each:
            if left[inode] >= links[inode] and inode not in gone:
                gone.add(inode)
                freed += size
        kept = one.kind == CACHE and each and left[each[0][0]] < each[0][2]
        if not kept:  # a link of a file that is needed frees nothing
            told.append(Unused(one.path, one.kind, one.why, freed))
    return told


def _files(path: Path) -> list[Path]:
    if path.is_dir() and not path.is_symlink():
        return [file for file in path.rglob("*") if file.is_file() or file.is_symlink()]
    return [path]


def _about(path: Path) -> tuple[tuple[int, int], int, int]:
    stat = path.lstat()
    return (stat.st_dev, stat.st_ino), stat.st_size, stat.st_nlink


def summary(paths: Paths, found: list[Unused], *, long: bool) -> str:
    """What was found as a table: a line each; where there are many of a kind, their sum."""
    rows = []
    for kind in dict.fromkeys(one.kind for one in found):
        same = [one for one in found if one.kind == kind]
        if long or len(same) <= FEW:
            rows += [(*_row(kind, one.bytes), _shown(paths, one), one.why) for one in same]
        else:
            why = ", ".join(dict.fromkeys(one.why for one in same))
            size = sum(one.bytes for one in same)
            rows.append((*_row(kind, size), f"{len(same)} entries (--long)", why))
    total = sum(one.bytes for one in found)
    table = columns(("what", "MiB", "where", "why"), rows)
    return f"{table}\n{len(found)} entries; deleting them frees {total / MIB:.1f} MiB"


def _row(kind: str, size: int) -> tuple[str, str]:
    return kind, f"{size / MIB:.1f}"


def _shown(paths: Paths, one: Unused) -> str:
    return one.path.relative_to(paths.root).as_posix()
