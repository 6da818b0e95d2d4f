"""The arms of the spectral loss: the same network and spatial term, and what each adds to it."""

import math

import pytest
import torch
from support import ROOT, build
from torch import Tensor

from baselines._shared.spectral import pearson
from benchmark.methods.discover import card_of, cards
from benchmark.methods.losses import bce_dice
from benchmark.methods.method import Inputs, Method

MAIN = {"unet": "unet-resnet50", "transunet": "transunet"}  # the row with the same network
BOTH = pytest.mark.parametrize("base", MAIN)


def made(name: str, logits: Tensor, **arguments: object) -> Method:
    """The method, whose network gives these logits."""
    with torch.device("meta"):
        method = build(name, 32, **arguments)
    method.forward = lambda image: logits  # type: ignore[method-assign]
    return method


def case() -> tuple[Tensor, Tensor, Inputs]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 12, 12, generator=generator)
    mask = (torch.rand(2, 1, 12, 12, generator=generator) > 0.5).float()
    return logits, mask, Inputs(torch.rand(2, 3, 12, 12))


@BOTH
def test_the_spatial_arm_by_hand(base: str) -> None:
    """Four pixels of probability 1/2, one in the mask: BCE ln 2, Dice (2 / 2 + 1) / (2 + 1 + 1)."""
    method = made(f"{base}-bce-dice", torch.zeros(1, 1, 2, 2))
    mask = torch.tensor([1.0, 0, 0, 0]).view(1, 1, 2, 2)
    terms = method.loss(Inputs(torch.rand(1, 3, 2, 2)), mask)
    assert set(terms) == {"total"}
    assert float(terms["total"]) == pytest.approx(0.5 * math.log(2) + 0.5 * (1 - 2 / 4))


@BOTH
def test_the_arms_differ_by_their_spectral_term_alone(base: str) -> None:
    logits, mask, inputs = case()
    spatial = float(bce_dice(logits, mask))
    assert float(made(f"{base}-bce-dice", logits).loss(inputs, mask)["total"]) == spatial
    prob = torch.sigmoid(logits)
    p, g = torch.fft.fft2(prob).abs(), torch.fft.fft2(mask).abs()
    for name, correlation in (("scc", pearson(p, g)), ("scc-control", pearson(prob, mask))):
        method = made(f"{base}-{name}", logits)
        terms = {key: float(value) for key, value in method.loss(inputs, mask).items()}
        expected = float((1 - correlation).mean())
        assert terms["spatial"] == spatial
        assert terms["spectral"] == pytest.approx(expected, abs=1e-5), name
        assert terms["total"] == pytest.approx(
            spatial + method.spatial_spectral.weight * expected, abs=1e-5
        )


@BOTH
def test_the_weight_is_declared(base: str) -> None:
    """One of those that were to be tried, the same in both arms, and told in the card."""
    one, two = (card_of(ROOT, f"{base}-{name}") for name in ("scc", "scc-control"))
    assert one.arguments["scc_weight"] == two.arguments["scc_weight"]
    assert one.arguments["scc_weight"] in (0.1, 0.5, 1.0)
    for card in (one, two):
        assert f"{card.arguments['scc_weight']} L_spectral" in card.recipe.why
        assert "our interpretation" in card.recipe.why
        assert card.recipe.deviations() == {}


@BOTH
def test_the_weight_can_be_tried(base: str) -> None:
    logits, mask, inputs = case()
    totals = [
        made(f"{base}-scc", logits, scc_weight=weight).loss(inputs, mask) for weight in (0.1, 1.0)
    ]
    difference = float(totals[1]["total"] - totals[0]["total"])
    assert difference == pytest.approx(0.9 * float(totals[0]["spectral"]), abs=1e-5)


@BOTH
def test_the_network_is_that_of_the_main_row(base: str) -> None:
    known = {card.name: card for card in cards(ROOT)}
    row = MAIN[base]
    for name in ("bce-dice", "scc", "scc-control"):
        card = known[f"{base}-{name}"]
        assert card.structure == known[row].structure
        assert card.weights == known[row].weights
        assert card.group == "main"
        assert card.base == (row if name == "bce-dice" else f"{base}-bce-dice")


def test_what_is_logged_takes_no_part_in_the_gradient() -> None:
    logits, mask, inputs = case()
    logits.requires_grad_()
    terms = made("unet-scc", logits).loss(inputs, mask)
    assert [key for key, value in terms.items() if value.requires_grad] == ["total"]
