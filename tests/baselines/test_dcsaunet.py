"""DCSAU-Net: equal to the official network; its Dice of the whole batch, start and sizes."""

import math

import pytest
import torch
from parity import check
from support import ROOT, build

from benchmark.core.errors import MethodError
from benchmark.methods.discover import card_of
from benchmark.methods.layers import load_strictly
from benchmark.methods.method import Inputs

NAME, PUBLISHED = "dcsaunet", "dcsaunet-as-published"


def test_it_is_equal_to_the_official_network() -> None:
    check(NAME, "dcsaunet", lambda method, image: [method.network(image)])


def test_parameter_count() -> None:
    assert sum(p.numel() for p in build(NAME).parameters()) == 2_598_785


@pytest.mark.parametrize("shape", [(64, 64), (70, 50), (9, 33)])
def test_any_size_is_kept(shape: tuple[int, int]) -> None:
    method = build(NAME).eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_the_published_dice_pools_the_batch() -> None:
    """Two cases of 4 pixels, probabilities 1/2: s m = 1, s = 4, m = 2; 1 - 3 / 7.

    A mean over the cases would be ((1 - 3/5) + (1 - 1/3)) / 2 = 8/15.
    """
    method = build(PUBLISHED, 32)
    mask = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]]).view(2, 1, 2, 2)
    method.forward = lambda image: torch.zeros(2, 1, 2, 2)  # type: ignore[method-assign]
    loss = method.loss(Inputs(torch.rand(2, 3, 2, 2)), mask)["total"]
    assert float(loss) == pytest.approx(1 - 3 / 7)


def test_the_published_recipe() -> None:
    recipe = card_of(ROOT, PUBLISHED).recipe
    assert (recipe.optimiser, recipe.lr, recipe.schedule) == ("adam", 1e-3, "step")
    assert (recipe.epochs, recipe.batch) == (150, 16)
    assert card_of(ROOT, NAME).recipe.deviations() == {}


def test_filters_start_by_the_fan_out() -> None:
    """9 x 256 outputs: deviation sqrt(2 / 2304), and not that of the library, by the fan-in."""
    torch.manual_seed(0)
    filters = build(NAME).network.encoder[3][0].attention.split[0].weight
    assert filters.shape == (256, 64, 3, 3)
    assert float(filters.detach().std()) == pytest.approx(math.sqrt(2 / (9 * 256)), rel=0.02)


def test_two_networks_share_nothing() -> None:
    one, two = (build(NAME) for _ in range(2))
    assert not {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()}


def test_a_foreign_state_is_refused_by_name() -> None:
    method = build(NAME)
    with pytest.raises(MethodError, match=r"missing: network\.stem\.project\.0\.weight"):
        load_strictly(method, method.from_official({"conv.weight": torch.rand(1)}), "weights 'x'")
