"""SegFormer-B4: count, any size, what learns, and its ImageNet weights by the official keys."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import build

from benchmark.core.errors import MethodError
from benchmark.methods.layers import count_parameters
from benchmark.methods.weights import WeightStore

COUNT, ENCODER = 61_368_769, 60_842_688


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build("segformer-b4", 64)


def test_parameter_counts_and_all_of_it_learns(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": COUNT, "trainable": COUNT}
    assert count_parameters(method.network.encoder)["total"] == ENCODER


def test_any_size_is_kept(method) -> None:  # type: ignore[no-untyped-def]
    with torch.no_grad():
        assert method.eval()(torch.rand(1, 3, 50, 70)).shape == (1, 1, 50, 70)


def test_norms_have_the_authors_eps(method) -> None:  # type: ignore[no-untyped-def]
    """1e-6 in the blocks and after a stage, 1e-5 in patch embeddings and key reduction."""
    found: dict[float, set[str]] = {}
    for name, module in method.network.encoder.named_modules():
        if isinstance(module, torch.nn.LayerNorm):
            place = "coarse" if "patch_embed" in name or ".attn.norm" in name else "fine"
            found.setdefault(module.eps, set()).add(place)
    assert found == {1e-6: {"fine"}, 1e-5: {"coarse"}}


@pytest.mark.parametrize("file", ["mit_b4.imagenet.safetensors", "mit_b4.pth"])
def test_official_weights_fill_the_encoder_alone(tmp_path: Path, method, file: str) -> None:  # type: ignore[no-untyped-def]
    encoder = method.network.encoder
    wanted = {k: torch.rand_like(v) for k, v in encoder.state_dict().items()}
    decoder = {k: v.clone() for k, v in method.network.decoder.state_dict().items()}
    state = {**wanted, "head.weight": torch.rand(9, 512), "head.bias": torch.rand(9)}
    (save_file if file.endswith("safetensors") else torch.save)(state, tmp_path / file)
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, wanted[key]), key
    for key, value in method.network.decoder.state_dict().items():
        assert torch.equal(value, decoder[key]), key


def test_weights_without_a_stage_are_refused(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    state = method.network.encoder.state_dict()
    kept = {k: v.clone() for k, v in state.items() if not k.startswith("norm4.")}
    save_file(kept, tmp_path / "mit_b4.imagenet.safetensors")
    with pytest.raises(MethodError, match=r"missing: norm4\.weight, norm4\.bias \(2\)"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))
