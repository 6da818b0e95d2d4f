"""Pretrained weights: found in the local store or on the model hub, never silently random."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.core.errors import MissingDataError
from benchmark.core.files import sha256_file
from benchmark.methods.declaration import Weights
from benchmark.methods.statefile import check_numbers, read_state

if TYPE_CHECKING:
    from torch import Tensor


class WeightStore:
    """The pretrained files that one card names.

    Args:
        folder: local store; looked at first.
        wanted: the card's files.
    """

    def __init__(self, folder: Path, wanted: Sequence[Weights]) -> None:
        self.folder = folder
        self.wanted = {item.name: item for item in wanted}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, in the order of the declaration."""
        return tuple(self.wanted)

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

    def read(self, name: str) -> dict[str, "Tensor"]:
        """The tensors of a file.

        Raises: as `read_tensors`, and as `path`; StoreError for weights that are not numbers.
        """
        path = self.path(name)
        tensors = read_tensors(path)
        check_numbers(tensors, path)
        return tensors


def read_tensors(path: Path) -> dict[str, "Tensor"]:
    """The tensors of a file by name, floats as float32, without wrappers and prefixes of training.

    Args:
        path: safetensors, a checkpoint of PyTorch, or arrays of npz; nothing in it is executed.

    Raises: MissingDataError if there is none, StoreError if it is broken or holds anything else.
    """
    return read_state(path).tensors


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
