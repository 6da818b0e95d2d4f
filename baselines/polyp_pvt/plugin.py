"""Polyp-PVT: two maps from a pyramid vision transformer, scored as their sum."""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import PolypPVT as Network
from .official import polyp_pvt_keys

STRIDE = 32


class PolypPVT(Method):
    """Polyp-PVT on PVTv2-B2 under the suite's recipe; both maps are supervised.

    Args:
        weighted_bce: whether the edges weigh more in the BCE, as the authors meant.
    """

    def __init__(self, size: int = 352, weighted_bce: bool = True) -> None:
        super().__init__()
        self.weighted_bce = weighted_bce
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W), P1 + P2; any H and W."""
        return self._both(image).sum(1, keepdim=True)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The structure loss of P1 and of P2, each on its own."""
        p1, p2 = self._both(inputs.image).chunk(2, dim=1)
        first = weighted_bce_iou(p1, mask, self.weighted_bce)
        second = weighted_bce_iou(p2, mask, self.weighted_bce)
        return {"total": first + second, "p1": first, "p2": second}

    def _both(self, image: Tensor) -> Tensor:
        """P1 and P2, (B, 2, H, W)."""
        return on_multiple(self._stacked, self.normalise(image), STRIDE)

    def _stacked(self, image: Tensor) -> Tensor:
        return torch.cat(self.network(image), dim=1)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = weights.names[0]
        # The file says `stages.0`, the encoder that gives its maps `stages_0`.
        state = {k.replace("stages.", "stages_", 1): v for k, v in weights.read(name).items()}
        load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("head.*",))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The authors' keys in ours."""
        return {f"network.{key}": value for key, value in polyp_pvt_keys(state).items()}
