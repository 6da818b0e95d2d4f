"""Pretrained weights: found in the local store or on the model hub, never silently random."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

from benchmark.card import Weights
from benchmark.errors import MissingDataError, StoreError
from benchmark.files import sha256_file

SAFE, ARRAYS = ".safetensors", ".npz"


class WeightStore:
    """The pretrained files that one card names.

    Args:
        folder: local store; looked at first.
        wanted: the card's files.
    """

    def __init__(self, folder: Path, wanted: Sequence[Weights]) -> None:
        self.folder = folder
        self.wanted = {item.name: item for item in wanted}

    def here(self, name: str) -> Path | None:
        """The file of that name in the local store or the hub's cache, or None."""
        candidates = (self.folder / file for file in self.wanted[name].files)
        local = next((path for path in candidates if path.is_file()), None)
        return local or _cached(self.wanted[name].hub)

    def describe(self) -> str:
        """Which files are needed, and whether they are here."""
        where = ((name, "here" if self.here(name) else "from the hub") for name in self.wanted)
        return ", ".join(f"{name} ({place})" for name, place in where) or "none"

    def path(self, name: str) -> Path:
        """The file of that name, fetched from the hub where it is not local.

        Raises: MissingDataError naming both places.
        """
        return self.here(name) or self._fetched(name, True)

    def _fetched(self, name: str, fetch: bool) -> Path:
        item, said = self.wanted[name], "was not asked for"
        try:
            if fetch:
                return _from_hub(item.hub)
            raise FileNotFoundError
        except (OSError, ValueError) as error:
            said = f"did not give it ({type(error).__name__})" if fetch else said
            raise MissingDataError(
                f"weights {name!r}",
                f"none of {', '.join(item.files) or 'no file name'} in {self.folder}, and the "
                f"model hub {said}: {item.hub or 'no address'}",
                "one of the two",
                f"Put the file into {self.folder} or set MIXSEG_WEIGHTS, or go online; random "
                "weights must be asked for in params.yaml (weights: random).",
            ) from error

    def digests(self, fetch: bool = True) -> dict[str, str]:
        """Name to SHA-256 of every file that the card names.

        Args:
            fetch: get from the hub what is not here.

        Raises: MissingDataError for a file that is not to be had.
        """
        paths = {name: self.here(name) or self._fetched(name, fetch) for name in self.wanted}
        return {name: sha256_file(path) for name, path in paths.items()}

    def read(self, name: str) -> dict[str, object]:
        """The tensors of a file as float32: safetensors, a weights-only checkpoint, arrays of npz.

        Raises: StoreError if the file is broken, or holds more than tensors.
        """
        from safetensors import SafetensorError

        path = self.path(name)
        broken = (OSError, EOFError, RuntimeError, ValueError, TypeError, BadZipFile)
        try:
            state = _load(path)
        except (*broken, pickle.UnpicklingError, SafetensorError) as error:
            problem = (str(error).splitlines() or [type(error).__name__])[0]
            raise StoreError(
                path, f"unreadable ({problem})", "tensors alone", "Get the file again."
            ) from error
        if not isinstance(state, dict) or not all(hasattr(v, "dtype") for v in state.values()):
            keys = list(state)[:3] if isinstance(state, dict) else type(state).__name__
            raise StoreError(
                path, f"{keys}", "a dictionary of tensors alone", "Save the state_dict itself."
            )
        return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def _load(path: Path) -> object:
    """What the file holds; nothing in it is executed."""
    import numpy as np
    import torch
    from safetensors.torch import load_file

    if path.suffix == SAFE:
        return load_file(path)
    if path.suffix == ARRAYS:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    return torch.load(path, map_location="cpu", weights_only=True)


def _cached(address: str) -> Path | None:
    """A file that the hub gave before; asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    repository, _, file = address.partition(":")
    found = try_to_load_from_cache(repository, file) if file else None
    return Path(found) if isinstance(found, str) else None


def _from_hub(address: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging

    repository, _, file = address.partition(":")
    if not file:
        raise ValueError(f"no hub address in {address!r}")
    # Its retries are not shown; what came of them is told in one error.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    return Path(hf_hub_download(repository, file))
