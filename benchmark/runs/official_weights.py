"""Weights of official networks as files that `mixseg predict` takes; nothing in them is executed.

A file made here holds all of the network, its frozen part too, and so needs no pretrained files.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmark.core.errors import MethodError, MixSegError, ParamsError
from benchmark.core.files import Paths, sha256_file, shown
from benchmark.methods import discover
from benchmark.methods.importing import own_line
from benchmark.methods.layers import SHOWN, load_strictly
from benchmark.methods.statefile import StateFile, check_numbers, read_state
from benchmark.methods.weights import WeightStore
from benchmark.training.weights_file import (
    Origin,
    frozen_digest,
    frozen_names,
    write_tensors,
)

if TYPE_CHECKING:
    from benchmark.methods.method import Method

SIZE = 352


def import_weights(
    paths: Paths, name: str, source: Path, to: Path | None = None, size: int | None = None
) -> str:
    """Writes an official file as weights of a method.

    Args:
        to: weights/imported/<name>.safetensors unless told.
        size: side of the images in pixels, 352 unless told.
    Returns: what was written, in words.

    Raises: MissingDataError without a file; StoreError if it is broken or holds more than tensors;
        MethodError with the first keys that differ. Nothing is then written.
    """
    entry = discover.method_entry(paths.root, name)
    to = to or paths.root / "weights" / "imported" / f"{name}.safetensors"
    if to.is_dir() or to.resolve() == source.resolve():
        found = "a folder" if to.is_dir() else "the file that is read"
        raise ParamsError(f"--to {to}", found, "a new file", "Name another place.")
    state, side = read_state(source), size or SIZE
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        method = entry.build(side)
    official = _Official(paths, source, f"{name} at {side} pixels", method)
    read, count = official.load(state)
    write_whole(to, method, side, source, official.pretrained)
    here = shown(to, paths.root)
    told = f"wrote {here}: {count} tensors of {name} at {side} pixels"
    told += f", made from the {len(read.tensors)} of {source.name}{read.where()}"
    if official.pretrained:
        told += f"; the frozen ones, which it does not hold, from {official.from_files()}"
    if read.passed:
        first = ", ".join(read.passed[:SHOWN])
        told += f"\nnot read, as no part of the network: {first} ({len(read.passed)})"
    if entry.card.prompt != "none":
        return told
    return f"{told}\nmixseg predict --method {name} --weights {here} --images FOLDER --out FOLDER"


@dataclass
class _Official:
    """One official file on its way into a method.

    Attributes:
        what: the method and its size, for errors.
        pretrained: SHA-256 of the pretrained files that gave the frozen weights, by name.
    """

    paths: Paths
    source: Path
    what: str
    method: "Method"
    pretrained: dict[str, str] = field(default_factory=dict)

    def load(self, state: StateFile) -> tuple[StateFile, int]:
        """Fills the method from the first variant of the state that fits.

        Returns: that variant, and how many tensors of the method it gave.

        Raises: MethodError of the variant that comes nearest; StoreError for NaN.
        """
        own, failed = self.method.state_dict().keys(), list[tuple[int, MethodError]]()
        for variant in state.variants():
            where = f"{self.source}{variant.where()}"
            mapped: dict[str, Tensor] = {}
            try:
                mapped = _mapped(self.paths.root, self.method, variant.tensors, where)
                self._fill(mapped, f"{where}, as {self.what}")
            except MethodError as error:
                failed.append((len(own & mapped.keys()), error))
                continue
            check_numbers(mapped, where, dict(self.method.named_parameters()))
            return variant, len(mapped)
        raise max(failed, key=lambda attempt: attempt[0])[1]

    def _fill(self, mapped: dict[str, Tensor], where: str) -> None:
        """Loads what was mapped; frozen weights may be missing together, and are then had again."""
        frozen, card = frozen_names(self.method), self.method.card
        if not frozen or not card.weights or any(name in mapped for name in frozen):
            load_strictly(self.method, mapped, where)
            return
        may_miss = ("*num_batches_tracked", *frozen)
        load_strictly(self.method, mapped, where, may_miss)
        store = WeightStore(self.paths.weights, card.weights)
        self.method.load_pretrained(store)
        load_strictly(self.method, mapped, where, may_miss)
        self.pretrained = store.digests()

    def from_files(self) -> str:
        """The pretrained files' names with their digests."""
        return ", ".join(f"{name} ({value[:16]})" for name, value in self.pretrained.items())


def write_whole(
    path: Path, method: "Method", size: int, source: Path, pretrained: dict[str, str]
) -> None:
    """Writes all weights; frozen ones are in the file, and their digest is told as of any run.

    Args:
        pretrained: SHA-256 of the files that gave the frozen weights, by name; empty for none.
    """
    frozen, arguments = frozen_digest(method), method.card.arguments
    origin = Origin(size, seed=0, pretrained=False, frozen=frozen, arguments=arguments)
    of: dict[str, object] = {"file": source.name, "sha256": sha256_file(source)}
    of |= {"pretrained": pretrained} if pretrained else {}
    write_tensors(path, method.state_dict(), origin, imported=json.dumps(of))


def _mapped(
    root: Path, method: "Method", state: dict[str, Tensor], source: str
) -> dict[str, Tensor]:
    """The state under the method's own keys; a key that the map misses is named."""
    try:
        return method.from_official(state)
    except MixSegError:
        raise
    except Exception as error:
        line = own_line(root, error)
        where = f"{source}, {line}" if line else source
        first = ", ".join(list(state)[:3])
        raise MethodError(
            where, f"{type(error).__name__} {error}; the file's first keys are {first}",
            f"the official state of {method.card.name!r}", "Use the file of that very network.",
        ) from error  # fmt: skip
