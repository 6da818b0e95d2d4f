"""Digests of files that are kept, so that a second look at unchanged files is cheap.

**Conventions** A file counts as unchanged while its size, its inode and its two times of change (of
its content and of its status, in nanoseconds) are what they were when it was read. Some file
systems count time in coarse steps: a file that changed less than SETTLED_S seconds before it was
read is read again at the next look.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.core.errors import MixSegError
from benchmark.core.files import sha256_bytes, sha256_file, write_text

SETTLED_S = 2.0
READERS = min(4, os.cpu_count() or 1)

Entry = tuple[int, int, int, int, str]  # size, mtime_ns, ctime_ns, inode, digest


def sha256_text(path: Path) -> str:
    """SHA-256 of a text file whose line ends count as Unix line ends, 64 hex digits."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits: of CSV and JSON as text, of others as bytes."""
    return sha256_text(path) if path.suffix in (".csv", ".json") else sha256_file(path)


@dataclass
class KeptDigests:
    """Digests of files, kept in one file.

    Attributes:
        path: where they are kept. A file there that cannot be used is passed over.
        read: gives the digest of a file.
        changed: the files whose digest differs from the one that was kept.
    """

    path: Path
    read: Callable[[Path], str] = sha256_file
    changed: list[Path] = field(default_factory=list)

    def of(
        self, files: Sequence[Path], advance: Callable[[int], None] = lambda n: None
    ) -> list[str]:
        """The digest of each file; only files that changed since the last look are read.

        Args:
            advance: told of the files that are done.

        Raises: OSError if a file cannot be read.
        """
        kept, told = _load(self.path), dict[str, Entry]()
        names = [os.fspath(file) for file in files]
        stale = []
        for name in names:
            entry = kept.get(name)
            if entry is None or entry[:4] != _stat(name):
                stale.append(name)
            else:
                told[name] = entry
        advance(len(names) - len(stale))
        if stale:
            try:
                with ThreadPoolExecutor(READERS) as pool:
                    for name, entry in zip(stale, pool.map(self._entry, stale), strict=True):
                        told[name] = entry
                        advance(1)
            finally:
                self._keep(kept, told, stale)
        return [told[name][4] for name in names]

    def _entry(self, name: str) -> Entry:
        begun = time.time_ns()
        stat = _stat(name)
        settled = max(stat[1], stat[2]) < begun - SETTLED_S * 1e9
        # A size that no file has: the entry fits nothing, so that the file is read again.
        return (*(stat if settled else (-1, *stat[1:])), self.read(Path(name)))

    def _keep(self, kept: dict[str, Entry], told: dict[str, Entry], stale: list[str]) -> None:
        new = {name: told[name] for name in stale if name in told}
        self.changed += [
            Path(name) for name in new if name in kept and kept[name][4] != new[name][4]
        ]
        rest = {name: kept[name] for name in kept if name in told or Path(name).exists()}
        body = json.dumps({**rest, **new})
        with suppress(OSError, MixSegError):  # it only saves time
            write_text(self.path, f"{sha256_bytes(body.encode())}\n{body}\n")


def _stat(name: str) -> tuple[int, int, int, int]:
    about = os.stat(name)  # noqa: PTH116 - a Path for each of 40,000 files is slow
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino


def _load(path: Path) -> dict[str, Entry]:
    """The kept entries; none if the digest in the first line is not that of the second."""
    try:
        first, body = path.read_text(encoding="utf-8").splitlines()
        if first != sha256_bytes(body.encode()):
            return {}
        return {name: tuple(entry) for name, entry in json.loads(body).items()}
    except (OSError, ValueError):
        return {}
