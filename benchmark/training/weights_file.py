"""What a run has learnt, as one file: its weights without those that are frozen.

A frozen weight is the same after training as before it, and is had again from the seed and the
pretrained files. The file says which, and holds a digest by which they are checked. It holds
another digest of its own tensors and of what it says of their origin.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.core.errors import MethodError, MissingDataError, StoreError
from benchmark.core.files import write_atomic
from benchmark.methods.layers import load_strictly

if TYPE_CHECKING:
    from benchmark.methods.method import Method
    from benchmark.methods.weights import WeightStore

KEY = "mixseg"
Build = Callable[[int, dict[str, Any] | None], "Method"]


@dataclass(frozen=True)
class Origin:
    """Where a run's weights began.

    Attributes:
        size: side of the images in pixels.
        seed: of the run; random weights are drawn from it.
        pretrained: whether the card's files were loaded over them.
        frozen: digest of the frozen weights, which the file does not hold; empty for none.
        arguments: with which the network was built, besides its size; None is those of the row.
        content: digest of the tensors in the file and of the fields above; empty in older files.
    """

    size: int
    seed: int
    pretrained: bool
    frozen: str = ""
    arguments: dict[str, Any] | None = None
    content: str = ""

    @classmethod
    def of(cls, path: Path) -> Self:
        """What a file of weights says of its origin.

        Raises: MissingDataError if there is no file, MethodError if it is no run's.
        """
        if not path.is_file():
            raise MissingDataError(
                path, "no file", "weights of a run",
                "Train one with `mixseg run`, or `dvc pull` its artefacts.",
            )  # fmt: skip
        try:
            with safe_open(path, "pt") as file:
                return cls(**json.loads((file.metadata() or {})[KEY]))
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
            raise MethodError(
                path, f"not written by a run ({problem})", "a run's weights.safetensors",
                "Name one of those in artefacts/.",
            ) from error  # fmt: skip

    def begin(self, build: Build, size: int, weights: "WeightStore") -> "Method":
        """A method as its run began: seeded, then pretrained where that was asked for.

        Args:
            build: gives the network with random weights for a size in pixels and arguments.
        """
        torch.manual_seed(self.seed)
        method = build(size, self.arguments)
        if self.pretrained:
            method.load_pretrained(weights)
        return method


def frozen_names(method: "Method") -> tuple[str, ...]:
    """The parameters that never learn."""
    return tuple(name for name, p in method.named_parameters() if not p.requires_grad)


def learnt_state(method: "Method") -> dict[str, Tensor]:
    """The state_dict without the frozen parameters; buffers stay."""
    frozen = set(frozen_names(method))
    return {name: value for name, value in method.state_dict().items() if name not in frozen}


def load_learnt(method: "Method", state: dict[str, Tensor], where: str) -> None:
    """Loads what `learnt_state` gave into a method that holds its frozen parameters already.

    Raises: MethodError with the first keys that do not fit.
    """
    load_strictly(method, state, where, may_miss=frozen_names(method))


def write_learnt(path: Path, method: "Method", origin: Origin) -> None:
    """Writes the learnt state, each tensor with memory of its own, as safetensors wants it."""
    write_tensors(path, learnt_state(method), replace(origin, frozen=frozen_digest(method)))


def write_tensors(path: Path, state: dict[str, Tensor], origin: Origin, **more: str) -> None:
    """Writes tensors with their origin and the digest of both.

    Args:
        more: further entries of the file's metadata.
    """
    state = {k: v.detach().cpu().contiguous().clone() for k, v in state.items()}
    told = asdict(replace(origin, content=content_digest(state, origin)))
    with write_atomic(path) as temporary:
        save_file(state, temporary, {KEY: json.dumps(told), **more})


def read_learnt(path: Path, build: Build, size: int, weights: "WeightStore") -> "Method":
    """A method with a run's weights.

    Args:
        build: see `Origin.begin`.
        size: side of the images in pixels; another than in training is allowed.

    Raises: StoreError if the file was damaged; MethodError if the weights are another method's, or
    the frozen part cannot be had again; MissingDataError if they or pretrained files that they
    build on are not to be had.
    """
    origin, state = Origin.of(path), load_file(path)
    _check(path, state, origin)
    with torch.random.fork_rng(devices=()):
        if origin.frozen:
            method = origin.begin(build, size, weights)
        else:
            method = build(size, origin.arguments)
    load_learnt(method, state, f"{path}, as {type(method).__name__} at {size} pixels")
    if origin.frozen != frozen_digest(method):
        raise MethodError(
            path,
            "frozen weights other than in training",
            f"those of digest {origin.frozen[:16] or 'none'}",
            "Use the pretrained files, the code and the version of torch that run.json names.",
        )
    return method


def _check(path: Path, state: dict[str, Tensor], origin: Origin) -> None:
    found = content_digest(state, origin)
    if origin.content and found != origin.content:
        raise StoreError(
            path, f"damaged: its content has digest {found[:16]}",
            f"the digest that it was written with, {origin.content[:16]}",
            "Get it again with `dvc pull`, or make it again with `mixseg run` or `import-weights`.",
        )  # fmt: skip


def content_digest(state: dict[str, Tensor], origin: Origin) -> str:
    """SHA-256 of tensors on the CPU, with names, types and shapes, and of their origin."""
    told = hashlib.sha256(json.dumps(asdict(replace(origin, content=""))).encode())
    for name, value in sorted(state.items()):
        told.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        told.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return told.hexdigest()


def frozen_digest(method: "Method") -> str:
    """SHA-256 of the names, shapes and values of the frozen parameters; empty without any."""
    names = set(frozen_names(method))
    if not names:
        return ""
    told = hashlib.sha256()
    for name, value in method.named_parameters():
        if name in names:
            told.update(f"{name} {tuple(value.shape)}\n".encode())
            told.update(value.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()
