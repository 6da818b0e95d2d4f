"""Safe unpacking of zip and tar archives: into a temporary folder first, then renamed."""

import errno
import filecmp
import gzip
import io
import os
import re
import secrets
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from benchmark.core.errors import DownloadError
from benchmark.core.files import writable_folder
from benchmark.core.progress import Progress, Silent

MIB = 2**20
JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
BROKEN = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error)
DAMAGED = (*BROKEN, EOFError, ValueError, struct.error)
FULL = (errno.ENOSPC, errno.EDQUOT)
DEEPEST = 32  # folders inside one another; published archives have a handful
LONGEST = 1024  # bytes of a member's whole name
NO_HARM = "Nothing was unpacked."


@dataclass(frozen=True)
class Limits:
    """What an archive may become at most: files and folders, bytes, and unpacked over packed size.

    The ratio counts from `small` bytes on; images hardly shrink.
    """

    members: int = 500_000
    total: int = 256 * 2**30
    ratio: int = 200
    small: int = 16 * MIB


class BadArchive(DownloadError):
    """The archive itself is at fault: damaged, unsafe, or none at all."""


class DiskFull(DownloadError):
    """There is no room for what comes."""


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; plain if it is no link and no device."""

    name: str
    folder: bool
    plain: bool
    size: int
    packed: int | None = None


Opened = tuple[_Member, Callable[[], IO[bytes] | None]]


def page_kind(head: bytes) -> str | None:
    """Says what web page these first bytes are, None if they are none."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not text.startswith((b"<!doctype html", b"<html", b"<head", b"<!--")):
        return None
    if b"google drive" in text or b"drive.google" in text:
        return "Google Drive's page about " + ("its quota" if b"quota" in text else "viruses")
    login = re.search(rb"type=.?password|log ?in|sign ?in", text)
    return "a login page" if login else "a web page"


def archive_kind(path: Path) -> str:
    """zip, tar or tar.gz, from the file's first bytes.

    Raises: DownloadError for a RAR, a 7z, a web page and all else.
    """
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        return "tar.gz" if head.startswith(b"\x1f\x8b") else "tar"
    if page := page_kind(head):
        do = "Delete it, open the address in a browser, and save what the download button gives."
        raise BadArchive(path, page, "an archive", do)
    for magic, name in ((b"Rar!\x1a\x07", "a RAR"), (b"7z\xbc\xaf\x27\x1c", "a 7z")):
        if head.startswith(magic):
            do = f"Unpack it by hand (unar, 7z) into {path.parent}, then take it away from there."
            raise DownloadError(path, f"{name} archive", "zip, tar or tar.gz", do)
    raise BadArchive(path, "no archive", "zip, tar or tar.gz", "Delete it and fetch it again.")


def unpack(
    archive: Path,
    into: Path,
    keep: list[str] | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> list[str]:
    """Unpacks an archive into a folder, wholly or not at all.

    Args:
        keep: patterns of the members wanted; all if empty.
    Returns: the names now in `into` that came from the archive's top level.
    Raises: DownloadError for a damaged, encrypted, oversized or unsafe archive, for a full disk,
        and where a file of that name is there already.
    """
    kind = archive_kind(archive)
    for left in into.glob(".unpacking-*"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = writable_folder(into / f".unpacking-{secrets.token_hex(4)}")
    try:
        with _named_errors(archive, into):
            members = _zip_members(archive) if kind == "zip" else _tar_members(archive, kind)
            _Unpacking(archive, temporary, keep or [], limits).run(members, progress or Silent())
            return _move_in(archive, temporary, into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _named_errors(archive: Path, into: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        do = f"Delete it and fetch it again. {NO_HARM}"
        found = f"truncated or damaged ({error or type(error).__name__})"
        raise BadArchive(archive, found, "a whole archive", do) from error
    except NotImplementedError as error:
        do = f"Unpack it by hand into {into}. {NO_HARM}"
        raise DownloadError(archive, f"unreadable ({error})", "a plain zip", do) from error
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(archive, into) from error
        if error.errno != errno.ENAMETOOLONG:
            raise
        found = f"a member whose path below {into} is too long for this disk"
        do = f"Move the project to a folder with a shorter path. {NO_HARM}"
        raise DownloadError(archive, found, "a shorter one", do) from error


def disk_full(where: object, folder: Path, need: int | None = None) -> DiskFull:
    """The error for a disk without room."""
    free = shutil.disk_usage(folder).free // MIB
    asked = f"{-(-need // MIB)} MiB" if need else "room for it"
    do = "Free some space and run the same command again; nothing was left half-written."
    return DiskFull(where, f"the disk is full ({free} MiB free)", asked, do)


class _Unpacking:
    """One archive on its way into a temporary folder."""

    def __init__(self, archive: Path, folder: Path, keep: list[str], limits: Limits | None) -> None:
        self.archive, self.folder, self.keep = archive, folder, keep
        self.limits = limits or Limits()
        self.packed, self.room = archive.stat().st_size, shutil.disk_usage(folder).free
        self.members = self.total = 0
        self.seen: set[str] = set()

    def run(self, members: Iterator[Opened], progress: Progress) -> None:
        """Checks and writes every member."""
        with progress.task(f"unpack {self.archive.name}", None, "files") as task:
            for member, source in members:
                task.advance()
                target = self._check(member)
                if target is not None:
                    self._write(source, target, member)
        if not self.seen:
            found = f"no file matches {', '.join(self.keep) or '*'}"
            do = f"Look into it; the publisher may have changed it. {NO_HARM}"
            raise BadArchive(self.archive, found, "the dataset's files", do)

    def _check(self, member: _Member) -> Path | None:
        """Where a member goes; None for a folder and for what is not wanted."""
        self.members += 1
        self.total += member.size
        parts = self._parts(member)
        self._bounds("all of it", self.total, self.packed)
        if member.packed is not None:
            self._bounds(member.name, member.size, member.packed)
        if not member.plain:
            raise self._unsafe(member.name, "a link or a device", "files and folders only")
        name = "/".join(parts)
        wanted = not self.keep or any(fnmatchcase(name, pattern) for pattern in self.keep)
        if member.folder or not parts or JUNK & set(parts) or not wanted:
            return None
        if name in self.seen:
            raise self._unsafe(member.name, "is there twice", "each name once")
        self.seen.add(name)
        return self.folder.joinpath(*parts)

    def _parts(self, member: _Member) -> tuple[str, ...]:
        name = member.name.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or re.match(r"[A-Za-z]:", name):
            raise self._unsafe(name, "an absolute path", "paths inside the archive")
        if ".." in parts:
            raise self._unsafe(name, "a path that leaves the folder", "paths inside it")
        if not name or (not parts and not member.folder):
            raise self._unsafe(name, "an empty name", "a name for each member")
        if len(parts) > DEEPEST or len(os.fsencode(name)) > LONGEST:
            found = f"a path of {len(parts)} parts and {len(os.fsencode(name))} bytes"
            wanted = f"at most {DEEPEST} parts and {LONGEST} bytes"
            raise self._unsafe(name, found, wanted)
        if any(len(os.fsencode(part)) > 255 for part in parts) or re.search(r"[\x00-\x1f]", name):
            raise self._unsafe(name, "a name no file can have", "plain names")
        return parts

    def _bounds(self, what: str, size: int, packed: int) -> None:
        limits = self.limits
        if self.members > limits.members or self.total > limits.total:
            found = f"{self.members} members of {self.total} bytes or more"
            wanted = f"at most {limits.members} of {limits.total}"
            raise BadArchive(self.archive, found, wanted, f"Do not trust it. {NO_HARM}")
        if size > limits.small and size > limits.ratio * max(packed, 1):
            found = f"{size} bytes packed into {packed} ({what}), an archive bomb"
            wanted = f"at most {limits.ratio} times as much"
            raise BadArchive(self.archive, found, wanted, f"Do not trust it. {NO_HARM}")
        if self.total > self.room:
            raise disk_full(self.archive, self.folder, self.total)

    def _unsafe(self, name: str, found: str, wanted: str) -> BadArchive:
        where = f"{self.archive}: {name[:120]!r}"
        return BadArchive(where, found, wanted, f"Do not trust this archive. {NO_HARM}")

    def _write(self, source: Callable[[], IO[bytes] | None], target: Path, member: _Member) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file, source() or io.BytesIO() as stream:
                shutil.copyfileobj(stream, file, MIB)
                written = file.tell()
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise self._unsafe(member.name, "is a file and a folder", "one of them") from error
        if written != member.size:
            raise EOFError(f"{member.name} has {written} of {member.size} bytes")


def _zip_members(archive: Path) -> Iterator[Opened]:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            if entry.flag_bits & 0x1:
                raise NotImplementedError(f"{entry.filename} is encrypted")
            plain = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
            sizes = entry.file_size, entry.compress_size
            folder = entry.filename.endswith("/")  # is_dir() fails on an empty name
            yield _Member(entry.filename, folder, plain, *sizes), partial(packed.open, entry)


class _Reader:
    """A file that remembers what was read last."""

    def __init__(self, file: Any) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        self.last = self._read(size)
        return self.last


def _tar_members(archive: Path, kind: str) -> Iterator[Opened]:
    with gzip.open(archive) if kind == "tar.gz" else archive.open("rb") as file:
        reader = _Reader(file)
        with tarfile.open(fileobj=reader, mode="r:") as packed:  # type: ignore[call-overload]
            for entry in packed:
                plain = entry.isdir() or (entry.isreg() and not entry.issparse())
                member = _Member(entry.name, entry.isdir(), plain, entry.size)
                yield member, partial(packed.extractfile, entry)
        # tarfile takes a broken header for the end, and gzip compares its checksum only there
        if reader.last != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end mark is missing")
        while rest := reader.read(MIB):
            yield _Member("its end", True, True, len(rest)), io.BytesIO


def _move_in(archive: Path, temporary: Path, into: Path) -> list[str]:
    """Renames what was unpacked into place; takes it all back if something is in the way."""
    names = sorted(entry.name for entry in temporary.iterdir())
    moved: list[tuple[Path, Path]] = []
    try:
        _merge(archive, temporary, into, moved)
    except BaseException:
        for old, new in reversed(moved):
            new.rename(old)
        raise
    return names


def _merge(archive: Path, source: Path, target: Path, moved: list[tuple[Path, Path]]) -> None:
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if not os.path.lexists(place):
            entry.rename(place)
            moved.append((entry, place))
        elif entry.is_dir() and place.is_dir():
            _merge(archive, entry, place, moved)
        elif not (place.is_file() and filecmp.cmp(entry, place, shallow=False)):
            do = f"Move it away, or delete {target} and start again. {NO_HARM}"
            raise DownloadError(archive, f"{place} is there already", "a free place", do)
