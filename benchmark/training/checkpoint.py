"""Checkpoints of a run under way: whole or not there, and never of another run."""

import pickle
from pathlib import Path
from typing import Any

import torch

from benchmark.core.errors import StoreError
from benchmark.core.files import write_atomic


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers and lists to a temporary name, then renames it."""
    with write_atomic(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """The state of the run with this identity; None where there is no checkpoint.

    Raises: StoreError if the file was cut short or belongs to another run.
    """
    if not path.is_file():
        return None
    again = "Delete it: the run then starts from its first step."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(path, f"unreadable ({problem})", "a whole checkpoint", again) from error
    if not isinstance(state, dict) or state.get("identity") != identity:
        found = state.get("identity") if isinstance(state, dict) else type(state).__name__
        raise StoreError(path, f"the run {found!r}", f"the run {identity!r}", again)
    return state
