"""U-KAN: with the suite's loss, and with loss and rates of its authors."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.losses import soft_dice
from benchmark.methods.method import Inputs, Method, Normalise

from .network import STRIDE, own_keys
from .network import UKAN as Network

FASTER = 100.0  # the rate of the splines' layers, in units of that of all else


class UKAN(Method):
    """U-KAN, from random weights: no pretrained encoder exists."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}


class UKANAsPublished(UKAN):
    """The same with its authors' loss, and with a higher rate for the layers of splines."""

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """BCE / 2 + 1 - Dice, a mean over the cases."""
        logits, mask = self(inputs.image).float(), mask.float()
        dice = soft_dice(torch.sigmoid(logits), mask, 1e-5).mean()
        return {"total": F.binary_cross_entropy_with_logits(logits, mask) / 2 + 1 - dice}

    def parameter_groups(self, lr: float) -> list[dict[str, object]]:
        """Splines and their linear parts at FASTER times the rate."""
        named = list(self.network.named_parameters())
        kan = [p for name, p in named if ".layers." in name]
        others = [p for name, p in named if ".layers." not in name]
        return [{"params": kan, "lr": FASTER * lr}, {"params": others, "lr": lr}]
