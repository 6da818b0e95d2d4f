"""A frozen DINOv3 with a light decoder, under the suite's loss and recipe."""

from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import STRIDE, FrozenDINOv3, own_keys


class DINOv3(Method):
    """The decoder learns, the encoder is kept.

    Args:
        encoder: its name in timm.
    """

    def __init__(self, size: int = 352, encoder: str = "vit_small_patch16_dinov3_qkvb") -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = FrozenDINOv3(encoder)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, by timm's names or by the official ones."""
        name = weights.names[0]
        state = weights.read(name)
        state = own_keys(state) if "storage_tokens" in state else state
        load_strictly(self.network.encoder, state, f"weights {name!r}")
