"""TransUNet (R50-ViT-B/16): in the suite's recipe, and as its authors train it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._shared.transunet_method import IMAGENET21K, R50_VIT_B16, TransUNetMethod
from benchmark.methods.method import Card, Inputs, Recipe

MIXES = ("smoke", "mix1", "mix2", "open")


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

    card = Card(
        name="transunet",
        title="TransUNet (R50-ViT-B/16)",
        source="Chen et al., arXiv 2102.04306; Medical Image Analysis 2024",
        code="https://github.com/Beckschen/TransUNet",
        licence="Apache-2.0",
        mixes=MIXES,
        pretrained_on=IMAGENET21K,
        weights=(R50_VIT_B16,),
    )


class TransUNetAsPublished(TransUNetMethod):
    """The same with the loss, the recipe and the images in [0, 1] of its authors."""

    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    card = Card(
        name="transunet-as-published",
        title="TransUNet, as published",
        source=TransUNet.card.source,
        code=TransUNet.card.code,
        licence=TransUNet.card.licence,
        group="as-published",
        base="transunet",
        mixes=MIXES,
        pretrained_on=IMAGENET21K,
        weights=(R50_VIT_B16,),
        recipe=Recipe(
            epochs=150,
            batch=24,
            optimiser="sgd",
            lr=0.01,
            lr_end=0.0,
            momentum=0.9,
            weight_decay=1e-4,
            schedule="poly",
            rotation_deg=20.0,
            why="the authors' training script, but on RGB at the mix's size instead of CT slices "
            "at 224, with one logit for their two classes, and with flips and rotations of every "
            "image instead of quarter turns or rotations of some",
        ),
    )

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of both classes."""
        return {"total": ce_dice(self(inputs.image), mask)}
