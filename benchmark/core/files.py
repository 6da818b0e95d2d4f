"""Where files lie, and how they are written: to a temporary name first, then renamed."""

import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError, StoreError

PARAMS = "params.yaml"
DATASETS = "MIXSEG_DATASETS"  # environment: a folder of datasets of one's own
DAY = 86_400.0  # seconds
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_TEMPORARY = re.compile(r"\.(?P<path>.+)\.((?P<host>[0-9a-f]{8})-)?[0-9a-f]{8}(?P<old>\.old)?\.tmp")
_swept = set[tuple[int, int]]()  # folders, by device and inode, that this process has looked at
# It can only be read by setting it, which is safe while there is one thread.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


@contextmanager
def write_atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block ends well.

    The temporary path may become a file or a folder. Whatever goes wrong, Ctrl-C included, the
    old `path` stays as it was and nothing half-written is left. Only a writer that is killed
    leaves its temporary path; the next command that writes into the folder removes it.

    Raises: StoreError if the disk is full or the folder cannot be written to.
    """
    folder = writable_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{_HOST}-{secrets.token_hex(4)}.tmp")
    with _claimed(folder):
        try:
            yield temporary
            _put(temporary, path)
        except Exception as error:
            if _disk_full(error, folder):
                free = shutil.disk_usage(folder).free // 2**20
                raise StoreError(
                    path,
                    f"the disk is full ({free} MiB free)",
                    "room for the file",
                    "Free some space and run the same command again; nothing was left "
                    "half-written.",
                ) from error
            if isinstance(error, OSError) and str(error.filename).startswith(str(temporary)):
                raise _unwritable(path, error.strerror or type(error).__name__) from error
            raise
        finally:
            remove(temporary)


def writable_folder(folder: Path) -> Path:
    """The folder, made if it is not there.

    Raises: StoreError if it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or type(error).__name__) from error
    check_writable(folder)
    return folder


def check_writable(folder: Path) -> None:
    """Makes nothing: of a folder that is not there, the nearest one above it counts.

    Raises: StoreError if the folder cannot be written to.
    """
    folder = folder.absolute()
    here = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    if not os.access(here, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        read_only = os.statvfs(here).f_flag & os.ST_RDONLY
        raise _unwritable(folder, os.strerror(errno.EROFS if read_only else errno.EACCES))


def _unwritable(path: Path, reason: str) -> StoreError:
    return StoreError(
        path.absolute(), f"cannot be written to ({reason})", "a place that you may write to",
        "Change the rights of the folder, or use another one; nothing was left half-written.",
    )  # fmt: skip


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Marks a folder as being written to, and first removes what killed writers left in it.

    Every writer holds a shared lock on the folder, which falls when its process ends. Whoever
    holds the lock alone therefore knows that no temporary file in the folder is in use.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        known = (status.st_dev, status.st_ino)
        if known not in _swept and _locked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _sweep(folder)
            _swept.add(known)
        _locked(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    """False if another process holds the lock, or the file system knows no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Removes the temporary paths of writers that were killed."""
    for left in folder.glob(".*.tmp"):
        name = _TEMPORARY.fullmatch(left.name)
        with suppress(OSError):  # another user's, or gone
            if not name or not _abandoned(left, name):
                continue
            if name["old"] and not (folder / name["path"]).exists():
                left.rename(folder / name["path"])  # killed between the two renames
            else:
                remove(left)


def leftovers(top: Path) -> list[Path]:
    """The temporary paths below a folder that no writer can be at any more, in order."""
    found = []
    for left in sorted(top.rglob(".*.tmp")):
        name = _TEMPORARY.fullmatch(left.name)
        if name and _abandoned(left, name):
            with _alone(left.parent) as alone:
                found += [left] if alone else []
    return found


def sweep(folder: Path) -> None:
    """Removes the temporary paths that killed writers left in a folder, if no writer is at it."""
    with _alone(folder) as alone:
        if alone:
            _sweep(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Holds the lock on a folder; False if a writer has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _locked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def _abandoned(left: Path, name: "re.Match[str]") -> bool:
    """Not every file system shows a lock to other machines: theirs counts after a day."""
    with suppress(OSError):  # gone
        return name["host"] == _HOST or time.time() - left.stat().st_mtime >= DAY
    return False


def _put(temporary: Path, path: Path) -> None:
    """Renames what was written to its own name."""
    if temporary.is_dir():
        _replace_folder(temporary, path)
    else:
        if not temporary.stat().st_mode & 0o077:  # some libraries write for the owner alone
            temporary.chmod(0o666 & ~_UMASK)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)


def _replace_folder(new: Path, path: Path) -> None:
    """Puts a folder in another's place; the old one comes back if that fails."""
    old = new.with_suffix(".old.tmp")
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    finally:
        if path.exists():
            remove(old)


def remove(path: Path) -> None:
    """Removes a file or a folder; no error if that cannot be done, or it is gone."""
    if os.path.isdir(path):  # noqa: PTH112  # False too where the name is too long for a path
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _disk_full(error: Exception, folder: Path) -> bool:
    """Libraries that write for themselves do not all say so by an error number."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left" in str(error):
        return True
    return isinstance(error, RuntimeError) and shutil.disk_usage(folder).free < 2**16


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with Unix line ends, whole or not at all."""
    with write_atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON, indented, in insertion order, with a newline at the end."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads JSON.

    Raises: MissingDataError if the file is absent, StoreError if it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingDataError(
            path, "no file", "a JSON file", "Run the step that writes it."
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            path, f"no JSON ({error})", "a whole JSON file", "Delete it and run the step again."
        ) from error


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys), 64 hex digits."""
    return sha256_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def project_root(start: Path | None = None) -> Path:
    """The nearest folder upwards that holds params.yaml.

    Raises: MissingDataError if there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / PARAMS).is_file():
            return folder
    raise MissingDataError(
        here, f"no {PARAMS} here or above", "a MixSeg project", "Change into the project's folder."
    )


def shown(path: Path, root: Path | None = None) -> Path:
    """A path as it is printed: relative to a root (the user's folder) if it lies below it."""
    root = root or Path.cwd()
    return path.relative_to(root) if path.is_relative_to(root) else path


@dataclass(frozen=True)
class Paths:
    """The folders of a project.

    Attributes:
        root: the folder that holds params.yaml.
        scores: another folder than root/results to read results from.
    """

    root: Path
    scores: Path | None = None

    @property
    def raw(self) -> Path:
        """Raw datasets, as published."""
        return self.root / "data" / "raw"

    @property
    def own(self) -> Path:
        """Datasets of one's own, a folder each; MIXSEG_DATASETS names another folder."""
        return Path(os.environ.get(DATASETS) or self.root / "data" / "own")

    @property
    def store(self) -> Path:
        """Checkpoints and finished runs by digest; neither Git nor DVC sees it."""
        return self.root / "work" / "store"

    @property
    def jobs(self) -> Path:
        """What was handed to a cluster, with its logs; neither Git nor DVC sees it."""
        return self.root / "work" / "jobs"

    @property
    def features(self) -> Path:
        """Cached embeddings by digest; neither Git nor DVC sees it."""
        return self.root / "work" / "features"

    @property
    def digests(self) -> Path:
        """Digests of files that were looked at; neither Git nor DVC sees it."""
        return self.root / "work" / "digests"

    @property
    def weights(self) -> Path:
        """Pretrained weights; MIXSEG_WEIGHTS names another folder."""
        return Path(os.environ.get("MIXSEG_WEIGHTS", self.root / "weights"))

    def prepared(self, mix: str) -> Path:
        """Arrays of one mix."""
        return self.root / "data" / "prepared" / mix

    def results(self, mix: str) -> Path:
        """Scores and records of one mix."""
        return (self.scores or self.root / "results") / mix

    def reports(self, mix: str) -> Path:
        """Tables and pages of one mix."""
        return self.root / "reports" / mix

    def run(self, mix: str, group: str, method: str, seed: int) -> Path:
        """Results of one run."""
        return self.results(mix) / group / method / f"seed-{seed}"

    def artefacts(self, mix: str, method: str, seed: int) -> Path:
        """Weights and probability maps of one run."""
        return self.root / "artefacts" / mix / method / f"seed-{seed}"
