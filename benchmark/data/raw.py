"""Where a dataset lies below data/raw: its folder, a pointer to another, archives not unpacked."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.files import read_json
from benchmark.data.catalog import Dataset
from benchmark.data.pointer_file import read_pointer

ARCHIVES = "archives"  # below data/raw: files of which several datasets take their part
DONE = ".unpacked.json"  # in a dataset's folder: the archives whose contents lie there
PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")
BY_HAND = (".rar", ".7z")
DEPTH = 3  # levels of folders in which archives are looked for: some archives hold archives


def folder_of(dataset: Dataset, raw: Path) -> Path:
    """Where a dataset is read from: its raw folder, or that of a pointer or a dataset.yaml.

    Raises: MissingDataError if the pointer cannot be used.
    """
    if dataset.own is not None:
        return dataset.own.root
    pointer = read_pointer(raw, dataset.raw)
    return raw / dataset.raw if pointer is None else pointer.folder


def is_packed(path: Path) -> bool:
    """Whether a file is an archive by its name."""
    return path.is_file() and path.name.lower().endswith(PACKED)


def waiting(dataset: Dataset, raw: Path) -> list[Path]:
    """Archives of a dataset that lie below data/raw and are not unpacked yet.

    These are all archives in its folder, also those that came out of another one, and the files in
    data/raw/archives that the catalog names. A RAR or a 7z beside unpacked files was unpacked by
    hand.
    """
    folder = raw / dataset.raw
    named = [raw / ARCHIVES / source.file for source in dataset.sources if source.unpack]
    here = sorted(_packed_below(folder))
    by_hand = BY_HAND if contents(folder) else ()
    return [
        path
        for path in (*here, *(path for path in named if path.is_file()))
        if not unpacked(folder, path) and path.suffix.lower() not in by_hand
    ]


def unpacking(dataset: Dataset, archives: list[Path]) -> str:
    """What to do about archives that are not unpacked."""
    by_hand = [path for path in archives if path.suffix.lower() in BY_HAND]
    if by_hand:
        names = ", ".join(path.name for path in by_hand)
        return f"Unpack {names} by hand (unar, 7z), and take it away from there."
    return f"`mixseg data --dataset {dataset.name} --download` unpacks it."


def _packed_below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith((".", "__"))]
    for entry in shown:
        if entry.name.lower().endswith(PACKED) and entry.is_file():
            yield folder / entry.name
        elif depth and entry.is_dir():
            yield from _packed_below(folder / entry.name, depth - 1)


def contents(folder: Path) -> list[Path]:
    """What lies in a raw folder beside archives and hidden files, sorted by name."""
    shown = (path for path in sorted(folder.glob("*")) if not path.name.startswith("."))
    return [path for path in shown if not is_packed(path)]


def unpacked(folder: Path, archive: Path) -> bool:
    """Whether the contents of an archive lie in a folder.

    An archive that has been replaced by another of its name since then is not unpacked.
    """
    record = done(folder).get(archive.name)
    if record is None or not all((folder / top).exists() for top in record["tops"]):
        return False
    return not archive.is_file() or record["bytes"] in (None, archive.stat().st_size)


def done(folder: Path) -> dict[str, dict[str, Any]]:
    """The archives whose contents lie in a folder: their sizes, and the names they brought."""
    path = folder / DONE
    records = dict(read_json(path)) if path.is_file() else {}
    # Earlier versions wrote the names alone.
    return {
        name: {"bytes": None, "tops": record} if isinstance(record, list) else record
        for name, record in records.items()
    }
