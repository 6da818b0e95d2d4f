"""FCBFormer: with the suite's loss, and with that of its authors."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import STRIDE, own_keys
from .network import FCBFormer as Network

HALF = (0.5, 0.5, 0.5)  # mean and deviation of the authors' images


def dice_bce(logits: Tensor, mask: Tensor) -> Tensor:
    """1 - 2 (sum s m + 1) / (sum s + sum m + 1), a mean over the cases, plus BCE.

    Theirs as it runs: their 1 above the line counts twice.
    """
    logits, mask = logits.float(), mask.float()
    prob = torch.sigmoid(logits)
    inter, total = ((prob * mask).sum((1, 2, 3)), (prob + mask).sum((1, 2, 3)))
    dice = 2 * (inter + 1) / (total + 1)
    return 1 - dice.mean() + F.binary_cross_entropy_with_logits(logits, mask)


class FCBFormer(Method):
    """FCBFormer on PVTv2-B3, with the suite's loss."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise(HALF, HALF)
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = weights.names[0]
        # The file says `stages.0`, the encoder that gives its maps `stages_0`.
        state = {k.replace("stages.", "stages_", 1): v for k, v in weights.read(name).items()}
        encoder = self.network.transformer.encoder
        load_strictly(encoder, state, f"weights {name!r}", may_have=("head.*",))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official state_dict under this method's names."""
        return {f"network.{key}": value for key, value in own_keys(state).items()}


class FCBFormerAsPublished(FCBFormer):
    """The same with the loss of its authors."""

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Dice of each case + BCE."""
        return {"total": dice_bce(self(inputs.image), mask)}
