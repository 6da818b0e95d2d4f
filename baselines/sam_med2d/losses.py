"""SAM-Med2D's loss: focal, Dice and the error of the predicted IoU; sums over the whole batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

ALPHA, GAMMA, FOCAL = 0.25, 2.0, 20.0
EPS = 1e-7


def focal(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean over all pixels of -a (1 - p)^g log p, p the probability of what is true.

    a is 0.25 on the foreground and 0.75 elsewhere, g is 2.
    """
    bce = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    wrong = 1 - torch.exp(-bce)
    share = ALPHA * mask + (1 - ALPHA) * (1 - mask)
    return (share * wrong**GAMMA * bce).mean()


def batch_dice(prob: Tensor, mask: Tensor) -> Tensor:
    """1 - (2 sum s m + 1) / (sum s + sum m + 1), each sum over the whole batch."""
    return 1 - (2 * (prob * mask).sum() + 1) / (prob.sum() + mask.sum() + 1)


def batch_iou(prob: Tensor, mask: Tensor) -> Tensor:
    """sum s m / sum (s + m - s m): one number for the whole batch."""
    inter = (prob * mask).sum()
    return inter / (prob.sum() + mask.sum() - inter).clamp_min(EPS)


def med2d_loss(logits: Tensor, mask: Tensor, quality: Tensor) -> dict[str, Tensor]:
    """20 focal + Dice + (predicted IoU - soft IoU)^2.

    Args:
        logits, mask: (B, 1, H, W).
        quality: predicted IoU (B, 1).

    Source: Cheng et al., SAM-Med2D, arXiv:2308.16184.
    """
    logits, mask = logits.float(), mask.float()
    prob = torch.sigmoid(logits)
    terms = {
        "focal": FOCAL * focal(logits, mask),
        "dice": batch_dice(prob, mask),
        "iou_error": ((quality.float() - batch_iou(prob, mask)) ** 2).mean(),
    }
    return {"total": sum(terms.values(), torch.zeros_like(terms["dice"])), **terms}
