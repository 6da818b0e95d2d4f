"""SAM2-UNet: equal to the official network; what learns, its parts by hand, losses, weights.

Most tests use the tiny encoder, which is quick.
"""

from pathlib import Path

import pytest
import torch
from official_code import check
from safetensors.torch import save_file
from support import ROOT, build

from benchmark.core.errors import MethodError
from benchmark.methods.discover import card_of
from benchmark.methods.layers import count_parameters
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

NAME, PUBLISHED, TINY = "sam2-unet", "sam2-unet-as-published", "sam2_hiera_tiny"


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build(NAME, 64, encoder=TINY).eval()


@pytest.mark.slow
def test_it_is_equal_to_the_official_network() -> None:
    check(NAME, lambda method, image: method.network(image))


def receptive_field(cin: int) -> int:
    """Five 1 x 1 of cin, lines of 3, 5 and 7 twice, three 3 x 3, the join; each with its norm."""
    lines = 64 * 64 * (2 * (3 + 5 + 7) + 3 * 9)
    return 5 * cin * 64 + lines + 4 * 64 * 64 * 9 + (5 + 9 + 1) * 128


def test_adapters_and_decoder_learn_alone(method) -> None:  # type: ignore[no-untyped-def]
    """Blocks of the tiny encoder: 1, 2, 7, 2, and a block of more channels still gets the fewer."""
    given = [96, 96, 192, *[192] + [384] * 6, 384, 768]
    network = method.network
    adapters = sum(2 * 32 * c + 32 + c for c in given)
    assert count_parameters(network.adapters)["trainable"] == adapters
    assert count_parameters(network.encoder)["trainable"] == 0
    fields = sum(receptive_field(c) for c in (96, 192, 384, 768))
    decoder = 3 * (9 * 64 * (128 + 64) + 2 * 128) + 3 * 65
    assert count_parameters(method)["trainable"] == adapters + fields + decoder


def test_an_adapter_adds_to_what_its_block_is_given(method) -> None:  # type: ignore[no-untyped-def]
    """Without a last layer an adapter gives GELU(0) = 0, and the encoder is SAM 2's own."""
    network = build(NAME, 64, encoder=TINY).eval().network
    for each in network.adapters:
        torch.nn.init.zeros_(each[2].weight)
        torch.nn.init.zeros_(each[2].bias)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        plain = network.encoder.forward_intermediates(image, intermediates_only=True)
        found = network._features(image)
    for a, b in zip(found, plain, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_any_size_is_kept(method, shape: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_each_map_is_supervised(method) -> None:  # type: ignore[no-untyped-def]
    maps = list(torch.randn(3, 2, 1, 64, 64))
    mask = (torch.rand(2, 1, 64, 64) > 0.5).float()
    inputs = Inputs(torch.rand(2, 3, 64, 64))
    published = build(PUBLISHED, 64, encoder=TINY)
    for one, weighted in ((method, True), (published, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.network, "forward", lambda x: maps)
            torch.testing.assert_close(one(inputs.image), maps[0])
            found = one.loss(inputs, mask)["total"]
        torch.testing.assert_close(found, sum(weighted_bce_iou(p, mask, weighted) for p in maps))


def test_the_published_recipe() -> None:
    recipe = card_of(ROOT, PUBLISHED).recipe
    assert (recipe.epochs, recipe.batch, recipe.lr, recipe.weight_decay) == (20, 12, 1e-3, 5e-4)


def test_weights_of_the_hub_fill_the_encoder_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    encoder = method.network.encoder
    wanted = {k: torch.rand_like(v) for k, v in encoder.state_dict().items()}
    others = {k: v.clone() for k, v in method.network.adapters.state_dict().items()}
    more = {"head.norm.weight": torch.rand(768), "head.norm.bias": torch.rand(768)}
    file = tmp_path / "sam2_hiera_large.fb_r1024.safetensors"
    save_file({**wanted, **more}, file)
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert all(torch.equal(v, wanted[k]) for k, v in encoder.state_dict().items())
    assert all(torch.equal(v, others[k]) for k, v in method.network.adapters.state_dict().items())
    save_file({k: v for k, v in wanted.items() if k != "pos_embed"}, file)
    with pytest.raises(MethodError, match="missing: pos_embed"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))
