"""MedSAM: what its encoder is shown, and how it differs from SAM."""

import pytest
import torch
from support import build

from baselines._shared import sam_encoder
from baselines._shared.sam_network import MEAN, STD, Sight


def test_images_are_stretched_one_by_one() -> None:
    # Two pixels, 0.2 and 0.6 in the first image, 0.5 and 1.0 in the second; the others lie between.
    image = torch.full((2, 3, 1, 2), 0.5)
    image[0, 0, 0], image[1, 1, 0] = torch.tensor([0.2, 0.6]), torch.tensor([0.5, 1.0])
    seen = Sight(2, minmax=True)(image.expand(2, 3, 2, 2))
    assert seen[0, 0, 0].tolist() == pytest.approx([0.0, 1.0])
    assert seen[0, 1, 0].tolist() == pytest.approx([0.75, 0.75])
    assert seen[1, 1, 0].tolist() == pytest.approx([0.0, 1.0])
    flat = Sight(2, minmax=True)(torch.full((1, 3, 2, 2), 0.3))
    assert flat.tolist() == torch.zeros(1, 3, 2, 2).tolist()


def test_sam_sees_mean_and_deviation_instead() -> None:
    image = torch.full((1, 3, 2, 2), 0.3)
    seen = Sight(2)(image)
    for k in range(3):
        assert float(seen[0, k, 0, 0]) == pytest.approx((0.3 - MEAN[k]) / STD[k], abs=1e-6)


def test_an_image_is_enlarged_as_a_square() -> None:
    image = torch.arange(4.0).view(1, 1, 2, 2).expand(1, 3, 2, 2) / 3
    seen = Sight(4, minmax=True)(image)
    assert seen.shape == (1, 3, 4, 4)
    assert seen[0, 0, 0, :2].tolist() == pytest.approx([0.0, 0.25 / 3])  # a quarter of a pixel on


def test_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam_encoder, "DEPTH", 1)
    for name in ("medsam", "medsam-point"):
        method = build(name, 64)
        assert method.sight.minmax
        assert method.card.recipe.epochs == 0
        assert not any(p.requires_grad for p in method.parameters())
        assert [item.hub for item in method.card.weights] == [
            "wanglab/medsam-vit-base:model.safetensors"
        ]
    # Another sight is another embedding, even under the same weights.
    assert repr(method.embedder()) != repr(build("sam", 64).embedder())
