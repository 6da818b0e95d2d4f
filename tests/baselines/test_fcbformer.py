"""FCBFormer: equal to the official network; counts by part, the loss by hand, weights, sizes."""

from pathlib import Path

import pytest
import torch
from official_code import check
from safetensors.torch import save_file
from support import ROOT, build

from benchmark.methods.discover import card_of
from benchmark.methods.importing import import_beside
from benchmark.methods.layers import count_parameters
from benchmark.methods.weights import WeightStore

NAME, PUBLISHED = "fcbformer", "fcbformer-as-published"
ENCODER = 44_725_696  # PVTv2-B3 without its 1000 classes, as in the official network


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build(NAME, 64).eval()


@pytest.mark.slow
def test_it_is_equal_to_the_official_network() -> None:
    check(NAME, lambda m, x: [m.network.transformer(x), m.network(x)])


def residual(cin: int, cout: int) -> int:
    """Two GN, two conv3 with bias, and a 1 x 1 where the channels change."""
    shortcut = (cin + 1) * cout if cin != cout else 0
    return 2 * cin + 2 * cout + (9 * cin + 1) * cout + (9 * cout + 1) * cout + shortcut


def test_parameter_counts(method) -> None:  # type: ignore[no-untyped-def]
    emphasise = sum(residual(c, 64) + residual(64, 64) for c in (64, 128, 320, 512))
    aggregate = 3 * (residual(128, 64) + residual(64, 64))
    found = {n: count_parameters(part)["total"] for n, part in method.network.named_children()}
    assert found["transformer"] == ENCODER + emphasise + aggregate
    assert found["head"] == residual(96, 64) + residual(64, 64) + 65
    assert sum(found.values()) == 52_962_337


def test_every_module_of_the_way_down_has_a_skip(method) -> None:  # type: ignore[no-untyped-def]
    """1 + 6 levels of 2 blocks + 5 strided convolutions; as many blocks on the way up."""
    branch = method.network.convolutional
    assert len(branch.down) == len(branch.up) == 1 + 6 * 2 + 5


@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_any_size_is_kept(method, shape: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_the_published_loss_by_hand() -> None:
    """Probabilities 1/2 on 4 pixels, masks of 2 and 0 pixels: 2 (1 + 1) / 5 and 2 (0 + 1) / 3."""
    plugin = import_beside(ROOT, ROOT / "baselines" / "fcbformer" / "plugin.py", "plugin")
    mask = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]]).view(2, 1, 2, 2)
    loss = plugin.dice_bce(torch.zeros(2, 1, 2, 2), mask)
    expected = 1 - (4 / 5 + 2 / 3) / 2 + torch.tensor(2.0).log()
    torch.testing.assert_close(loss, expected)


def test_the_published_recipe() -> None:
    recipe = card_of(ROOT, PUBLISHED).recipe
    assert (recipe.optimiser, recipe.lr, recipe.lr_end) == ("adamw", 1e-4, 1e-6)
    assert (recipe.epochs, recipe.batch) == (200, 16)


def test_weights_of_the_hub_fill_the_encoder_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    encoder = method.network.transformer.encoder
    wanted = {k: torch.rand_like(v) for k, v in encoder.state_dict().items()}
    others = {k: v.clone() for k, v in method.network.head.state_dict().items()}
    state = {k.replace("stages_", "stages."): v for k, v in wanted.items()}
    state |= {"head.weight": torch.rand(9, 512), "head.bias": torch.rand(9)}
    save_file(state, tmp_path / "pvt_v2_b3.in1k.safetensors")
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert all(torch.equal(v, wanted[k]) for k, v in encoder.state_dict().items())
    assert all(torch.equal(v, others[k]) for k, v in method.network.head.state_dict().items())
