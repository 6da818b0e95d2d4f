"""U-KAN: equal to the official network; its splines, start, loss and rates by hand."""

import math

import pytest
import torch
from official_code import check
from scipy.interpolate import BSpline
from support import ROOT, build

from benchmark.methods.discover import card_of
from benchmark.methods.importing import import_beside
from benchmark.methods.method import Inputs

NAME, PUBLISHED = "u-kan", "u-kan-as-published"


@pytest.fixture(scope="module")
def network():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "u_kan" / "plugin.py", "network")


def test_it_is_equal_to_the_official_network() -> None:
    check(NAME, lambda method, image: [method.network(image)])


def test_a_layer_of_splines_has_ten_numbers_a_pair() -> None:
    """A linear weight, a scale and 8 coefficients; three layers a stage."""
    stages = build(NAME).network.stages
    layers = [sum(p.numel() for p in stage.layers.parameters()) for stage in stages]
    assert layers == [3 * 10 * c * c for c in (160, 256, 160, 128)]
    assert sum(p.numel() for p in build(NAME).parameters()) == 6_356_689


def test_the_bases_are_cubic_b_splines(network) -> None:  # type: ignore[no-untyped-def]
    x = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64)
    knots = [0.4 * k - 1 for k in range(-3, 9)]
    for i in range(8):
        wanted = BSpline.basis_element(knots[i : i + 5], extrapolate=False)(x.numpy())
        found = network.bases(x)[:, i]
        torch.testing.assert_close(found, torch.from_numpy(wanted).nan_to_num())


def test_the_start_is_noise_at_the_inner_knots(network) -> None:  # type: ignore[no-untyped-def]
    """Uniform between -0.01 and 0.01: deviation 0.02 / sqrt(12)."""
    torch.manual_seed(0)
    layer = network.KANLinear(16, 64)
    at_knots = layer.splines.detach() @ network.bases(torch.linspace(-1, 1, 6)).mT
    assert float(at_knots.abs().max()) <= 0.01 + 1e-6
    assert float(at_knots.std()) == pytest.approx(0.02 / math.sqrt(12), rel=0.05)


@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_any_size_is_kept(shape: tuple[int, int]) -> None:
    method = build(NAME, 64).eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_the_published_loss_by_hand() -> None:
    """Probabilities 1/2 on 4 pixels, masks of 4 and 2 pixels: Dice 4 / 6 and 2 / 4."""
    method = build(PUBLISHED, 32)
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]]).view(2, 1, 2, 2)
    method.forward = lambda image: torch.zeros(2, 1, 2, 2)  # type: ignore[method-assign]
    loss = float(method.loss(Inputs(torch.rand(2, 3, 2, 2)), mask)["total"])
    assert loss == pytest.approx(math.log(2) / 2 + 1 - (4 / 6 + 2 / 4) / 2, abs=1e-5)


def test_splines_learn_faster_as_published() -> None:
    method = build(PUBLISHED, 32)
    fast, slow = method.parameter_groups(1e-4)
    assert (fast["lr"], slow["lr"]) == (pytest.approx(1e-2), 1e-4)
    assert len(fast["params"]) == 4 * 3 * 3
    assert len(fast["params"]) + len(slow["params"]) == len(list(method.parameters()))
    assert card_of(ROOT, PUBLISHED).recipe.epochs == 400
