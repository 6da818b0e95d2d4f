"""DCSAU-Net: with the suite's loss, and with that of its authors."""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.method import Inputs, Method, Normalise

from .network import STRIDE, own_keys
from .network import DCSAUNet as Network


def batch_dice(logits: Tensor, mask: Tensor) -> Tensor:
    """1 - (2 sum s m + 1) / (sum s + sum m + 1), every sum over the whole batch at once."""
    prob, mask = torch.sigmoid(logits.float()), mask.float()
    return 1 - (2 * (prob * mask).sum() + 1) / (prob.sum() + mask.sum() + 1)


class DCSAUNet(Method):
    """DCSAU-Net, from random weights: no pretrained ones exist."""

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


class DCSAUNetAsPublished(DCSAUNet):
    """The same with the loss of its authors."""

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Dice of the whole batch."""
        return {"total": batch_dice(self(inputs.image), mask)}
