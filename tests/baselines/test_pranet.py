"""PraNet: parity with the official network, parameters, the loss over its four maps."""

import math

import pytest
import torch
from parity import check
from support import ROOT, build

from benchmark.methods.discover import card_of
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs


def test_parity() -> None:
    """S5, S4, S3, S2 of the official network."""
    check("pranet", "pranet", lambda m, x: m.network(x))


def test_parameters() -> None:
    """Used; as built theirs has the encoder's classifier besides, 2,049,000 more."""
    method = build("pranet")
    assert sum(p.numel() for p in method.parameters()) == 30_498_319


def test_the_classifier_of_the_official_file_is_dropped() -> None:
    state = {"resnet.fc.weight": torch.zeros(2, 2), "resnet.bn1.weight": torch.zeros(64)}
    assert list(build("pranet").from_official(state)) == ["network.encoder.bn1.weight"]


def test_every_map_is_supervised_and_the_last_is_scored() -> None:
    torch.manual_seed(0)
    method = build("pranet")
    image, mask = torch.rand(2, 3, 64, 64), (torch.rand(2, 1, 64, 64) > 0.5).float()
    total = method.loss(Inputs(image), mask)["total"]
    maps = method.network(method.normalise(image))
    expected = sum(weighted_bce_iou(logits, mask) for logits in maps)
    torch.testing.assert_close(total, expected)
    method.eval()
    with torch.no_grad():
        torch.testing.assert_close(method(image), method.network(method.normalise(image))[-1])


def test_as_published_the_weights_of_the_bce_cancel() -> None:
    # 2 x 2, one pixel foreground: w = 1 + 5 * 960/961 = 5.994797 on it, 1 + 5/961 = 1.005203 else.
    # Logits 0, but ln 3 (s = 3/4) on one of background: BCE ln 2, and ln 4 = 2 ln 2 there. Their
    # mean is 5/4 ln 2, weighted ln 2 (1 + 1.005203 / 9.010406), for sum w = 9.010406.
    # inter = 5.994797 / 2 = 2.997399; sum w (s + m) = 0.5 * (5.994797 + 2 * 1.005203)
    # + 0.75 * 1.005203 + 5.994797 = 10.751301; union = 7.753902;
    # 1 - 3.997399 / 8.753902 = 0.543358
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    logits = torch.tensor([[[[0.0, math.log(3)], [0.0, 0.0]]]])
    main, theirs = (build(f"pranet{of}") for of in ("", "-as-published"))
    plain = 1.25 * math.log(2) + 0.543358
    weighted = math.log(2) * (1 + 1.005203 / 9.010406) + 0.543358
    assert theirs.map_loss(logits, mask).item() == pytest.approx(plain, abs=1e-5)
    assert main.map_loss(logits, mask).item() == pytest.approx(weighted, abs=1e-5)


def test_as_published_takes_three_steps_a_batch() -> None:
    recipe = card_of(ROOT, "pranet-as-published").recipe
    assert recipe.scales == (0.75, 1.0, 1.25)
    assert (recipe.epochs, recipe.clip_value, recipe.optimiser) == (19, 0.5, "adam")
