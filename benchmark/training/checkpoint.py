"""Checkpoints of a run under way: whole or not there, and never of another run.

torch.save writes the CRC-32 of each part of the file beside it, and torch.load does not look at it.
Here each part is compared before anything is read from it.
"""

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from benchmark.core.errors import StoreError
from benchmark.core.files import write_atomic

PIECE = 2**22  # bytes
UNREADABLE = (
    RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, NotImplementedError,
    IndexError, TypeError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError,
)  # fmt: skip


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers and lists to a temporary name, then renames it."""
    with write_atomic(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """The state of the run with this identity; None where there is no checkpoint.

    Raises: StoreError if the file was cut short or damaged, or belongs to another run.
    """
    if not path.is_file():
        return None
    again = "Run with --restart: the run then starts from its first step."
    try:
        _check(path, again)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(path, f"unreadable ({problem})", "a whole checkpoint", again) from error
    if not isinstance(state, dict) or state.get("identity") != identity:
        found = state.get("identity") if isinstance(state, dict) else type(state).__name__
        raise StoreError(path, f"the run {found!r}", f"the run {identity!r}", again)
    return state


def _check(path: Path, again: str) -> None:
    """Compares each part of a checkpoint with its digest.

    Raises: StoreError naming both digests of the first part that is not as it was written.
    """
    with zipfile.ZipFile(path) as file:
        for part in file.infolist():
            recorded, part.CRC = part.CRC, None  # type: ignore[assignment]  # compared below
            found = 0
            with file.open(part) as stream:
                while piece := stream.read(PIECE):
                    found = zlib.crc32(piece, found)
            if found != recorded:
                raise StoreError(
                    path, f"damaged: {part.filename} has CRC-32 {found:08x}", f"{recorded:08x}",
                    again,
                )  # fmt: skip
