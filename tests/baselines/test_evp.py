"""EVP, built from MMSNet's modules: parity with the official network, counts, frozen encoder."""

from pathlib import Path

import parity
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from support import build

from benchmark.core.errors import MethodError
from benchmark.methods.layers import count_parameters, load_strictly
from benchmark.methods.losses import bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

CONV_SEG = 128 + 1  # parameters of the official head that nothing uses; left out here
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
