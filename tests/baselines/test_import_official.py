"""Files of Polyp-PVT, SegFormer and segmentation-models-pytorch under their own keys."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file, save_file
from support import ROOT, build
from torch import Tensor
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths
from benchmark.methods.layers import load_strictly
from benchmark.methods.method import Method
from benchmark.runs.official_weights import import_weights

WIDTHS, DEPTHS, WIDER, REDUCED = (64, 128, 320, 512), (3, 4, 6, 3), (8, 8, 4, 4), (8, 4, 2, 1)
POLYP_PVT = 25_107_604  # parameters


def _conv(name: str, c_in: int, c_out: int, kernel: int, bias: bool = True) -> dict[str, Tensor]:
    made = {f"{name}.weight": torch.randn(c_out, c_in, kernel, kernel)}
    return made | ({f"{name}.bias": torch.randn(c_out)} if bias else {})


def _linear(name: str, c_in: int, c_out: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.randn(c_out, c_in), f"{name}.bias": torch.randn(c_out)}


def _norm(name: str, channels: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.randn(channels), f"{name}.bias": torch.randn(channels)}


def _basic(name: str, c_in: int, c_out: int, kernel: int) -> dict[str, Tensor]:
    """The authors' convolution with batch normalisation."""
    statistics = {"running_mean": torch.randn(c_out), "running_var": torch.rand(c_out)}
    return {
        **_conv(f"{name}.conv", c_in, c_out, kernel, bias=False),
        **_norm(f"{name}.bn", c_out),
        **{f"{name}.bn.{key}": value for key, value in statistics.items()},
        f"{name}.bn.num_batches_tracked": torch.tensor(7),
    }


def pvt_v2_b2() -> dict[str, Tensor]:
    """The backbone's keys and shapes as its authors name them."""
    state: dict[str, Tensor] = {}
    for k, (c, depth, wider, reduced) in enumerate(
        zip(WIDTHS, DEPTHS, WIDER, REDUCED, strict=True), 1
    ):
        state |= _conv(f"patch_embed{k}.proj", WIDTHS[k - 2] if k > 1 else 3, c, 3 if k > 1 else 7)
        state |= _norm(f"patch_embed{k}.norm", c)
        for j in range(depth):
            block = f"block{k}.{j}"
            state |= {**_norm(f"{block}.norm1", c), **_norm(f"{block}.norm2", c)}
            state |= {**_linear(f"{block}.attn.q", c, c), **_linear(f"{block}.attn.kv", c, 2 * c)}
            state |= _linear(f"{block}.attn.proj", c, c)
            if reduced > 1:
                state |= _conv(f"{block}.attn.sr", c, c, reduced)
                state |= _norm(f"{block}.attn.norm", c)
            state |= _linear(f"{block}.mlp.fc1", c, wider * c)
            state |= _conv(f"{block}.mlp.dwconv.dwconv", 1, wider * c, 3)
            state |= _linear(f"{block}.mlp.fc2", wider * c, c)
        state |= _norm(f"norm{k}", c)
    return state


def polyp_pvt() -> dict[str, Tensor]:
    """The whole of the authors' network."""
    state = {f"backbone.{key}": value for key, value in pvt_v2_b2().items()}
    for name, c in zip(("2_0", "2_1", "3_1", "4_1"), WIDTHS, strict=True):
        state |= _basic(f"Translayer{name}", c, 32, 1)
    for k in (1, 2, 3, 4):
        state |= _basic(f"CFM.conv_upsample{k}", 32, 32, 3)
    state |= {**_basic("CFM.conv_upsample5", 64, 64, 3), **_basic("CFM.conv_concat2", 64, 64, 3)}
    state |= {**_basic("CFM.conv_concat3", 96, 96, 3), **_basic("CFM.conv4", 96, 32, 3)}
    state |= {**_conv("ca.fc1", 64, 4, 1, bias=False), **_conv("ca.fc2", 4, 64, 1, bias=False)}
    state |= _conv("sa.conv1", 2, 1, 7, bias=False)
    state |= {**_conv("SAM.conv_state", 32, 16, 1), **_conv("SAM.conv_proj", 32, 16, 1)}
    state["SAM.gcn.conv1.weight"] = torch.randn(16, 16, 1)
    state["SAM.gcn.conv1.bias"] = torch.randn(16)
    state["SAM.gcn.conv2.weight"] = torch.randn(16, 16, 1)
    state |= _conv("SAM.conv_extend", 16, 32, 1, bias=False)
    return state | {**_conv("out_SAM", 32, 1, 1), **_conv("out_CFM", 32, 1, 1)}


def loaded(name: str, state: Mapping[str, Tensor]) -> Method:
    method = build(name, 64)
    load_strictly(method, method.from_official(state), "made", may_miss=())
    return method.eval()


def test_polyp_pvt_is_filled_by_the_authors_keys_whole() -> None:
    torch.manual_seed(0)
    state = polyp_pvt()
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    learnt = [value for key, value in state.items() if not key.endswith(buffers)]
    assert sum(value.numel() for value in learnt) == POLYP_PVT
    ours = loaded("polyp-pvt", state).network.state_dict()
    pairs = {
        "encoder.stages_2.downsample.proj.weight": "backbone.patch_embed3.proj.weight",
        "encoder.stages_1.blocks.3.mlp.dwconv.bias": "backbone.block2.3.mlp.dwconv.dwconv.bias",
        "encoder.stages_3.norm.weight": "backbone.norm4.weight",
        "reduce.0.0.weight": "Translayer2_0.conv.weight",
        "reduce.3.1.running_var": "Translayer4_1.bn.running_var",
        "fuse.times.2.0.weight": "CFM.conv_upsample3.conv.weight",
        "fuse.up4.0.weight": "CFM.conv_upsample4.conv.weight",
        "fuse.mix2.1.1.bias": "CFM.conv4.bn.bias",
        "aggregate.state.weight": "SAM.conv_state.weight",
        "aggregate.project.weight": "SAM.conv_proj.weight",
        "head1.weight": "out_CFM.weight",
        "head2.weight": "out_SAM.weight",
    }
    assert all(torch.equal(ours[own], state[theirs]) for own, theirs in pairs.items())
    assert torch.equal(
        ours["aggregate.between_nodes.weight"], state["SAM.gcn.conv1.weight"][..., 0]
    )
    assert torch.equal(ours["identify.narrow.weight"], state["ca.fc1.weight"][..., 0, 0])


def test_polyp_pvts_graph_answers_as_theirs_does_with_convolutions() -> None:
    """ReLU(conv2(conv1 over nodes - x)), with the authors' Conv1d weights."""
    torch.manual_seed(0)
    state = polyp_pvt()
    part = loaded("polyp-pvt", state).network.aggregate
    n = torch.randn(2, 16, 16)
    conv1 = torch.nn.functional.conv1d(
        n.mT, state["SAM.gcn.conv1.weight"], state["SAM.gcn.conv1.bias"]
    ).mT
    wanted = torch.nn.functional.conv1d(conv1 - n, state["SAM.gcn.conv2.weight"]).relu()
    found = torch.relu(part.between_states((part.between_nodes(n) - n).mT).mT)
    torch.testing.assert_close(found, wanted)


@pytest.fixture(scope="module")
def theirs() -> SegformerForSemanticSegmentation:
    """SegFormer of transformers with MiT-B4, the library's head width and one map."""
    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[3, 8, 27, 3], hidden_sizes=[64, 128, 320, 512], decoder_hidden_size=256,
        num_labels=1, num_attention_heads=[1, 2, 5, 8],
    )  # fmt: skip
    network = SegformerForSemanticSegmentation(config).eval()
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
        coarse = ("patch_embeddings.layer_norm", "sequence_reduction.layer_norm")
        if isinstance(module, torch.nn.LayerNorm) and not name.endswith(coarse):
            module.eps = 1e-6  # as the authors'
    return network


def test_segformer_answers_as_transformers_does_with_its_weights(theirs) -> None:  # type: ignore[no-untyped-def]
    method = loaded("segformer-b4", theirs.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        network = method.network
        found = network.segmentation_head[0](network.decoder(network.encoder(image)))
        torch.testing.assert_close(found, theirs(image).logits, rtol=1e-4, atol=1e-5)


def authors(method: Method) -> dict[str, Tensor]:
    """A filled network under the authors' names; their head has a layer that nothing uses."""
    state, head = {}, "decode_head."
    for key, value in method.network.state_dict().items():
        if key.startswith("encoder."):
            state[f"backbone.{key.removeprefix('encoder.')}"] = value
        elif key.startswith("decoder.mlp_stage."):
            level, _, part = key.split(".")[2:]
            state[f"{head}linear_c{4 - int(level)}.proj.{part}"] = value
        else:
            part = key.rpartition(".")[2]
            name = {"decoder.fuse_stage.0": "linear_fuse.conv", "decoder.fuse_stage.1":
                    "linear_fuse.bn", "segmentation_head.0": "linear_pred"}  # fmt: skip
            state[f"{head}{name[key.rpartition('.')[0]]}.{part}"] = value
    return {**state, f"{head}conv_seg.weight": torch.rand(1, 128, 1, 1)}


def fourth(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of transformers 4, as files on the hub have them."""
    renamed = {}
    for key, value in state.items():
        key = key.replace("decode_head.linear_projections.", "decode_head.linear_c.")
        for old, new in (
            ("segformer.stages.", "segformer.encoder.stages."),
            ("layernorm_before", "layer_norm_1"), ("layernorm_after", "layer_norm_2"),
            ("attention.q_proj", "attention.self.query"),
            ("attention.k_proj", "attention.self.key"),
            ("attention.v_proj", "attention.self.value"),
            ("attention.o_proj", "attention.output.dense"),
            ("attention.sequence_reduction.sequence_reduction", "attention.self.sr"),
            ("attention.sequence_reduction.layer_norm", "attention.self.layer_norm"),
            ("mlp.fc", "mlp.dense"),
        ):  # fmt: skip
            key = key.replace(old, new)
        words = key.split(".")
        if words[2:3] == ["stages"]:
            part = {"blocks": "block"}.get(words[4], words[4])
            words[2:5] = [part, words[3]]
        renamed[".".join(words)] = value
    return renamed


def test_all_names_of_segformer_give_the_same_network(theirs) -> None:  # type: ignore[no-untyped-def]
    method = loaded("segformer-b4", theirs.state_dict())
    wanted = method.state_dict()
    old = fourth(theirs.state_dict())
    assert "segformer.encoder.block.2.26.attention.self.query.weight" in old
    assert "segformer.encoder.patch_embeddings.0.proj.weight" in old
    for state in (authors(method), old, method.network.state_dict()):
        found = loaded("segformer-b4", state).state_dict()
        assert all(torch.equal(found[key], value) for key, value in wanted.items())


def test_an_official_head_of_768_channels_and_150_classes_is_named(theirs) -> None:  # type: ignore[no-untyped-def]
    state = dict(theirs.state_dict())
    state["decode_head.classifier.weight"] = torch.rand(150, 768, 1, 1)
    with pytest.raises(MethodError, match=r"segmentation_head\.0\.weight \(150, 768, 1, 1\) for"):
        loaded("segformer-b4", state)


@pytest.mark.parametrize(
    ("name", "architecture", "encoder"),
    [("unet", smp.Unet, "resnet34"), ("unetpp-resnet50", smp.UnetPlusPlus, "resnet50")],
)
def test_a_checkpoint_of_the_library_is_imported_and_answers_alike(
    tmp_path: Path, name: str, architecture: type, encoder: str
) -> None:
    torch.manual_seed(1)
    network = architecture(encoder, encoder_weights=None).eval()
    torch.save({"state_dict": {f"model.{k}": v for k, v in network.state_dict().items()}},
               tmp_path / "best.pth")  # fmt: skip
    to = tmp_path / "out.safetensors"
    told = import_weights(Paths(ROOT), name, tmp_path / "best.pth", to, 64)
    assert "under state_dict" in told
    method = build(name, 64)
    method.load_state_dict(load_file(to))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(method.eval()(image), network(method.normalise(image)))


def test_checkpoints_of_another_encoder_or_without_a_key_are_refused(tmp_path: Path) -> None:
    file, to = tmp_path / "x.safetensors", tmp_path / "out.safetensors"
    save_file(smp.Unet("resnet18", encoder_weights=None).state_dict(), file)
    with pytest.raises(MethodError, match=r"missing: network\.encoder\.layer1\.2"):
        import_weights(Paths(ROOT), "unet", file, to, 64)
    state = polyp_pvt()
    del state["SAM.gcn.conv2.weight"]
    save_file(state, file)
    with pytest.raises(MethodError, match=r"missing: network\.aggregate\.between_states\.weight"):
        import_weights(Paths(ROOT), "polyp-pvt", file, to, 64)
    assert not to.exists()
