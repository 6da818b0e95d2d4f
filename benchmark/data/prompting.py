"""Prompts of a batch, as tensors: what a prompted method is shown."""

import numpy as np
import torch
from torch import Tensor

from benchmark.core.row import Prompt
from benchmark.data.prompts import box, centre_point, point


def prompts_of(prompt: Prompt, mask: Tensor, keys: np.ndarray, draw: int) -> dict[str, Tensor]:
    """Fields of `Inputs` for a batch; empty for a method that is shown nothing.

    Args:
        mask: float or uint8 (b, 1, H, W), the reference.
        keys: uint64 (b,), one a case.
        draw: number of the draw; the epoch in training.
    """
    if prompt == "none":
        return {}
    masks = mask[:, 0].cpu().numpy() > 0
    if prompt == "box":
        boxes = np.array([box(m) for m in masks], np.float32)
        return {"boxes": torch.from_numpy(boxes).to(mask.device)}
    if prompt == "centre":
        points = np.array([centre_point(m) for m in masks], np.float32)
    else:
        pairs = zip(masks, keys, strict=True)
        points = np.array([point(m, int(k), draw) for m, k in pairs], np.float32)
    labels = np.ones((len(points), 1), np.int64)
    return {
        "points": torch.from_numpy(points)[:, None].to(mask.device),
        "point_labels": torch.from_numpy(labels).to(mask.device),
    }
