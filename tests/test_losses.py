"""Losses against values worked out by hand, and what they must not depend on."""

import math

import pytest
import torch
import torch.nn.functional as F

from benchmark.methods.losses import bce_dice, bce_iou, soft_dice, weighted_bce_iou

LOSSES = (weighted_bce_iou, bce_dice, bce_iou)


def logit(prob: float) -> float:
    return math.log(prob / (1 - prob))


def test_weighted_bce_iou_by_hand() -> None:
    # 2 x 2, one pixel foreground: the 31 x 31 window holds all four and divides by 961, so
    # w = 1 + 5 |1/961 - m|: 1 + 5 * 960/961 = 5.994797 on it, 1 + 5/961 = 1.005203 elsewhere.
    # s = 0.5 everywhere: BCE = ln 2, so the first term is ln 2 whatever the weights.
    # inter = 5.994797 / 2 = 2.997399; sum w (s + m) = 0.5 * (5.994797 + 3 * 1.005203) + 5.994797
    # = 10.5, union = 7.502601; 1 - (3.997399) / (8.502601) = 0.529862
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert weighted_bce_iou(torch.zeros(1, 1, 2, 2), mask).item() == pytest.approx(
        math.log(2) + 0.529862, abs=1e-5
    )


def test_weighted_and_published_bce_differ_where_errors_sit_at_edges() -> None:
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, 20:40, 20:40] = 1
    torch.manual_seed(0)
    grown = F.max_pool2d(mask, 9, stride=1, padding=4)  # wrong in a band along the edge
    logits = torch.randn(2, 1, 64, 64) + 6 * (grown - 0.5)
    published = weighted_bce_iou(logits, mask, weighted_bce=False)
    weight = 1 + 5 * (F.avg_pool2d(mask, 31, stride=1, padding=15) - mask).abs()
    scalar = F.binary_cross_entropy_with_logits(logits, mask)  # what reduce="none" gives
    as_run = (weight * scalar).sum((2, 3)) / weight.sum((2, 3))
    prob = torch.sigmoid(logits)
    inter = (prob * mask * weight).sum((2, 3))
    union = ((prob + mask) * weight).sum((2, 3))
    expected = (as_run + 1 - (inter + 1) / (union - inter + 1)).mean()
    torch.testing.assert_close(published, expected)
    assert abs(published - weighted_bce_iou(logits, mask)) > 1e-2


def test_soft_dice_by_hand() -> None:
    # s = (0.5, 0.25), m = (1, 0): (2 * 0.5 + 1) / (0.75 + 1 + 1) = 2 / 2.75
    prob, mask = torch.tensor([[[[0.5, 0.25]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert soft_dice(prob, mask).item() == pytest.approx(2 / 2.75)


def test_bce_dice_by_hand() -> None:
    # s = (0.8, 0.2), m = (1, 0): BCE = -ln 0.8; Dice = (1.6 + 1) / (1 + 1 + 1) = 2.6 / 3
    logits = torch.tensor([[[[logit(0.8), logit(0.2)]]]])
    mask = torch.tensor([[[[1.0, 0.0]]]])
    expected = 0.5 * -math.log(0.8) + 0.5 * (1 - 2.6 / 3)
    assert bce_dice(logits, mask).item() == pytest.approx(expected, abs=1e-6)


def test_bce_iou_by_hand() -> None:
    # inter = 0.8, union = 1 + 0.2 = 1.2
    logits = torch.tensor([[[[logit(0.8), logit(0.2)]]]])
    mask = torch.tensor([[[[1.0, 0.0]]]])
    assert bce_iou(logits, mask).item() == pytest.approx(-math.log(0.8) + 1 - 0.8 / 1.2, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_pooling_over_the_batch(loss) -> None:
    torch.manual_seed(0)
    logits, mask = torch.randn(4, 1, 40, 40), (torch.rand(4, 1, 40, 40) > 0.7).float()
    alone = torch.stack([loss(logits[k : k + 1], mask[k : k + 1]) for k in range(4)])
    torch.testing.assert_close(loss(logits, mask), alone.mean())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("sure", [-60.0, 60.0])
def test_empty_and_full_masks_give_finite_gradients(loss, value: float, sure: float) -> None:
    logits = torch.full((2, 1, 33, 33), sure, requires_grad=True)
    loss(logits, torch.full((2, 1, 33, 33), value)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_agree_with_differences(loss) -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    mask = (torch.rand(1, 1, 5, 4) > 0.5).double()
    double = loss(logits, mask)  # losses work in float32
    (grad,) = torch.autograd.grad(double, logits)
    step = torch.zeros_like(logits)
    step[0, 0, 2, 1] = 1e-2
    numeric = (loss(logits + step, mask) - loss(logits - step, mask)) / 2e-2
    assert grad[0, 0, 2, 1].item() == pytest.approx(numeric.item(), abs=1e-3)
