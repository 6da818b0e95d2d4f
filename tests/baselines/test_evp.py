"""EVP, built from MMSNet's modules: parity with the official network, counts, frozen encoder."""

from pathlib import Path

import parity
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from support import ROOT, build

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths
from benchmark.methods.layers import count_parameters, load_strictly
from benchmark.methods.losses import bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore
from benchmark.runs.official_weights import import_weights

CONV_SEG = 128 + 1  # parameters of the official head that nothing uses; left out here
PROMPT = "backbone.prompt_generator."
TOTAL, TRAINABLE = 64_544_402 - CONV_SEG, 3_701_714 - CONV_SEG


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build("evp", 64)


def test_parity_with_the_official_network() -> None:
    parity.check("evp", "evp_mitb4", lambda method, x: [method.network(x)])


def test_the_map_drops_conv_seg_alone_and_misses_nothing() -> None:
    """A key that is not known is refused by the strict loading, not dropped."""
    state, evp = parity.reference().make_state_dict("evp_mitb4"), build("evp")
    mapped = evp.from_official({**state, "decode_head.other": torch.rand(1)})
    with pytest.raises(MethodError, match=r"left over: network\.head\.other \(1\)"):
        load_strictly(evp, mapped, "x")


def test_the_file_of_its_own_training_holds_the_same_under_shorter_names(method) -> None:  # type: ignore[no-untyped-def]
    """`prompt` and `decode_head` alone; the encoder comes from its pretrained file."""
    one = torch.rand(1)
    parts = ("handcrafted_generator1.norm.bias", "embedding_generator2.weight",
             "lightweight_mlp3_4.0.bias", "shared_mlp4.weight")  # fmt: skip
    for part in parts:
        short = method.from_official({f"prompt.{part}": one})
        assert list(short) == list(method.from_official({f"{PROMPT}{part}": one}))
        assert short.keys() <= method.state_dict().keys()
    assert list(method.from_official({"decode_head.conv_seg.bias": one})) == []


@pytest.mark.slow  # 260 MB three times; the small `net` of test_imported.py goes the same way
def test_its_own_file_is_imported_on_the_pretrained_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = parity.reference().make_state_dict("evp_mitb4")
    saved = {"prompt": below(state, PROMPT), "decode_head": below(state, "decode_head.")}
    torch.save(saved, tmp_path / "prompt_epoch_last.pth")
    encoder = below({k: v for k, v in state.items() if not k.startswith(PROMPT)}, "backbone.")
    torch.save(encoder, tmp_path / "mit_b4.pth")
    monkeypatch.setenv("MIXSEG_WEIGHTS", str(tmp_path))
    to = tmp_path / "out.safetensors"
    told = import_weights(Paths(ROOT), "evp", tmp_path / "prompt_epoch_last.pth", to, 64)
    assert "wrote " in told
    assert "130 tensors of evp at 64 pixels, made from the 132 of prompt_epoch_last.pth" in told
    assert "the frozen ones, which it does not hold, from mit-b4" in told
    wanted, found = build("evp").from_official(state), load_file(to)
    assert found.keys() == wanted.keys()
    assert len(found) == 1044 > len(state) == 964  # keys and values are one tensor there
    assert all(torch.equal(found[key], wanted[key]) for key in found)


def below(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def test_parameter_counts(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": TOTAL, "trainable": TRAINABLE}
    assert count_parameters(method.network.adaptor)["total"] == 550_480
    assert not any(p.requires_grad for p in method.network.encoder.parameters())


def test_the_head_without_3072_channels_is_the_head_with_them(method) -> None:  # type: ignore[no-untyped-def]
    head = method.network.head.double().eval()
    torch.manual_seed(1)
    maps = [
        torch.randn(2, d, s, s).double()
        for d, s in zip((64, 128, 320, 512), (8, 4, 2, 1), strict=True)
    ]
    ys = []
    for x, linear in zip(maps, head.reduce, strict=True):
        y = linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        ys.append(F.interpolate(y, size=8, mode="bilinear", align_corners=False))
    expected = head.predict(torch.relu(head.norm(head.fuse(torch.cat(ys[::-1], 1)))))
    torch.testing.assert_close(head(maps), expected, rtol=1e-12, atol=1e-12)
    head.float()


def test_the_losses_of_the_two_rows() -> None:
    image = torch.rand(2, 3, 64, 64)
    mask = (torch.rand(2, 1, 64, 64) > 0.5).float()
    logits = torch.randn(2, 1, 64, 64)
    published, main = (build(f"evp{more}", 64) for more in ("-as-published", ""))
    for one in (published, main):
        one.forward = lambda image: logits
    assert torch.equal(published.loss(Inputs(image), mask)["total"], bce_iou(logits, mask))
    assert not torch.equal(main.loss(Inputs(image), mask)["total"], bce_iou(logits, mask))


def test_official_encoder_weights_fill_the_encoder_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    wanted = {k: torch.rand_like(v) for k, v in method.network.encoder.state_dict().items()}
    head = {k: v.clone() for k, v in method.network.head.state_dict().items()}
    save_file(wanted, tmp_path / "mit_b4.safetensors")
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in method.network.encoder.state_dict().items():
        assert torch.equal(value, wanted[key]), key
    for key, value in method.network.head.state_dict().items():
        assert torch.equal(value, head[key]), key
