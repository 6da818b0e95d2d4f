"""Weights of official networks as files that `mixseg predict` takes; nothing in them is executed.

A file made here holds all of the network, its frozen part too, and so needs no pretrained files.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark import discover
from benchmark.errors import MethodError, MissingDataError, MixSegError, ParamsError, StoreError
from benchmark.files import Places, sha256_file, write_atomic
from benchmark.importing import own_line
from benchmark.networks import load_strictly
from benchmark.training.trained import KEY, Origin, frozen_digest

if TYPE_CHECKING:
    from benchmark.method import Method

PICKLED = (".pth", ".pt", ".bin", ".ckpt")
SUFFIXES = (*PICKLED, ".npz", ".safetensors")
WRAPPERS = ("state_dict", "model")  # keys under which a checkpoint holds its network
PARALLEL = "module."  # in front of every key, of a network that several GPUs shared
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
    state, side = read_official(source), size or SIZE
    mapped = _mapped(places.root, entry.cls, state, source)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        method = entry.cls(size=side)
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
    origin = Origin(size, seed=0, pretrained=False, frozen=frozen_digest(method))
    of = {"file": source.name, "sha256": sha256_file(source)}
    with write_atomic(path) as temporary:
        save_file(state, temporary, {KEY: json.dumps(asdict(origin)), "imported": json.dumps(of)})


def read_official(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, as float32, without wrappers and prefixes of training.

    Raises: MissingDataError if there is none, StoreError if it is broken or holds anything else.
    """
    if not path.is_file():
        raise MissingDataError(path, "no file", "official weights", "Get it from its authors.")
    if path.suffix not in SUFFIXES:
        found, expected = f"a file {path.suffix or 'without suffix'}", f"one of {SUFFIXES}"
        raise StoreError(path, found, expected, "Rename it if it is one of them.")
    try:
        state = _unwrapped(_load(path))
    except Exception as error:  # a broken file may raise anything
        problem = (str(error).strip().splitlines() or [""])[0][:200]
        raise StoreError(
            path, f"unreadable ({type(error).__name__}: {problem})", "tensors alone",
            "Get the file again, or save its state_dict itself.",
        ) from error  # fmt: skip
    if not isinstance(state, Mapping) or not state:
        found = "nothing" if isinstance(state, Mapping) else f"a {type(state).__name__}"
        raise StoreError(path, found, "a dictionary of tensors", "Save the state_dict itself.")
    other = [k for k, v in state.items() if not (isinstance(k, str) and isinstance(v, Tensor))]
    if other:
        shown = ", ".join(f"{key} ({type(state[key]).__name__})" for key in other[:3])
        expected = f"tensors alone, or a dictionary with one of {WRAPPERS}"
        raise StoreError(path, f"{shown} ({len(other)})", expected, "Save the state_dict itself.")
    floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    if all(key.startswith(PARALLEL) for key in floats):
        return {key.removeprefix(PARALLEL): value for key, value in floats.items()}
    return floats


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix in PICKLED:
        return torch.load(path, map_location="cpu", weights_only=True)
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


def _unwrapped(state: Any) -> Any:
    """What lies under `state_dict` or `model`, one in the other too."""
    while isinstance(state, Mapping):
        inner = next((state[w] for w in WRAPPERS if isinstance(state.get(w), Mapping)), None)
        if inner is None:
            return state
        state = inner
    return state


def _mapped(
    root: Path, cls: "type[Method]", state: dict[str, Tensor], source: Path
) -> dict[str, Tensor]:
    """The state under the method's own keys; a key that the map misses is named."""
    try:
        return cls.from_official(state)
    except MixSegError:
        raise
    except Exception as error:
        line = own_line(root, error)
        where = f"{source}, {line}" if line else source
        first = ", ".join(list(state)[:3])
        raise MethodError(
            where, f"{type(error).__name__} {error}; the file's first keys are {first}",
            f"the official state of {cls.card.name!r}", "Use the file of that very network.",
        ) from error  # fmt: skip
