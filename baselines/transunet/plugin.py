"""TransUNet (R50-ViT-B/16): in the suite's recipe, and as its authors train it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._shared.transunet_method import TransUNetMethod
from benchmark.methods.method import Inputs


def ce_dice(logits: Tensor, mask: Tensor, smooth: float = 1e-5) -> Tensor:
    """Half cross-entropy, half Dice of background and foreground, over the whole batch.

    dice_c = 1 - (2 sum s_c m_c + smooth) / (sum s_c^2 + sum m_c^2 + smooth)

    The two classes are the logits 0 and z, so that the softmax is the sigmoid of z; the official
    code knows several classes alone. The background counts, and the denominators are squared.
    """
    logits, mask = logits.float(), mask.float()
    entropy = F.binary_cross_entropy_with_logits(logits, mask)
    prob = torch.sigmoid(logits)
    dice = torch.zeros_like(entropy)
    for s, m in ((prob, mask), (1 - prob, 1 - mask)):
        dice = dice + 1 - (2 * (s * m).sum() + smooth) / ((s * s).sum() + (m * m).sum() + smooth)
    return 0.5 * entropy + 0.5 * dice / 2


class TransUNet(TransUNetMethod):
    """TransUNet; images have mean and deviation 0.5, as its encoder learnt them."""


class TransUNetAsPublished(TransUNetMethod):
    """The same with the loss and the images in [0, 1] of its authors."""

    def __init__(self, size: int = 352) -> None:
        super().__init__(size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of both classes."""
        return {"total": ce_dice(self(inputs.image), mask)}
