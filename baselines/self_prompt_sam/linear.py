"""A linear classifier of an embedding's cells, fitted to a bounded sample of them."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from benchmark.methods.method import Features

MOST_CELLS = 200_000  # 205 MB of embeddings; two training cases give 8,192 cells
CASES_AT_ONCE = 8
ALL_ALIKE = 10.0  # the logit of every cell where the sample holds one class alone


def sample(masks: np.ndarray, features: Features, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells of all cases, as many of each.

    Args:
        masks: uint8 (n, H, W), 0 or 1.
        features: gives the embeddings (b, C, h, w) of some cases.
        seed: of the choice of cells.

    Returns: float32 (cells, C) and bool (cells,).
    """
    rng = np.random.default_rng(seed)
    each = max(1, MOST_CELLS // len(masks))
    values, labels = [], []
    for start in range(0, len(masks), CASES_AT_ONCE):
        rows = np.arange(start, min(start + CASES_AT_ONCE, len(masks)))
        given = features(rows)
        assert given is not None, "the method embeds"
        cells = given.float().cpu().flatten(2).transpose(1, 2).numpy()  # (b, hw, C)
        small = cell_masks(torch.from_numpy(masks[rows]), given.shape[-1]).flatten(1).numpy()
        for value, label in zip(cells, small, strict=True):
            kept = rng.permutation(len(label))[:each]
            values.append(value[kept])
            labels.append(label[kept])
    return np.concatenate(values), np.concatenate(labels)


def cell_masks(masks: Tensor, side: int) -> Tensor:
    """Masks (b, H, W) at an embedding's side, by the nearest pixel; bool (b, side, side)."""
    return F.interpolate(masks[:, None].float(), side, mode="nearest")[:, 0] > 0.5


def fit_cells(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (C,) and bias of a logistic regression; constant where there is one class alone."""
    if labels.all() or not labels.any():
        bias = ALL_ALIKE if labels.all() else -ALL_ALIKE
        return np.zeros(values.shape[1], np.float32), bias
    fitted = LogisticRegression(max_iter=1000).fit(values, labels)
    return fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0])
