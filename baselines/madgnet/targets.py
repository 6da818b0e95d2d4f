"""What MADGNet's side tasks learn: a distance and a boundary, made from the mask where it lies.

Only pooling and running minima, so nothing is copied to the CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def distance(mask: Tensor) -> Tensor:
    """How far inside the mask a pixel lies, over the largest of its case: in [0, 1], 0 outside.

    The city-block distance to the nearest pixel that is not in the mask, the border around the
    image included; exact. The authors do not say which distance theirs is.

    Args:
        mask: (B, 1, H, W), 0 or 1.
    """
    # Of one that is not in the mask the distance is 0; of the others, at most the longest way.
    far = float(mask.shape[-1] + mask.shape[-2])
    steps = F.pad(mask.float() * far, (1, 1, 1, 1))
    # d(i, j) = min_kl |i - k| + |j - l| over (k, l) not in the mask, one axis after the other
    for axis in (-2, -1):
        steps = _nearest(steps, axis)
    steps = steps[..., 1:-1, 1:-1]
    return steps / steps.amax((-2, -1), keepdim=True).clamp_min(1)


def _nearest(x: Tensor, axis: int) -> Tensor:
    """min_k x_k + |i - k| along an axis: running minima of x_k - k from below, x_k + k from above.

    Sums of small whole numbers, so float32 is exact.
    """
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    at = torch.arange(x.shape[axis], device=x.device, dtype=x.dtype).view(shape)
    below = (x - at).cummin(axis).values + at
    above = (x + at).flip(axis).cummin(axis).values.flip(axis) - at
    return torch.minimum(below, above)


def boundary(mask: Tensor) -> Tensor:
    """1 where a 3x3 window holds pixels of both kinds, so two pixels wide; (B, 1, H, W).

    The morphological gradient: dilation less erosion. The image's border is none.

    Args:
        mask: (B, 1, H, W), 0 or 1.
    """
    mask = mask.float()
    return F.max_pool2d(mask, 3, 1, 1) + F.max_pool2d(-mask, 3, 1, 1)
