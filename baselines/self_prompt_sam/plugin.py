"""Self-prompt SAM: a linear classifier of the embedding's cells gives SAM its prompts.

It is shown no prompt, so it stands in the main block.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.sam_vit_b import SamVitB
from benchmark.methods.method import Features, Inputs

from .linear import cell_masks, fit_cells, sample
from .prompts import bounds, deepest

EMPTY = -10.0  # the logit of every pixel where the classifier finds nothing


class SelfPromptSam(SamVitB):
    """SAM as released, shown the point and the box of a linear classifier's mask.

    The classifier is fitted once, to cells of the whole training mix (its authors: of ten images).
    Where its mask is empty, so is the prediction: its authors leave such images out of the mean.
    """

    def __init__(self, size: int = 352, side: int = 1024) -> None:
        super().__init__(size, side)
        self.linear = nn.Linear(256, 1)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """SAM's weights, and a classifier of zeros, since none was ever published."""
        zeros = {"linear.weight": torch.zeros(1, 256), "linear.bias": torch.zeros(1)}
        return {**super().from_official(state), **zeros}

    def fit(self, cases: Any, features: Features) -> bool:
        """Logistic regression on cells of the embeddings of all training cases."""
        masks = cases.pixels(np.arange(len(cases)))[1]
        seed = int(torch.randint(2**31, ()))  # a run seeds torch's random numbers
        weight, bias = fit_cells(*sample(masks, features, seed))
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(weight)[None])
            self.linear.bias.fill_(bias)
        return True

    def cells(self, embedding: Tensor) -> Tensor:
        """The classifier's logits (B, 1, h, w)."""
        logits: Tensor = self.linear(embedding.float().movedim(1, -1)).movedim(-1, 1)
        return logits

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """What `fit` makes small: the classifier's cross-entropy."""
        logits = self.cells(self.features(inputs))
        target = cell_masks(mask[:, 0], logits.shape[-1])[:, None].to(logits.dtype)
        return {"total": F.binary_cross_entropy_with_logits(logits, target)}

    def predict(self, inputs: Inputs) -> Tensor:
        """Logits (B, 1, H, W)."""
        features = self.features(inputs)
        found = F.interpolate(self.cells(features), inputs.image.shape[-2:], mode="nearest") > 0
        masks = found[:, 0].cpu().numpy()
        empty = np.array([not mask.any() for mask in masks])
        masks[empty] = True  # stands in, so that every case has a prompt; see below
        device = inputs.image.device
        points = torch.from_numpy(np.stack([deepest(mask) for mask in masks])).to(device)[:, None]
        boxes = torch.from_numpy(np.stack([bounds(mask) for mask in masks])).to(device)
        labels = torch.ones(len(masks), 1, dtype=torch.long, device=device)
        shown = replace(inputs, features=features, points=points, point_labels=labels, boxes=boxes)
        nothing = torch.from_numpy(empty).to(device).view(-1, 1, 1, 1)
        return super().predict(shown).masked_fill(nothing, EMPTY)
