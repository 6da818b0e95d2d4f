"""SAM2-UNet: three maps, each with the structure loss."""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import STRIDE, own_keys
from .network import SAM2UNet as Network


class SAM2UNet(Method):
    """SAM2-UNet; adapters and decoder learn, the encoder is kept.

    Args:
        encoder: its name in timm; the authors use the large one.
        weighted_bce: whether the edges weigh more in the BCE, as the authors meant.
    """

    def __init__(
        self, size: int = 352, encoder: str = "sam2_hiera_large", weighted_bce: bool = True
    ) -> None:
        super().__init__()
        self.weighted_bce = weighted_bce
        self.normalise = Normalise()
        self.network = Network(encoder)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of the finest map; any H and W."""
        return self._maps(image)[:, :1]

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The structure loss of each map on its own."""
        maps = self._maps(inputs.image).unbind(1)
        losses = [weighted_bce_iou(each[:, None], mask, self.weighted_bce) for each in maps]
        return {"total": torch.stack(losses).sum(), "finest": losses[0]}

    def _maps(self, image: Tensor) -> Tensor:
        """The maps, (B, 3, H, W), the finest first."""
        return on_multiple(self._stacked, self.normalise(image), STRIDE)

    def _stacked(self, image: Tensor) -> Tensor:
        return torch.cat(self.network(image), dim=1)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, by timm's names; all else starts from random ones."""
        name = weights.names[0]
        state = weights.read(name)
        load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("head.*",))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}
