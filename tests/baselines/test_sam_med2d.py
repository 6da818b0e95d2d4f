"""SAM-Med2D: equal to the official network; its loss by hand, its adapters, its images."""

import math
from pathlib import Path

import pytest
import support
import torch
from parity import check
from torch import Tensor

from baselines._shared import sam_encoder
from baselines._shared.sam_network import MEAN, STD, Prompts, Sight
from benchmark.core.errors import MissingDataError
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore

COUNT, ADAPTERS = 271_241_776, 180_504_576
ADAPTED = ("sam-med2d-adapters", "sam-med2d-as-published")


def build(name: str, size: int = 64, side: int = 128) -> Method:
    torch.manual_seed(0)
    return support.build(name, size, side=side)


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of one block."""
    monkeypatch.setattr(sam_encoder, "DEPTH", 1)


def inputs() -> tuple[Inputs, Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 3, 64, 64, generator=generator)
    points = torch.tensor([[[10.0, 20.0]], [[40.0, 8.0]]])
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 10:40, 5:45] = 1
    return Inputs(image, points, torch.ones(2, 1, dtype=torch.long)), mask


@pytest.mark.slow  # 271 million parameters in float64
def test_it_is_equal_to_the_official_network() -> None:
    def outputs(method: Method, image: Tensor) -> list[Tensor]:
        point = torch.tensor([[[130.0, 90.0]]], dtype=image.dtype)
        prompts = Prompts(point, torch.ones(1, 1, dtype=torch.long))
        embedding = method.network.image_encoder(image)
        return [embedding, *method.network.decode(embedding, prompts, 256, multimask=True)]

    check("sam-med2d", "sam_med2d_256", outputs, (1, 3, 256, 256))
    # The weights are large; no second network is built to count them.


def test_parameter_counts() -> None:
    with torch.device("meta"):
        method = build("sam-med2d", 256)
    named = dict(method.named_parameters())
    assert sum(p.numel() for p in named.values()) == COUNT
    assert sum(p.numel() for name, p in named.items() if ".Adapter." in name) == ADAPTERS


def test_the_loss_by_hand(shallow: None) -> None:
    """Logits 0 and a mask on one pixel of four; p = 0.5 everywhere.

    focal: (0.25 + 3 x 0.75) / 4 x 0.25 x log 2 = 0.15625 log 2
    Dice:  1 - (2 x 0.5 + 1) / (2 + 1 + 1) = 0.5
    IoU:   0.5 / (2 + 1 - 0.5) = 0.2; (0.7 - 0.2)^2 = 0.25
    """
    method = build("sam-med2d-as-published")
    mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)
    quality = torch.tensor([[0.1, 0.7, 0.3]])
    method.decode = lambda given: (torch.zeros(1, 3, 2, 2), quality)  # type: ignore[method-assign]
    terms = method.loss(Inputs(mask.expand(1, 3, 2, 2)), mask)
    found = {name: float(value) for name, value in terms.items()}
    focal = 20 * 0.15625 * math.log(2)
    assert found == pytest.approx(
        {"focal": focal, "dice": 0.5, "iou_error": 0.25, "total": focal + 0.75}
    )


def test_the_sums_of_the_loss_run_over_the_batch(shallow: None) -> None:
    """An empty case beside a whole one: Dice of the two together is not the mean of two."""
    method = build("sam-med2d-as-published")
    mask = torch.stack([torch.ones(1, 2, 2), torch.zeros(1, 2, 2)])
    logits, quality = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1)
    method.decode = lambda given: (logits, quality)  # type: ignore[method-assign]
    terms = method.loss(Inputs(mask.expand(2, 3, 2, 2)), mask)
    # p sums to 4, the mask to 4, their product to 2.
    assert float(terms["dice"]) == pytest.approx(1 - 5 / 9)
    assert float(terms["iou_error"]) == pytest.approx((2 / 6) ** 2)


@pytest.mark.parametrize("mask", [0.0, 1.0])
def test_the_loss_is_finite_at_the_ends(shallow: None, mask: float) -> None:
    method = build("sam-med2d-as-published")
    logits = torch.full((1, 1, 4, 4), 80.0, requires_grad=True)
    method.decode = lambda given: (logits, torch.ones(1, 1))  # type: ignore[method-assign]
    for sign in (1, -1):
        full = torch.full((1, 1, 4, 4), mask)
        method.decode = lambda given, s=sign: (s * logits, torch.ones(1, 1))  # type: ignore[method-assign, misc]
        total = method.loss(Inputs(full.expand(1, 3, 4, 4)), full)["total"]
        total.backward()
        assert torch.isfinite(total)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


def test_what_learns(shallow: None) -> None:
    decoder = {n for n, p in build("sam-med2d").named_parameters() if p.requires_grad}
    assert all(name.startswith("network.mask_decoder.") for name in decoder)
    heads = {n.split(".")[3] for n in decoder if "hypernetworks" in n}
    assert heads == {"1", "2", "3"}  # the first mask is never asked for
    adapters = {n for n, p in build(ADAPTED[0]).named_parameters() if p.requires_grad}
    assert {n for n in adapters - decoder if ".Adapter." not in n} == set()
    assert adapters > decoder
    published = {n for n, p in build(ADAPTED[1]).named_parameters() if p.requires_grad}
    assert {n.split(".")[2] for n in published - adapters} == {"iou_prediction_head"}


@pytest.mark.parametrize("name", ADAPTED)
def test_an_encoder_that_learns_is_not_embedded(shallow: None, name: str) -> None:
    assert type(build(name)).embed is Method.embed
    assert type(build("sam-med2d")).embed is not Method.embed
    method = build(name)
    given, mask = inputs()
    assert method.embed(given.image) is None
    method.loss(given, mask)["total"].backward()
    for key, p in method.named_parameters():
        if ".Adapter." in key:
            assert p.grad is not None, key
            assert p.grad.any(), key


def test_the_adapter_by_hand() -> None:
    """Convolutions and gate of zeros leave LN(n); the gate of zeros is one half, unseen then."""
    adapter = sam_encoder.Adapter()
    for p in (*adapter.channel.parameters(), *adapter.spatial.parameters()):
        torch.nn.init.zeros_(p)
    x = torch.randn(1, 4, 4, 768)
    torch.testing.assert_close(adapter(x), torch.nn.functional.layer_norm(x, (768,)))
    # Centre taps of the two convolutions: the picture is halved by the gate, taken at even places.
    with torch.no_grad():
        adapter.spatial[0].weight[:, :, 1, 1] = torch.eye(768)
        adapter.spatial[2].weight[:, :, 1, 1] = torch.eye(768)
    local = torch.zeros_like(x)
    local[:, ::2, ::2] = x[:, ::2, ::2].relu() / 2
    expected = torch.nn.functional.layer_norm(x + local, (768,))
    torch.testing.assert_close(adapter(x), expected)


def test_blue_comes_first_under_the_statistics_of_red() -> None:
    image = torch.zeros(1, 3, 2, 2)
    image[:, 2] = 1.0  # all blue
    seen = Sight(2, bgr=True)(image)[0, :, 0, 0].tolist()
    assert seen == pytest.approx([(1 - MEAN[0]) / STD[0], -MEAN[1] / STD[1], -MEAN[2] / STD[2]])


def test_large_images_are_made_smaller(shallow: None) -> None:
    method = build("sam-med2d", 352, 256)
    assert support.build("sam-med2d", 352).sight.side == method.sight.side == 256
    # A checkerboard has no colour from afar: it is averaged, not sampled.
    board = (torch.arange(512)[:, None] + torch.arange(512)) % 2
    seen = method.sight(board.float().expand(1, 3, 512, 512))
    assert seen.shape == (1, 3, 256, 256)
    assert float(seen[0, 0, 8:-8, 8:-8].std()) < 0.05


def test_the_weights_are_to_be_put_here_by_hand(tmp_path: Path, shallow: None) -> None:
    method = build("sam-med2d")
    with pytest.raises(MissingDataError, match=r"sam-med2d_b.pth.*no address"):
        method.load_pretrained(WeightStore(tmp_path, method.card.weights))
