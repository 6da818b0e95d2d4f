"""Networks of segmentation-models-pytorch on an encoder with pretrained weights."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Method, Normalise
from benchmark.methods.weights import WeightStore

STRIDE = 32  # of an encoder's last level


class SmpMethod(Method):
    """A network of the library, built without weights.

    Args:
        encoder: the library's name of the encoder.

    Attributes:
        architecture: the library's class, called with the encoder's name.
        classifier: patterns of the keys of a weights file that no encoder needs.
    """

    architecture: ClassVar[Callable[..., nn.Module]]
    classifier: ClassVar[tuple[str, ...]] = ("fc.*",)

    def __init__(self, size: int = 352, encoder: str = "resnet34") -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network: Any = type(self).architecture(encoder, encoder_weights=None)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; the decoder starts from random ones."""
        for name in weights.names:  # none for a row from scratch
            state, where = weights.read(name), f"weights {name!r}"
            load_strictly(self.network.encoder, state, where, may_have=self.classifier)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The library's own keys in ours: a checkpoint of the same network."""
        return {f"network.{key}": value for key, value in state.items()}
