"""MK-UNet: equal to the official network, at both sizes; its blocks by hand, start and sizes."""

import math

import pytest
import torch
from official_code import check
from support import ROOT, build

from benchmark.core.errors import MethodError
from benchmark.methods.discover import card_of
from benchmark.methods.importing import import_beside
from benchmark.methods.layers import load_strictly

NAME, TINY, PUBLISHED = "mk-unet", "mk-unet-t", "mk-unet-as-published"
# Theirs hold three heads more: C + 1 parameters for C = 64, 32, 16 channels, or 16, 8, 4.
COUNTS = {NAME: 315_566 - 115, TINY: 27_384 - 31}


@pytest.fixture(scope="module")
def network():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "mk_unet" / "plugin.py", "network")


@pytest.mark.parametrize("name", COUNTS)
def test_it_is_equal_to_the_official_network(name: str) -> None:
    check(name, lambda method, image: [method.network(image)])


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_parameter_counts(name: str, count: int) -> None:
    assert sum(p.numel() for p in build(name).parameters()) == count


@pytest.mark.parametrize("shape", [(64, 64), (70, 50), (9, 33)])
def test_any_size_is_kept(shape: tuple[int, int]) -> None:
    method = build(NAME).eval()
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_the_shuffle_by_hand(network) -> None:  # type: ignore[no-untyped-def]
    """From 3 to 4 channels there are 6 inside and gcd(6, 4) = 2 groups: 0 3 1 4 2 5."""
    shuffle = network.MultiKernel(3, 4).shuffle
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert shuffle(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_a_block_by_hand(network) -> None:  # type: ignore[no-untyped-def]
    """One kernel of 1, 3 and 5 pixels each passes its middle on: three times the pixel, plus x.

    The 4 channels inside hold x and zeros; ReLU6 cuts 7 at 6, so 7 gives 7 + 3 * 6, 2 gives 8.
    """
    block = network.MultiKernel(2, 2).eval()
    for conv, norm in (block.expand, *block.depthwise, block.project):
        torch.nn.init.zeros_(conv.weight)
        norm.eps = 1e-30  # adds nothing to a variance of 1
        middle = conv.kernel_size[0] // 2
        for k in range(conv.out_channels):
            conv.weight.data[k, k % conv.weight.shape[1], middle, middle] = float(k < 2)
    # The shuffle of 4 channels in two groups moves the second one to the third place.
    block.project[0].weight.data[1] = torch.tensor([0.0, 0, 1, 0]).view(4, 1, 1)
    x = torch.tensor([7.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 5, 5)
    with torch.no_grad():
        assert block(x)[0, :, 2, 2].tolist() == [25.0, 8.0]


def test_a_gate_halves_what_it_knows_nothing_of(network) -> None:  # type: ignore[no-untyped-def]
    gate = network.Gate(4).eval()
    for p in gate.parameters():
        torch.nn.init.zeros_(p)
    skip = torch.rand(1, 4, 6, 6)
    torch.testing.assert_close(gate(torch.rand(1, 4, 6, 6), skip), skip / 2)


def test_the_published_recipe() -> None:
    recipe = card_of(ROOT, PUBLISHED).recipe
    assert (recipe.epochs, recipe.batch, recipe.scales) == (200, 8, (0.75, 1.0, 1.25))
    assert (recipe.weight_decay, recipe.clip_value) == (1e-4, 0.5)
    assert card_of(ROOT, NAME).recipe.deviations() == {}


def test_filters_start_alike() -> None:
    """Deviation 0.02 everywhere but in the head, which starts as in the library."""
    torch.manual_seed(0)
    network = build(NAME).network
    filters = network.encoder[4].expand[0].weight
    assert float(filters.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(network.gates[0].coarse[0].bias.detach().abs().max()) == 0
    bound = 1 / math.sqrt(16)
    assert 0.7 * bound < float(network.head.weight.detach().abs().max()) <= bound


def test_a_foreign_state_is_refused_by_name() -> None:
    method = build(NAME)
    with pytest.raises(MethodError, match=r"missing: network\.encoder\.0\.expand\.0\.weight"):
        load_strictly(method, method.from_official({"conv.weight": torch.rand(1)}), "weights 'x'")
