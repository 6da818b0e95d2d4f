"""Weights of official networks as files that `mixseg predict` takes; nothing in them is executed.

A file made here holds all of the network, its frozen part too, and so needs no pretrained files.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmark.core.errors import MethodError, MixSegError, ParamsError
from benchmark.core.files import Places, sha256_file, write_atomic
from benchmark.methods import discover
from benchmark.methods.importing import own_line
from benchmark.methods.layers import load_strictly
from benchmark.methods.weights import read_tensors
from benchmark.training.weights_file import KEY, Origin, frozen_digest

if TYPE_CHECKING:
    from benchmark.methods.method import Method

SIZE = 352


def import_weights(
    places: Places, name: str, source: Path, to: Path | None = None, size: int | None = None
) -> str:
    """Writes an official file as weights of a method.

    Args:
        to: weights/imported/<name>.safetensors unless told.
        size: side of the images in pixels, 352 unless told.
    Returns: what was written, in words.

    Raises: MissingDataError without a file; StoreError if it is broken or holds more than tensors;
        MethodError with the first keys that differ. Nothing is then written.
    """
    entry = discover.method_entry(places.root, name)
    to = to or places.root / "weights" / "imported" / f"{name}.safetensors"
    if to.is_dir() or to.resolve() == source.resolve():
        found = "a folder" if to.is_dir() else "the file that is read"
        raise ParamsError(f"--to {to}", found, "a new file", "Name another place.")
    state, side = read_tensors(source), size or SIZE
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        method = entry.build(side)
    mapped = _mapped(places.root, method, state, source)
    load_strictly(method, mapped, f"{source}, as {name} at {side} pixels")
    write_whole(to, method, side, source)
    shown = to.relative_to(places.root) if places.root in to.parents else to
    told = f"wrote {shown}: {len(mapped)} of the {len(state)} tensors of {source.name}"
    if entry.card.prompt != "none":
        return told
    return f"{told}\nmixseg predict --method {name} --weights {shown} --images FOLDER --out FOLDER"


def write_whole(path: Path, method: "Method", size: int, source: Path) -> None:
    """Writes all weights; frozen ones are in the file, and their digest is told as of any run."""
    state = {k: v.detach().cpu().contiguous().clone() for k, v in method.state_dict().items()}
    frozen, arguments = frozen_digest(method), method.card.arguments
    origin = Origin(size, seed=0, pretrained=False, frozen=frozen, arguments=arguments)
    of = {"file": source.name, "sha256": sha256_file(source)}
    with write_atomic(path) as temporary:
        save_file(state, temporary, {KEY: json.dumps(asdict(origin)), "imported": json.dumps(of)})


def _mapped(
    root: Path, method: "Method", state: dict[str, Tensor], source: Path
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
