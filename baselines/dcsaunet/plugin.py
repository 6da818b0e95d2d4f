"""DCSAU-Net: in the suite's recipe, and as its authors train it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.method import Card, Inputs, Method, Normalise, Recipe

from .network import STRIDE, DCSAUNet, own_keys

MIXES = ("smoke", "mix1", "mix2", "open")


def batch_dice(logits: Tensor, mask: Tensor) -> Tensor:
    """1 - (2 sum s m + 1) / (sum s + sum m + 1), every sum over the whole batch at once."""
    prob, mask = torch.sigmoid(logits.float()), mask.float()
    return 1 - (2 * (prob * mask).sum() + 1) / (prob.sum() + mask.sum() + 1)


class DCSAUNetMethod(Method):
    """DCSAU-Net, from random weights: no pretrained ones exist."""

    card = Card(
        name="dcsaunet",
        title="DCSAU-Net",
        source="Xu et al., Computers in Biology and Medicine 2023",
        code="https://github.com/xq141839/DCSAU-Net",
        licence="Apache-2.0",
        mixes=(*MIXES, "open96"),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = DCSAUNet()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    @classmethod
    def from_official(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}


class DCSAUNetAsPublished(DCSAUNetMethod):
    """The same with the loss and the recipe of its authors."""

    card = Card(
        name="dcsaunet-as-published",
        title="DCSAU-Net, as published",
        source=DCSAUNetMethod.card.source,
        code=DCSAUNetMethod.card.code,
        licence=DCSAUNetMethod.card.licence,
        group="as-published",
        base="dcsaunet",
        mixes=MIXES,
        recipe=Recipe(
            epochs=150,
            batch=16,
            optimiser="adam",
            lr=1e-3,
            weight_decay=0.0,
            schedule="step",
            step_epochs=100,
            step_gamma=0.5,
            hflip=0.25,
            vflip=0.0,
            why="the authors' training script, but at the mix's size instead of 256, without "
            "their coarse dropout, and with the suite's rotation for their affine maps",
        ),
    )

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Dice of the whole batch."""
        return {"total": batch_dice(self(inputs.image), mask)}
