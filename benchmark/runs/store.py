"""The store of runs, by digest: checkpoints under way, and the files of finished runs."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from benchmark.core.errors import StoreError
from benchmark.core.files import (
    read_json,
    sha256_file,
    writable_folder,
    write_atomic,
    write_json,
)

CHECKPOINT = "checkpoint.pt"
DONE = "done.json"
FAILED = "failed.json"
PROGRESS = "progress.json"


@dataclass(frozen=True)
class RunDirectory:
    """The folder of one run in the store.

    Files that are done are listed in done.json with their SHA-256 and with the digest of the
    code that wrote them, so that changed scoring code makes new scores from old maps.
    """

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """State of a run under way."""
        return self.folder / CHECKPOINT

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other trainer off this run; the lock falls when its holder dies.

        Raises: StoreError naming the holder, or a folder that cannot be written to.
        """
        writable_folder(self.folder)
        lock = FileLock(self.folder / "lock")
        holder = self.folder / "holder.json"
        try:
            lock.acquire(timeout=1)  # `mixseg status` holds it for a moment
        except Timeout as error:
            who = json.dumps(read_json(holder)) if holder.is_file() else "another process"
            raise StoreError(
                self.folder,
                f"held by {who}",
                "a run that nobody else is at",
                "Wait for it (`mixseg status`), or end that process.",
            ) from error
        try:
            write_json(holder, {"pid": os.getpid(), "host": socket.gethostname()})
            yield
        finally:
            holder.unlink(missing_ok=True)
            (self.folder / PROGRESS).unlink(missing_ok=True)
            lock.release()

    def busy(self) -> bool:
        """True while another process holds the lock."""
        if not (self.folder / "lock").exists():
            return False
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # in a folder that is read-only nobody trains
            return False
        lock.release()
        return False

    def done(self) -> dict[str, dict[str, str]]:
        """File name to {"sha256", "code"} of what is done."""
        path = self.folder / DONE
        return dict(read_json(path)) if path.is_file() else {}

    def has(self, name: str, code: str) -> bool:
        """True if a file was finished by this code and is still whole.

        Raises: StoreError if it was changed or cut short since.
        """
        entry = self.done().get(name)
        if entry is None or entry["code"] != code:
            return False
        path = self.folder / name
        if path.is_file() and entry.get("stat") == _stat(path):
            return True  # untouched since its digest was taken
        found = sha256_file(path) if path.is_file() else ""
        if found != entry["sha256"]:
            state = f"not what was written, its digest is {found[:16]}" if found else "gone"
            raise StoreError(
                path, state, f"a file of digest {entry['sha256'][:16]}",
                f"Delete {self.folder} and run again.",
            )  # fmt: skip
        return True

    def finish(self, name: str, code: str) -> None:
        """Notes a file as done."""
        path = self.folder / name
        entry = {"sha256": sha256_file(path), "code": code, "stat": _stat(path)}
        write_json(self.folder / DONE, {**self.done(), name: entry})

    def forget(self, name: str) -> None:
        """Takes a file off the list of what is done; it is then made again."""
        done = self.done()
        if done.pop(name, None):
            write_json(self.folder / DONE, done)

    def fail(self, cause: str) -> None:
        """Notes why a run stopped, for `mixseg status`."""
        write_json(self.folder / FAILED, {"cause": cause})

    def failure(self) -> str | None:
        """Why the run stopped, if it did."""
        path = self.folder / FAILED
        return str(read_json(path)["cause"]) if path.is_file() else None

    def clear_failure(self) -> None:
        """Forgets an earlier failure."""
        (self.folder / FAILED).unlink(missing_ok=True)


def _stat(path: Path) -> str:
    """Size, time of change and number of a file; all stay while nobody writes to it."""
    about = path.stat()
    return f"{about.st_size}-{about.st_mtime_ns}-{about.st_ino}"


def run_directory(store: Path, run: str) -> RunDirectory:
    """The folder of the run with this digest."""
    return RunDirectory(store / run[:24])


def publish(source: Path, to: Path) -> None:
    """Puts a file of the store where people look for it, without a second copy if it can be."""
    with write_atomic(to) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
