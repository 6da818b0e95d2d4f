"""Passes of a network with dropout, each picture under random numbers of its own.

**Conventions**
1. A dropout layer is one of torch's own (`nn.Dropout`, `1d`, `2d`, `3d`, `nn.AlphaDropout`,
   `nn.FeatureAlphaDropout`) with a share above 0, or an `nn.MultiheadAttention` that has one. Drop
   path is none: it leaves out whole blocks, to train deep encoders. A call of `F.dropout` cannot
   be seen from outside.
2. All other layers are in evaluation mode: batch normalisation keeps its statistics, and uses them.
3. A pass runs one picture at a time under a seed of its own, so its result depends on neither
   batch nor order.

**Source** Gal and Ghahramani, Dropout as a Bayesian approximation, ICML 2016.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.core.errors import NoPartError
from benchmark.core.files import sha256_bytes
from benchmark.evaluation.predict import probabilities
from benchmark.methods.method import Inputs, Method

LAYERS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)
PASSES = 20
NO_LAYER = "no dropout layer"


def dropout_layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a network that drop a share of what they are given."""
    return [
        layer
        for layer in network.modules()
        if (isinstance(layer, LAYERS) and layer.p > 0)
        or (isinstance(layer, nn.MultiheadAttention) and layer.dropout > 0)
    ]


def check_dropout(method: Method) -> None:
    """Refuses a method without a dropout layer.

    Raises: NoPartError.
    """
    if not dropout_layers(method):
        raise NoPartError(
            method.card.name, NO_LAYER, "an nn.Dropout with a share above 0",
            "Use an ensemble of several seeds.",
        )  # fmt: skip


def seeds_of(*parts: object, passes: int) -> list[int]:
    """A seed for each pass, drawn from what names a picture and its run."""
    key = int(sha256_bytes("/".join(map(str, parts)).encode())[:32], 16)
    return [int(seed) for seed in np.random.SeedSequence(key).generate_state(passes, np.uint64)]


def dropout_passes(
    method: Method, inputs: Inputs, seeds: Sequence[Sequence[int]]
) -> Iterator[np.ndarray]:
    """Probabilities float32 (T, H, W) of each picture of a batch.

    Args:
        seeds: T for each picture.

    Raises: as `probabilities`.
    """
    devices = [inputs.image.device] if inputs.image.is_cuda else []
    with dropping(method), torch.random.fork_rng(devices):
        for k, own in enumerate(seeds):
            picture, probs = inputs.part(slice(k, k + 1)), []
            for seed in own:
                torch.manual_seed(seed)
                probs.append(probabilities(method, picture)[0])
            yield np.stack(probs)


@contextmanager
def dropping(method: Method) -> Iterator[None]:
    """Inside, the dropout layers drop though the network is in evaluation mode."""

    def on(layer: nn.Module, _: tuple[Tensor, ...]) -> None:
        # Not train(): that would reach the layers inside.
        layer.training = True

    def off(layer: nn.Module, _: tuple[Tensor, ...], __: Tensor) -> None:
        layer.training = False

    with ExitStack() as stack:
        for layer in dropout_layers(method):
            stack.callback(layer.register_forward_pre_hook(on).remove)
            stack.callback(layer.register_forward_hook(off, always_call=True).remove)
        yield
