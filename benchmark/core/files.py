"""Where files lie, and how they are written: to a temporary name first, then renamed."""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError, StoreError

PARAMS = "params.yaml"


@contextmanager
def write_atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block ends well.

    The temporary path may become a file or a folder. Whatever goes wrong, Ctrl-C included, the
    old `path` stays as it was and nothing half-written is left.

    Raises: StoreError if the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if temporary.is_dir():
            _replace_folder(temporary, path)
        else:
            temporary.chmod(0o644)  # some libraries write for the owner alone
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except Exception as error:
        if not _disk_full(error, path.parent):
            raise
        free = shutil.disk_usage(path.parent).free // 2**20
        raise StoreError(
            path,
            f"the disk is full ({free} MiB free)",
            "room for the file",
            "Free some space and run the same command again; nothing was left half-written.",
        ) from error
    finally:
        _remove(temporary)


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
            _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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


@dataclass(frozen=True)
class Places:
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
    def store(self) -> Path:
        """Checkpoints and finished runs by digest; neither Git nor DVC sees it."""
        return self.root / "work" / "store"

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
