"""TransUNet: equal to the official network; sizes, positions, three names of its weights, loss."""

import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from parity import check
from scipy.ndimage import zoom
from support import build
from torch import Tensor, nn

import benchmark.methods.weights
from baselines._shared.transunet import ResNet, TransUNet, resized_positions
from baselines._shared.transunet_method import encoder_state
from benchmark.core.errors import MethodError, MissingDataError
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore

NAME, PUBLISHED = "transunet", "transunet-as-published"
TIMM = "vit_base_r50_s16_224.orig_in21k"


def meta(size: int = 352) -> TransUNet:
    """The network without values."""
    with torch.device("meta"):
        return TransUNet(size)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}


@pytest.fixture(scope="module")
def small() -> Method:
    return build(NAME, 64).eval()


def test_it_is_equal_to_the_official_network() -> None:
    """In float64 to 3e-8: the official zero-padded copy of a skip is in float32."""
    check(
        NAME,
        "transunet_r50_vitb16_352",
        lambda method, image: [method.network(image)],
    )


@pytest.mark.parametrize(
    ("size", "total"), [(352, 105_497_105), (224, 105_275_921), (256, 105_322_001)]
)
def test_parameter_counts(size: int, total: int) -> None:
    network = meta(size)
    assert count(network) == total
    assert count(network.encoder.resnet) == 11_894_848
    assert count(network.widen) + count(network.decoder) == 7_387_200
    assert count(network.head) == 145


@pytest.mark.parametrize("shape", [(64, 64), (50, 70), (96, 32)])
def test_any_size_is_kept(small: Method, shape: tuple[int, int]) -> None:
    """Also sizes other than the one that was built, as in multi-scale training."""
    with torch.no_grad():
        assert small(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)


def test_a_size_that_does_not_divide_is_built_for_the_next() -> None:
    with torch.device("meta"):
        method = build(NAME, 100)
    assert method.network.encoder.grid == 7  # 112 / 16


def test_positions_are_resized_as_by_the_official_code() -> None:
    """14 x 14 to 22 x 22: `ndimage.zoom` of order 1, and not corners left loose."""
    positions = 0.05 * torch.randn(1, 196, 5, generator=torch.Generator().manual_seed(0))
    square = positions.reshape(14, 14, 5).numpy()
    theirs = zoom(square, (22 / 14, 22 / 14, 1), order=1).reshape(1, 484, 5)
    ours = resized_positions(positions, 14, (22, 22))
    assert np.abs(ours.numpy() - theirs).max() < 1e-6
    loose = nn.functional.interpolate(torch.from_numpy(square).permute(2, 0, 1)[None], (22, 22),
                                      mode="bilinear")  # fmt: skip
    assert (ours - loose.flatten(2).transpose(1, 2)).abs().max() > 0.01
    assert resized_positions(positions, 14, (14, 14)) is positions


def test_positions_lie_row_by_row() -> None:
    """2 x 2 to 3 x 2 rows: the middle row is the mean of the two."""
    positions = torch.tensor([0.0, 1, 10, 11]).view(1, 4, 1)
    assert resized_positions(positions, 2, (3, 2)).flatten().tolist() == [0, 1, 5, 6, 10, 11]


def test_the_pool_without_padding_leaves_one_pixel_out() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        feats, skips = ResNet().eval()(torch.rand(1, 3, 64, 64))
    assert feats.shape == (1, 1024, 4, 4)
    assert [tuple(skip.shape[1:]) for skip in skips] == [(64, 32, 32), (256, 16, 16), (512, 8, 8)]
    assert not skips[1][..., -1].any()
    assert not skips[1][..., -1, :].any()
    assert skips[1][..., -2, -2].any()


# What the file on the hub holds, from timm itself; no values.
def timm_state() -> dict[str, Tensor]:
    with torch.device("meta"):
        model = timm.create_model(TIMM, pretrained=False, num_classes=0)
    return dict(model.state_dict())


def google_state() -> dict[str, Tensor]:
    """The 354 names of Google's file, with their shapes: filters (H, W, in, out), heads apart."""
    shape: dict[str, tuple[int, ...]] = {"cls": (1, 1, 768)}
    shape |= {"embedding/kernel": (1, 1, 1024, 768), "embedding/bias": (768,)}
    shape |= {"conv_root/kernel": (7, 7, 3, 64)}
    shape |= {f"gn_root/{kind}": (1, 1, 1, 64) for kind in ("scale", "bias")}
    below = 64
    for b, depth in enumerate((3, 4, 9)):
        wide = 256 * 2**b
        mid = wide // 4
        for u in range(depth):
            unit = f"block{b + 1}/unit{u + 1}"
            sizes = {1: (1, 1, below, mid), 2: (3, 3, mid, mid), 3: (1, 1, mid, wide)}
            for k, size in sizes.items():
                shape[f"{unit}/conv{k}/kernel"] = size
                shape |= {f"{unit}/gn{k}/{kind}": (1, 1, 1, size[-1]) for kind in ("scale", "bias")}
            if u == 0:
                shape[f"{unit}/conv_proj/kernel"] = (1, 1, below, wide)
                shape |= {f"{unit}/gn_proj/{kind}": (1, 1, 1, wide) for kind in ("scale", "bias")}
            below = wide
    shape["Transformer/posembed_input/pos_embedding"] = (1, 197, 768)
    shape |= {f"Transformer/encoder_norm/{kind}": (768,) for kind in ("scale", "bias")}
    for i in range(12):
        block = f"Transformer/encoderblock_{i}"
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            shape |= {f"{block}/{norm}/{kind}": (768,) for kind in ("scale", "bias")}
        attention = f"{block}/MultiHeadDotProductAttention_1"
        for part in ("query", "key", "value"):
            shape |= {f"{attention}/{part}/kernel": (768, 12, 64)}
            shape |= {f"{attention}/{part}/bias": (12, 64)}
        shape |= {f"{attention}/out/kernel": (12, 64, 768), f"{attention}/out/bias": (768,)}
        for k, (cin, cout) in enumerate(((768, 3072), (3072, 768))):
            dense = f"{block}/MlpBlock_3/Dense_{k}"
            shape |= {f"{dense}/kernel": (cin, cout), f"{dense}/bias": (cout,)}
    return {name: torch.empty(size, device="meta") for name, size in shape.items()}


@pytest.mark.parametrize(("made", "count"), [(timm_state, 306), (google_state, 354)])
@pytest.mark.parametrize("size", [224, 352])
def test_both_names_of_the_weights_fill_the_encoder(made, count: int, size: int) -> None:  # type: ignore[no-untyped-def]
    encoder = meta(size).encoder
    state = made()
    assert len(state) == count
    assert shapes(encoder_state(state, encoder.grid)) == shapes(dict(encoder.state_dict()))


@pytest.mark.parametrize("made", [timm_state, google_state])
def test_the_encoder_alone_is_not_imported(made) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MethodError, match=r"Put the file into weights/ as vit_base.*R50\+ViT-B_16"):
        build(NAME).from_official(made())


@pytest.mark.slow
def test_both_names_give_the_same_values(tmp_path: Path) -> None:
    """Google's arrays through timm's own loader and our map of timm's names, and through ours."""
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.standard_normal(value.shape, dtype=np.float32)
        for name, value in google_state().items()
    }
    np.savez(tmp_path / "google.npz", **arrays)
    model = timm.create_model(TIMM, pretrained=False, num_classes=0)
    model.load_pretrained(str(tmp_path / "google.npz"))
    through_timm = encoder_state(dict(model.state_dict()), 14)
    ours = encoder_state({key: torch.from_numpy(value) for key, value in arrays.items()}, 14)
    assert ours.keys() == through_timm.keys()
    for key, value in ours.items():
        assert torch.equal(value, through_timm[key]), key


class Made(WeightStore):
    """A store that gives a state which lies in memory."""

    def __init__(self, method: Method, state: dict[str, Tensor]) -> None:
        super().__init__(Path("nowhere"), method.card.weights)
        self.state = state

    def read(self, name: str) -> dict[str, object]:
        assert name in self.wanted
        return dict(self.state)


def test_made_weights_fill_the_encoder_alone(small: Method) -> None:
    method = build(NAME, 64)
    torch.manual_seed(0)
    state = {key: torch.rand(value.shape) for key, value in timm_state().items()}
    decoder = {key: value.clone() for key, value in method.network.decoder.state_dict().items()}
    method.load_pretrained(Made(method, state))
    encoder = method.network.encoder
    for ours, theirs in (
        (encoder.blocks[3].attention.qkv.weight, "blocks.3.attn.qkv.weight"),
        (encoder.blocks[11].fc2.bias, "blocks.11.mlp.fc2.bias"),
        (encoder.resnet.conv.weight, "patch_embed.backbone.stem.conv.weight"),
        (
            encoder.resnet.stages[2][8].norm2.weight,
            "patch_embed.backbone.stages.2.blocks.8.norm2.weight",
        ),
        (
            encoder.resnet.stages[0][0].shortcut[0].weight,
            "patch_embed.backbone.stages.0.blocks.0.downsample.conv.weight",
        ),
        (encoder.patches.bias, "patch_embed.proj.bias"),
        (encoder.norm.weight, "norm.weight"),
    ):
        assert torch.equal(ours, state[theirs]), theirs
    # 14 to 4 with the corners aligned: the corners stay, behind the class token's position.
    assert torch.allclose(encoder.positions[0, 0], state["pos_embed"][0, 1])
    assert torch.allclose(encoder.positions[0, -1], state["pos_embed"][0, -1])
    for key, value in method.network.decoder.state_dict().items():
        assert torch.equal(value, decoder[key])

    del state["blocks.3.attn.qkv.weight"]
    with pytest.raises(MethodError, match=r"missing: blocks\.3\.attention\.qkv\.weight \(1\)"):
        method.load_pretrained(Made(method, state))


def test_weights_that_are_not_there_are_an_error(
    small: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(address: str) -> Path:
        raise OSError("no network")

    monkeypatch.setattr(benchmark.methods.weights, "_from_hub", offline)
    monkeypatch.setattr(benchmark.methods.weights, "_cached", lambda address: None)
    with pytest.raises(MissingDataError, match=r"weights 'r50-vit-b16\.in21k'.*timm/vit_base_r50"):
        small.load_pretrained(WeightStore(tmp_path, small.card.weights))


def test_the_published_loss_by_hand() -> None:
    """Four pixels of probability 1/2, one of them in the mask.

    Entropy ln 2. Foreground 2 (1/2) / (4 / 4 + 1) = 1/2, background 2 (3/2) / (1 + 3) = 3/4.
    """
    with torch.device("meta"):
        method = build(PUBLISHED, 32)
    method.forward = lambda image: torch.zeros(1, 1, 2, 2)  # type: ignore[method-assign]
    mask = torch.tensor([1.0, 0, 0, 0]).view(1, 1, 2, 2)
    loss = method.loss(Inputs(torch.rand(1, 3, 2, 2)), mask)["total"]
    expected = 0.5 * math.log(2) + 0.5 * (1 / 2 + 1 / 4) / 2
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_the_published_recipe_and_images() -> None:
    with torch.device("meta"):
        main, published = build(NAME, 32), build(PUBLISHED, 32)
    assert main.card.recipe.deviations() == {}
    recipe = published.card.recipe
    assert (recipe.optimiser, recipe.lr, recipe.momentum) == ("sgd", 0.01, 0.9)
    assert (recipe.schedule, recipe.epochs, recipe.batch) == ("poly", 150, 24)
    for name, mean, std in ((NAME, 0.5, 0.5), (PUBLISHED, 0.0, 1.0)):
        normalise = build(name, 32).normalise
        assert normalise.mean.flatten().tolist() == [mean] * 3
        assert normalise.std.flatten().tolist() == [std] * 3
