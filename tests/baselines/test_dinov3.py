"""Frozen DINOv3: its encoder equals the official one; what learns, the decoder, weights, sizes."""

import sys
from pathlib import Path

import pytest
import torch
from official_code import check
from safetensors.torch import save_file
from support import build
from torch import Tensor

from benchmark.core.errors import MethodError
from benchmark.methods.layers import count_parameters
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

SMALL, BASE = "dinov3-s", "dinov3-b"


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build(SMALL, 64).eval()


def decoder(dim: int) -> int:
    """Four 1 x 1 to 128, one of 512, conv3 to 64 twice, their norms, the head."""
    return 4 * (dim + 1) * 128 + 512 * 128 + 9 * 64 * (128 + 64) + 2 * (128 + 64 + 64) + 65


def test_the_encoder_is_equal_to_the_official_one() -> None:
    """Both hold the periods of the positions in float32."""
    check(SMALL, lambda method, image: method.network.features(image))


@pytest.mark.parametrize(("name", "dim"), [(SMALL, 384), (BASE, 768)])
def test_the_decoder_learns_alone(name: str, dim: int) -> None:
    found = build(name, 64)
    assert count_parameters(found)["trainable"] == decoder(dim)
    assert count_parameters(found.network.encoder)["trainable"] == 0


def test_four_depths_at_equal_distances(method) -> None:  # type: ignore[no-untyped-def]
    assert method.network.depths == [2, 5, 8, 11]
    maps = method.network.features(torch.rand(1, 3, 64, 96))
    assert [tuple(f.shape) for f in maps] == [(1, 384, 4, 6)] * 4
    assert not any(f.requires_grad for f in maps)


def test_the_encoder_does_the_same_in_training(method) -> None:  # type: ignore[no-untyped-def]
    image = torch.rand(1, 3, 64, 64)
    before = method.network.features(image)
    method.train()
    after = method.network.features(image)
    method.eval()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_only_the_decoder_has_gradients(method) -> None:  # type: ignore[no-untyped-def]
    mask = (torch.rand(2, 1, 64, 64) > 0.5).float()
    method.loss(Inputs(torch.rand(2, 3, 64, 64)), mask)["total"].backward()
    assert all(p.grad is not None for p in method.network.decoder.parameters())
    assert all(p.grad is None for p in method.network.encoder.parameters())


@pytest.mark.parametrize("shape", [(64, 64), (33, 50)])
def test_any_size_is_kept(method, shape: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    with torch.no_grad():
        assert method(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def official_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's state under the names of the authors' file, with what it holds besides."""
    found = {"mask_token": torch.zeros(1, 384), "rope_embed.periods": torch.zeros(16)}
    for key, value in state.items():
        if key.endswith("q_bias"):
            before, v = key.removesuffix("q_bias"), state[key.replace("q_bias", "v_bias")]
            found[f"{before}qkv.bias"] = torch.cat([value, torch.full_like(value, 7.0), v])
            found[f"{before}qkv.bias_mask"] = torch.ones(3 * len(value))
        elif not key.endswith("v_bias"):
            for ours, theirs in (("reg_token", "storage_tokens"), ("gamma_1", "ls1.gamma"),
                                 ("gamma_2", "ls2.gamma")):  # fmt: skip
                key = key.replace(ours, theirs)
            found[key] = value
    return found


@pytest.mark.parametrize("names", [dict, official_names])
def test_weights_fill_the_encoder_by_either_name(tmp_path: Path, method, names) -> None:  # type: ignore[no-untyped-def]
    encoder = method.network.encoder
    wanted = {k: torch.rand_like(v) for k, v in encoder.state_dict().items()}
    others = {k: v.clone() for k, v in method.network.decoder.state_dict().items()}
    file = tmp_path / "vit_small_patch16_dinov3_qkvb.lvd1689m.safetensors"
    save_file(names(wanted), file)
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    assert all(torch.equal(v, wanted[k]) for k, v in encoder.state_dict().items())
    assert all(torch.equal(v, others[k]) for k, v in method.network.decoder.state_dict().items())
    save_file({k: v for k, v in wanted.items() if k != "cls_token"}, file)
    with pytest.raises(MethodError, match="missing: cls_token"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))


def test_the_periods_of_the_positions_are_no_weights(method) -> None:  # type: ignore[no-untyped-def]
    module = sys.modules[type(method.network).__module__]
    assert module.own_keys({"rope_embed.periods": torch.ones(16)}) == {}
    assert "rope.periods" not in method.network.encoder.state_dict()
