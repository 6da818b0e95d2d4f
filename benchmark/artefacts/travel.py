"""Moves maps and weights of the runs of a mix between this machine and the remote, whole or not."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import BinaryIO

from filelock import FileLock, Timeout

from benchmark.artefacts.remotes import Remote, default_remote
from benchmark.core.digests import KeptDigests
from benchmark.core.errors import DownloadError, MissingDataError, MixSegError, StoreError
from benchmark.core.files import Paths, read_json, writable_folder
from benchmark.core.params import load_params
from benchmark.core.progress import Progress, Task
from benchmark.core.recorded import SHORT, check, files_of, listed
from benchmark.runs.settings import MAPS, RUN, WEIGHTS
from benchmark.runs.store import publish

MIB = 2**20
PIECE = 4 * MIB  # bytes that are read at once
AT_ONCE = 4  # files
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wanted:
    """One content, and every place below artefacts/ where it belongs."""

    sha256: str
    places: list[Path] = field(default_factory=list)


@dataclass
class Moved:
    """What a transfer did: files that went, their bytes, and what else is to be said of others."""

    files: int = 0
    bytes: int = 0
    there: int = 0
    missing: int = 0
    failed: list[str] = field(default_factory=list)


def wanted(paths: Paths, mix: str, *, weights: bool = False) -> list[Wanted]:
    """The maps that the results of a mix list, and the weights where they are asked for.

    Raises: ParamsError for an unknown mix, MissingDataError if no result here lists maps,
        StoreError if a record was edited.
    """
    load_params(paths.root).mix(mix)
    results = paths.results(mix)
    recorded, found = listed(results), dict[str, Wanted]()
    records = sorted(results.glob(f"*/*/seed-*/{RUN}"))
    if not records:
        raise MissingDataError(
            results, "no results", "runs whose results are here",
            "Get them with Git (or `mixseg run`); results say which artefacts there are.",
        )  # fmt: skip
    for path in records:
        do = f"Restore it, or delete {path.parent} and make the run again with `mixseg run`."
        check(path, recorded.get(path.relative_to(results).as_posix()), do)
        files, (method, seed) = files_of(read_json(path)), path.parts[-3:-1]
        for name in (MAPS, WEIGHTS) if weights else (MAPS,):
            sha256 = files.get(name, "")
            if SHA256.fullmatch(sha256):
                place = paths.artefacts(mix, method, int(seed.removeprefix("seed-"))) / name
                found.setdefault(sha256, Wanted(sha256)).places.append(place)
    if not found:
        raise MissingDataError(
            results, "no run that lists the digests of its maps", "one in its run.json",
            "Earlier code made these runs; make them again with `mixseg run`.",
        )  # fmt: skip
    return list(found.values())


def pull(paths: Paths, mix: str, progress: Progress, *, weights: bool = False) -> Moved:
    """Brings what is not here. What broke off goes on where it stopped; what is here stays.

    Raises: see `wanted` and `default_remote`; DownloadError if the remote breaks off.
    """
    files = wanted(paths, mix, weights=weights)
    with _alone(paths, mix) as parts:
        here, moved = _digests(paths, files), Moved()
        lacking = [file for file in files if not _placed(file, here, moved)]
        remote = default_remote(paths.root)
        sizes = _sizes(remote, lacking, moved)
        lacking = [file for file in lacking if file.sha256 in sizes]

        def one(file: Wanted, told: "_Bytes") -> None:
            part = parts / file.sha256
            _fetch(remote, file, part, sizes[file.sha256], told)
            for place in file.places:
                if place not in here:
                    publish(part, place)
            part.unlink()

        before = sum(_size(parts / file.sha256) for file in lacking)
        _each(lacking, sizes, one, moved, progress, f"pulling {mix}", before)
    return moved


def push(paths: Paths, mix: str, progress: Progress, *, weights: bool = False) -> Moved:
    """Sends what is here and not at the remote yet; a file there is whole or has another name.

    Raises: see `wanted` and `default_remote`; DownloadError if the remote breaks off.
    """
    files = wanted(paths, mix, weights=weights)
    with _alone(paths, mix):
        here, moved = _digests(paths, files), Moved()
        sources = dict[str, Path]()
        for file in files:
            known = {place: here[place] for place in file.places if place in here}
            right = [place for place, sha256 in known.items() if sha256 == file.sha256]
            moved.failed += [_edited(place, known[place], file) for place in known if not right]
            moved.missing += not known
            if right:
                sources[file.sha256] = right[0]
        remote = default_remote(paths.root)
        ours = [file for file in files if file.sha256 in sources]
        there = _sizes(remote, ours, Moved())
        sizes = {sha256: _size(path) for sha256, path in sources.items()}
        lacking = [file for file in ours if there.get(file.sha256) != sizes[file.sha256]]
        moved.there += len(ours) - len(lacking)

        def one(file: Wanted, told: "_Bytes") -> None:
            _send(remote, file.sha256, sources[file.sha256], told)

        _each(lacking, sizes, one, moved, progress, f"pushing {mix}", 0)
    return moved


@contextmanager
def _alone(paths: Paths, mix: str) -> Iterator[Path]:
    """Keeps other transfers of the mix away; the folder of files that are under way.

    Raises: StoreError.
    """
    parts = writable_folder(paths.root / "work" / "transfers")
    lock = FileLock(parts / f"{mix}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreError(
            parts, f"another transfer of {mix} is under way", "one at a time", "Wait for it."
        ) from error
    try:
        yield parts
    finally:
        lock.release()


def _digests(paths: Paths, files: list[Wanted]) -> dict[Path, str]:
    """Digest of each file that is here; only those that changed since the last look are read."""
    there = [place for file in files for place in file.places if place.is_file()]
    kept = KeptDigests(paths.digests / "artefacts.json")
    return dict(zip(there, kept.of(there), strict=True))


def _placed(file: Wanted, here: dict[Path, str], moved: Moved) -> bool:
    """Whether every place has its file, or one has another, which nobody may overwrite."""
    other = [place for place in file.places if here.get(place, file.sha256) != file.sha256]
    moved.failed += [_edited(place, here[place], file) for place in other]
    whole = all(place in here for place in file.places)
    moved.there += whole and not other
    return whole or bool(other)


def _edited(place: Path, found: str, file: Wanted) -> str:
    error = StoreError(
        place, f"its digest is {found[:SHORT]}", f"{file.sha256[:SHORT]}, which run.json lists",
        "It is not what the run wrote: delete it and pull again, or make the run again.",
    )  # fmt: skip
    return str(error)


def _sizes(remote: Remote, files: list[Wanted], moved: Moved) -> dict[str, int]:
    """Bytes by digest of the files that the remote has; the others are counted as missing.

    Raises: DownloadError if the remote does not answer.
    """

    def size(file: Wanted) -> int | None:
        try:
            return int(remote.fs.info(remote.file(file.sha256))["size"])
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool, _answers(remote):
        found = list(pool.map(size, files))
    moved.missing += found.count(None)
    return {file.sha256: n for file, n in zip(files, found, strict=True) if n is not None}


@contextmanager
def _answers(remote: Remote, about: str = "") -> Iterator[None]:
    """Turns what a file system of DVC raises into one line; each has errors of its own."""
    try:
        yield
    except MixSegError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DownloadError(
            about or f"remote {remote.url}", f"broken off ({cause})", "an answer of the remote",
            "Run the same command again; it goes on where this one stopped.",
        ) from error  # fmt: skip


class _Bytes:
    """Bytes that went, shown as whole MiB."""

    def __init__(self, task: Task, done: int) -> None:
        self.task, self.done, self.lock = task, done, Lock()
        self.broken = Event()  # nothing begins after it

    def add(self, count: int) -> None:
        """Counts bytes; several files may be under way at once."""
        with self.lock:
            before, self.done = self.done // MIB, self.done + count
            if self.done // MIB > before:
                self.task.advance(self.done // MIB - before)


def _each(
    files: list[Wanted],
    sizes: dict[str, int],
    one: Callable[[Wanted, _Bytes], None],
    moved: Moved,
    progress: Progress,
    title: str,
    before: int,
) -> None:
    """Moves files, some at once. A file that is refused stops no other; a broken line stops all."""
    if not files:
        return
    total = sum(sizes[file.sha256] for file in files)
    with progress.task(title, total // MIB, "MiB", before // MIB) as task:
        told, pool = _Bytes(task, before), ThreadPoolExecutor(AT_ONCE)

        def unless_broken(file: Wanted) -> None:
            if told.broken.is_set():
                return
            try:
                one(file, told)
            except BaseException as error:
                if not isinstance(error, StoreError):
                    told.broken.set()
                raise

        try:
            jobs = {pool.submit(unless_broken, file): file for file in files}
            for job in as_completed(jobs):
                try:
                    job.result()
                except StoreError as error:
                    moved.failed.append(str(error))
                    continue
                moved.files += 1
                moved.bytes += sizes[jobs[job].sha256]
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(remote: Remote, file: Wanted, part: Path, size: int, told: _Bytes) -> None:
    """Brings a file to `part`, from the byte on at which an earlier transfer of it stopped.

    Raises: StoreError if its digest is not the one that it is named by, DownloadError.
    """
    if _size(part) > size:
        part.unlink()
    with part.open("ab") as out, _answers(remote, str(file.places[0])):
        start = out.tell()
        if start < size:
            with remote.fs.open(remote.file(file.sha256), "rb") as source:
                source.seek(start)
                _copy(source, out, told)
    with part.open("rb") as whole:
        found = hashlib.file_digest(whole, "sha256").hexdigest()
    if found == file.sha256:
        return
    cut = _size(part) < size
    if not cut:
        part.unlink()  # nothing of it can be trusted
    raise (DownloadError if cut else StoreError)(
        file.places[0],
        "cut short on its way" if cut else f"refused: what came has the digest {found[:SHORT]}",
        f"{file.sha256[:SHORT]}, which run.json lists",
        "Run the same command again." if cut else
        f"It was damaged at the remote or on its way: delete {remote.file(file.sha256)} there,"
        " and push it again from where the run was made.",
    )  # fmt: skip


def _copy(source: BinaryIO, out: BinaryIO, told: _Bytes) -> None:
    while piece := source.read(PIECE):
        out.write(piece)
        told.add(len(piece))


def _send(remote: Remote, sha256: str, source: Path, told: _Bytes) -> None:
    """Puts a file at the remote, under another name first where half a file could be seen.

    Raises: DownloadError.
    """
    from fsspec import Callback

    class Shown(Callback):
        last = 0

        def call(self, hook_name: str | None = None, **kwargs: object) -> None:
            told.add(self.value - self.last)
            self.last = self.value

    to = remote.file(sha256)
    with _answers(remote, str(source)):
        remote.fs.makedirs(remote.fs.parent(to), exist_ok=True)
        if remote.in_one_go:
            remote.fs.put_file(str(source), to, callback=Shown())
            return
        temporary = f"{to}.{secrets.token_hex(4)}.tmp"
        try:
            remote.fs.put_file(str(source), temporary, callback=Shown())
            remote.fs.mv(temporary, to)
        except BaseException:
            with suppress(Exception):
                remote.fs.rm_file(temporary)
            raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
