"""The loss of UACANet: BCE and a Jaccard of every pixel, both weighted by nearness to the edge."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 31
REACH = WINDOW // 2
SLOPE = 5.0


def pixel_iou(logits: Tensor, mask: Tensor) -> Tensor:
    """mean_b [ sum w BCE / sum w  +  sum w (1 - (s m + 1) / (s + m - s m + 1)) / sum w ].

    w = 1 + 5 |avgpool31(m) - m| as in `weighted_bce_iou`, whose Jaccard is one ratio of sums; this
    is a mean of the ratios of single pixels, which is another loss.

    Args:
        logits, mask: (B, 1, H, W); s is the sigmoid of the logits.
    """
    logits, mask = logits.float(), mask.float()
    # One axis after the other: the same means in a fraction of the time on a CPU.
    rows = F.avg_pool2d(mask, (1, WINDOW), stride=1, padding=(0, REACH))
    pooled = F.avg_pool2d(rows, (WINDOW, 1), stride=1, padding=(REACH, 0))
    weight = 1 + SLOPE * (pooled - mask).abs()
    bce = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    prob = torch.sigmoid(logits)
    inter = prob * mask
    jaccard = 1 - (inter + 1) / (prob + mask - inter + 1)
    over = (1, 2, 3)
    of_case = (weight * (bce + jaccard)).sum(over) / weight.sum(over)
    return of_case.mean()
