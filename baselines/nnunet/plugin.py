"""nnU-Net's network in this benchmark's training: not nnU-Net, which configures itself."""

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise

from .network import plain_unet, residual_unet, without_copies

STRIDE, LEAST = 32, 64  # of the deepest map; pixels below which it would be a single one
# Of the resolutions, finest first: halved each time, 0 for the lowest, and 1 together.
WEIGHTS = tuple(w / 1.875 for w in (1.0, 0.5, 0.25, 0.125))
SMOOTH = 1e-5
LossOf = Callable[[Tensor, Tensor], Tensor]  # of (B, 2, h, w) logits and a (B, 1, h, w) mask


def on_canvas(x: Tensor) -> Tensor:
    """Image or mask (B, C, H, W), continued by its border pixels to sides the network takes."""
    h, w = x.shape[-2:]
    more_h, more_w = (max(-s % STRIDE, LEAST - s) for s in (h, w))
    top, left = more_h // 2, more_w // 2
    return F.pad(x, (left, more_w - left, top, more_h - top), mode="replicate")


def difference(logits: Tensor) -> Tensor:
    """Foreground less background, (B, 1, h, w): its sigmoid is the softmax of the two."""
    return logits[:, 1:] - logits[:, :1]


def suite_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Weighted BCE + weighted IoU of the difference."""
    return weighted_bce_iou(difference(logits), mask)


def dice_ce(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy plus 1 - soft Dice of the foreground, which is pooled over the batch.

    Source: Isensee et al., Nature Methods 2021. Pooling is theirs in two dimensions.
    """
    logits, mask = logits.float(), mask.float()
    entropy = F.cross_entropy(logits, mask[:, 0].long())
    prob = logits.softmax(1)[:, 1:]
    inter = (prob * mask).sum()
    return entropy + 1 - (2 * inter + SMOOTH) / (prob.sum() + mask.sum() + SMOOTH)


class NNUNet2D(Method):
    """The plain 2-D network of nnU-Net with deep supervision and the suite's loss."""

    unet = staticmethod(plain_unet)

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network: Any = self.unet()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W), foreground less background; any H and W."""
        h, w = image.shape[-2:]
        logits = difference(self.network(self.normalise(on_canvas(image)))[0])
        top, left = (logits.shape[-2] - h) // 2, (logits.shape[-1] - w) // 2
        return logits[..., top : top + h, left : left + w]

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The suite's loss of the difference at every supervised resolution, weighted."""
        return {"total": self._supervised(inputs, mask, suite_loss)}

    def _supervised(self, inputs: Inputs, mask: Tensor, loss: LossOf) -> Tensor:
        """Sum of the weighted losses, each against the mask at its resolution (nearest)."""
        maps = self.network(self.normalise(on_canvas(inputs.image)))[: len(WEIGHTS)]
        mask = on_canvas(mask)
        total = mask.new_zeros(())
        for weight, logits in zip(WEIGHTS, maps, strict=True):
            small = F.interpolate(mask, logits.shape[-2:], mode="nearest-exact")
            total = total + weight * loss(logits, small)
        return total

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The library's own keys; it holds most tensors under several."""
        return {f"network.{key}": value for key, value in without_copies(state).items()}


class NNUNet2DAsPublished(NNUNet2D):
    """The same network with the authors' loss."""

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Dice + cross-entropy of the two classes at every supervised resolution, weighted."""
        return {"total": self._supervised(inputs, mask, dice_ce)}


class NNUNetResEnc2D(NNUNet2D):
    """The same with a residual encoder."""

    unet = staticmethod(residual_unet)


class NNUNetResEnc2DAsPublished(NNUNet2DAsPublished):
    """The network with a residual encoder and the authors' loss."""

    unet = staticmethod(residual_unet)
