"""Subbands added to the outputs of an encoder, where MFA is taken out."""

import itertools

import torch
from torch import Tensor

from mmsnet.fusion import StageFusion


def test_eq_stage_fusion_adds_normalised_maps() -> None:
    """x + LN(Conv1x1(maps)), pixel by pixel."""
    torch.manual_seed(3)
    dims, sides = (8, 16), (4, 2)
    fusion = StageFusion(dims, maps=5).double()
    features, maps = (
        [torch.randn(2, c, s, s, dtype=torch.float64) for c, s in zip(widths, sides, strict=True)]
        for widths in (dims, (5, 5))
    )
    for i, x in enumerate(fusion(features, maps)):
        embedding = fusion.maps[i]
        assert x.shape == features[i].shape
        for b, row, column in itertools.product(range(2), range(sides[i]), range(sides[i])):
            found = x[b, :, row, column] - features[i][b, :, row, column]
            torch.testing.assert_close(found, by_hand(maps[i][b, :, row, column], embedding))
    assert sum(p.numel() for p in fusion.parameters()) == sum((5 + 1 + 2) * d for d in dims)


def by_hand(values: Tensor, embedding: torch.nn.Module) -> Tensor:
    """LN(W v + b) of one pixel's values."""
    conv, norm = embedding.proj, embedding.norm
    value = conv.weight[:, :, 0, 0] @ values + conv.bias
    centred = value - value.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt() * norm.weight + norm.bias
