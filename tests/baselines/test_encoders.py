"""The encoders: theirs block by block, key maps of every naming, and what freezing keeps."""

import os
import re
from pathlib import Path

import pytest
import timm
import torch
from support import ROOT
from torch import Tensor, nn
from transformers import SegformerConfig, SegformerModel

from baselines._shared.encoder import Encoder
from baselines._shared.mix_transformer import MiT, mit_state
from baselines._shared.tiny_vit import TinyViT, tiny_vit_state
from benchmark.core.errors import MethodError
from benchmark.methods.declaration import Weights
from benchmark.methods.layers import load_strictly
from benchmark.methods.weights import WeightStore

REAL = Path(os.environ.get("MIXSEG_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))
MOBILE_SAM = "mobile_sam.pt"
ENCODERS = {"MiT": lambda: MiT("b0"), "TinyViT": TinyViT}
# Transformers 5's names inside a block, and the official ones.
OFFICIAL = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.q_proj": "attn.q",
    "attention.o_proj": "attn.proj",
    "attention.sequence_reduction.sequence_reduction": "attn.sr",
    "attention.sequence_reduction.layer_norm": "attn.norm",
}
HUB = {
    "layernorm_before": "layer_norm_1",
    "layernorm_after": "layer_norm_2",
    "attention.q_proj": "attention.self.query",
    "attention.k_proj": "attention.self.key",
    "attention.v_proj": "attention.self.value",
    "attention.o_proj": "attention.output.dense",
    "attention.sequence_reduction.sequence_reduction": "attention.self.sr",
    "attention.sequence_reduction.layer_norm": "attention.self.layer_norm",
    "mlp.fc1": "mlp.dense1",
    "mlp.fc2": "mlp.dense2",
}


def shaken(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with no weight left at 0 or 1, and with batch-norm statistics."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand_like(value))
    return module.eval()


def closest(features: list[Tensor], others: list[Tensor]) -> None:
    for one, other in zip(features, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def official_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """MiT's state as the official checkpoints name it: keys above values in one `kv`."""
    named = {"head.weight": torch.rand(3, 3), "head.bias": torch.rand(3)}
    for key, value in state.items():
        _, stage, part, rest = key.split(".", 3)
        n = int(stage) + 1
        if part == "patch_embeddings":
            named[f"patch_embed{n}.{rest.replace('layer_norm', 'norm')}"] = value
        elif part == "layer_norm":
            named[f"norm{n}.{rest}"] = value
        elif "k_proj" in rest:
            values = state[key.replace("k_proj", "v_proj")]
            where = rest.replace("attention.k_proj", "attn.kv")
            named[f"block{n}.{where}"] = torch.cat([value, values])
        elif "v_proj" not in rest:
            named[f"block{n}.{replaced(rest, OFFICIAL)}"] = value
    return named


def hub_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """MiT's state as the model hub's files name it."""
    named = {"classifier.weight": torch.rand(3, 3)}
    for key, value in state.items():
        _, stage, part, rest = key.split(".", 3)
        part = {"blocks": "block"}.get(part, part)
        named[f"segformer.encoder.{part}.{stage}.{replaced(rest, HUB)}"] = value
    return named


def replaced(rest: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        rest = re.sub(rf"(?<=\d\.){re.escape(ours)}\.", f"{theirs}.", rest)
    return rest


NAMINGS = {
    "official": official_names,
    "hub": hub_names,
    "transformers 5": dict,
    "prefixed": lambda state: {f"segformer.{key}": value for key, value in state.items()},
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_mit_loads_from_every_naming(naming: str) -> None:
    theirs, ours = shaken(MiT("b0"), 1), shaken(MiT("b0"), 2)
    load_strictly(ours, mit_state(NAMINGS[naming](theirs.state_dict())), naming)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert all(map(torch.equal, ours(image), theirs(image)))


def test_the_namings_differ_and_an_unknown_key_is_told() -> None:
    state = MiT("b0").state_dict()
    names = {
        "official": "block1.0.attn.kv.weight",
        "hub": "segformer.encoder.block.0.0.attention.self.key.weight",
        "prefixed": "segformer.stages.0.blocks.0.attention.k_proj.weight",
    }
    assert all(key in NAMINGS[naming](state) for naming, key in names.items())
    with pytest.raises(MethodError, match=r"left over: pos_embed1 \(1\)"):
        load_strictly(MiT("b0"), {**mit_state(state), "pos_embed1": torch.rand(1)}, "b0")


def test_mit_is_the_plain_encoder_of_transformers() -> None:
    """With the eps of the official network: 1e-6, but 1e-5 where tokens are made or reduced."""
    config = SegformerConfig(
        depths=[2, 2, 2, 2], hidden_sizes=[32, 64, 160, 256], attn_implementation="eager"
    )
    theirs, ours = shaken(SegformerModel(config)), shaken(MiT("b0"))
    for name, module in theirs.named_modules():
        if isinstance(module, nn.LayerNorm) and "embeddings" not in name and "sequence" not in name:
            module.eps = 1e-6
    ours.load_state_dict(theirs.state_dict())
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        closest(ours(image), list(theirs(image, output_hidden_states=True).hidden_states))


def test_mit_b4_counts_and_shapes() -> None:
    with torch.device("meta"):
        encoder = MiT("b4").freeze()
        features = encoder(torch.rand(1, 3, 352, 352))
    assert encoder.stages[0].blocks[0].attention.config._attn_implementation == "sdpa"
    assert sum(p.numel() for p in encoder.parameters()) == 60_842_688
    assert [tuple(x.shape[1:]) for x in features] == [
        (64, 88, 88), (128, 44, 44), (320, 22, 22), (512, 11, 11)
    ]  # fmt: skip
    eps = [m.eps for m in encoder.modules() if isinstance(m, nn.LayerNorm)]
    # Blocks 2 x 41 and stages 4; patch embeddings 4 and reduced keys 3 + 8 + 27.
    assert (eps.count(1e-6), eps.count(1e-5)) == (86, 42)


@pytest.mark.parametrize("variant", ["b0", "b1", "b2", "b3", "b4", "b5"])
def test_mit_variants_have_their_depths(variant: str) -> None:
    with torch.device("meta"):
        encoder = MiT(variant)
    assert tuple(len(stage.blocks) for stage in encoder.stages) == encoder.depths


def test_mit_drop_path_rises_to_a_tenth() -> None:
    blocks = [block for stage in MiT("b0").stages for block in stage.blocks]
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks]
    assert rates == pytest.approx([0.1 * i / 7 for i in range(8)])


def timm_stages(encoder: TinyViT) -> nn.Module:
    """timm's own features of the same weights, with the stride of the last stage changed."""
    theirs = timm.create_model("tiny_vit_5m_224", features_only=True).eval()
    theirs["stages_3"].downsample.conv2.conv.stride = (1, 1)
    state = {re.sub(r"^stages\.", "stages_", k): v for k, v in encoder.state_dict().items()}
    theirs.load_state_dict(state)
    return theirs


@pytest.mark.parametrize("size", [(96, 96), (128, 128), (100, 70)])
def test_tinyvit_is_timms_with_the_last_stride_1(size: tuple[int, int]) -> None:
    encoder, image = shaken(TinyViT()), torch.rand(1, 3, *size)
    with torch.no_grad():
        features = encoder(image)
        closest(features, timm_stages(encoder)(image))
    sides = [tuple(-(-side // stride) for side in size) for stride in encoder.strides]
    assert [tuple(x.shape[2:]) for x in features] == sides
    assert [x.shape[1] for x in features] == list(encoder.dims)


def test_tinyvit_has_the_windows_of_mobilesam() -> None:
    windows = [stage.blocks[0].window_size for stage in TinyViT().stages[1:]]
    assert windows == [7, 14, 7]


@pytest.mark.skipif(not (REAL / MOBILE_SAM).is_file(), reason=f"no {MOBILE_SAM} in {REAL}")
def test_tinyvit_loads_the_real_mobilesam() -> None:
    wanted = Weights(name="mobile-sam", files=(MOBILE_SAM,), hub="", licence="Apache-2.0")
    state = tiny_vit_state(WeightStore(REAL, [wanted]).read("mobile-sam"))
    encoder = TinyViT()
    load_strictly(encoder, state, MOBILE_SAM, may_miss=())
    image = torch.rand(1, 3, 352, 352)
    with torch.no_grad():
        features = encoder.eval()(image)
        closest(features, timm_stages(encoder)(image))
    assert [x.shape[-1] for x in features] == [88, 44, 22, 22]


def test_tinyvit_forgets_attention_biases_when_weights_are_loaded() -> None:
    encoder, other, image = shaken(TinyViT(), 1), shaken(TinyViT(), 2), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        encoder(image)
        encoder.load_state_dict(other.state_dict())
        assert all(map(torch.equal, encoder(image), other(image)))


@pytest.mark.parametrize("name", ENCODERS)
def test_frozen_keeps_weights_and_statistics(name: str) -> None:
    encoder: Encoder = ENCODERS[name]().freeze().train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    features = encoder(torch.rand(2, 3, 64, 64))
    assert not any(x.requires_grad for x in features)
    assert not any(p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_not_frozen_learns() -> None:
    encoder = TinyViT().train()
    before = encoder.patch_embed.conv1.bn.running_mean.clone()
    sum(x.square().mean() for x in encoder(torch.rand(2, 3, 64, 64))).backward()
    assert not torch.equal(encoder.patch_embed.conv1.bn.running_mean, before)
    assert all(p.grad is not None for p in encoder.parameters())


@pytest.mark.parametrize("make", [lambda: MiT("b0", 0.9), lambda: TinyViT(0.9)])
def test_drop_path_acts_in_training_alone_though_frozen(make) -> None:
    encoder, image = shaken(make().freeze()), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(encoder(image)[-1], encoder(image)[-1])
        encoder.train()
        torch.manual_seed(0)
        assert len({encoder(image)[-1].sum().item() for _ in range(4)}) > 1
