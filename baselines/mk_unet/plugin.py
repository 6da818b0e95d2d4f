"""MK-UNet, from random weights."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.method import Method, Normalise

from .network import CHANNELS, STRIDE, own_keys
from .network import MKUNet as Network


class MKUNet(Method):
    """MK-UNet, from random weights: no pretrained ones exist.

    Args:
        channels: of the five stages, finest first; they tell its sizes apart.
    """

    def __init__(self, size: int = 352, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = Network(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}
