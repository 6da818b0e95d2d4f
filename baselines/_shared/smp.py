"""Networks of segmentation-models-pytorch on an encoder with ImageNet weights."""

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Method, Normalise
from benchmark.methods.weights import WeightStore


class SmpMethod(Method):
    """A network of segmentation-models-pytorch.

    Args:
        encoder: the encoder's name.

    Attributes:
        architecture: its class, called with the encoder's name and without weights.
        stride: of the encoder's last level.
    """

    architecture: ClassVar[Callable[..., nn.Module]]
    stride: ClassVar[int] = 32

    def __init__(self, size: int = 352, *, encoder: str) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network: Any = type(self).architecture(encoder, encoder_weights=None)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), self.stride)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, where the row names some; the decoder starts from random ones."""
        for name in weights.names:
            state = weights.read(name)
            load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("fc.*",))
