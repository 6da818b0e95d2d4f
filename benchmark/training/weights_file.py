"""What a run has learnt, as one file: its weights without those that are frozen.

A frozen weight is the same after training as before it, and is had again from the seed and the
pretrained files. The file says which, and holds a digest by which they are checked.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.core.errors import MethodError, MissingDataError
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
    """

    size: int
    seed: int
    pretrained: bool
    frozen: str = ""
    arguments: dict[str, Any] | None = None

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
    state = {k: v.detach().cpu().contiguous().clone() for k, v in learnt_state(method).items()}
    told = {**asdict(origin), "frozen": frozen_digest(method)}
    with write_atomic(path) as temporary:
        save_file(state, temporary, {KEY: json.dumps(told)})


def read_learnt(path: Path, build: Build, size: int, weights: "WeightStore") -> "Method":
    """A method with a run's weights.

    Args:
        build: see `Origin.begin`.
        size: side of the images in pixels; another than in training is allowed.

    Raises: MethodError if they are another method's, or the frozen part cannot be had again;
    MissingDataError if they or pretrained files that they build on are not to be had.
    """
    origin = Origin.of(path)
    with torch.random.fork_rng(devices=()):
        if origin.frozen:
            method = origin.begin(build, size, weights)
        else:
            method = build(size, origin.arguments)
    load_learnt(method, load_file(path), f"{path}, as {type(method).__name__} at {size} pixels")
    if origin.frozen != frozen_digest(method):
        raise MethodError(
            path,
            "frozen weights other than in training",
            f"those of digest {origin.frozen[:16] or 'none'}",
            "Use the pretrained files, the code and the version of torch that run.json names.",
        )
    return method


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
