"""Polyp-PVT, of which there is no oracle: its count, and each part worked out by hand."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import ROOT, build
from torch import Tensor, nn

from benchmark.methods.importing import import_beside
from benchmark.methods.layers import count_parameters
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs
from benchmark.methods.weights import WeightStore

COUNT, ENCODER = 25_107_604, 24_849_856


@pytest.fixture(scope="module")
def network():  # type: ignore[no-untyped-def]
    return import_beside(ROOT, ROOT / "baselines" / "polyp_pvt" / "plugin.py", "network")


@pytest.fixture(scope="module")
def method():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return build("polyp-pvt", 64).eval()


def test_parameter_counts(method) -> None:  # type: ignore[no-untyped-def]
    assert count_parameters(method) == {"total": COUNT, "trainable": COUNT}
    inside = {
        name: count_parameters(part)["total"] for name, part in method.network.named_children()
    }
    assert inside == {
        "encoder": ENCODER,
        "identify": 2 * 64 * 4 + 2 * 49,
        "reduce": (64 + 128 + 320 + 512) * 32 + 4 * 64,
        # three and one of 32 to 32, two of 64 to 64, 96 to 96, 96 to 32; each with its norm
        "fuse": 4 * (9 * 32 * 32 + 64) + 2 * (9 * 64 * 64 + 128) + 9 * 96 * 128 + 192 + 64,
        "aggregate": 2 * (32 * 16 + 16) + 16 * 16 + 16 + 16 * 16 + 16 * 32,
        "head1": 33,
        "head2": 33,
    }


def test_identification_by_hand(network) -> None:  # type: ignore[no-untyped-def]
    """Channel 0 has mean -1 and maximum 2: gate σ(0 + 2), not σ(ReLU(-1 + 2))."""
    part = network.Identification(16)
    for p in part.parameters():
        nn.init.zeros_(p)
    x = torch.full((1, 16, 2, 2), 1.0)
    x[0, 0] = torch.tensor([[2.0, -2.0], [-2.0, -2.0]])
    with torch.no_grad():
        torch.testing.assert_close(part(x), x / 4)  # σ(0) of either gate
        part.narrow.weight[0, 0] = 1
        part.widen.weight[:] = 1
        gated = x * torch.sigmoid(torch.tensor(2.0))
        torch.testing.assert_close(part(x), gated / 2)
        part.look.weight[0, 1, 3, 3] = 1  # the maximum over the channels, in place
        torch.testing.assert_close(part(x), gated * torch.sigmoid(gated.amax(1, keepdim=True)))
        part.look.weight[0, 1, 3, 3] = 0
        part.look.weight[0, 0, 3, 3] = 1  # the mean over the channels
        torch.testing.assert_close(part(x), gated * torch.sigmoid(gated.mean(1, keepdim=True)))


def as_it_is(module: nn.Sequential) -> None:
    """Makes a convolution with its norm give its first channels unchanged."""
    conv, norm = module
    nn.init.zeros_(conv.weight)
    for k in range(conv.out_channels):
        conv.weight.data[k, k, 1, 1] = 1
    norm.eps = 1e-30  # adds nothing to a variance of 1


def test_cascaded_fusion_by_hand(network) -> None:  # type: ignore[no-untyped-def]
    """x2, x3, x4 = 5, 3, 2: y3 = [2 * 3, 2], [2 * 3 * 5, y3] = [30, 6, 2], and their sum."""
    part = network.CascadedFusion().eval()
    last = part.mix2[1]
    for module in (*part.times, part.up4, part.up3, part.mix3, part.mix2[0], last):
        as_it_is(module)
    levels = (torch.full((1, 32, s, s), v) for s, v in ((8, 5.0), (4, 3.0), (2, 2.0)))
    x2, x3, x4 = levels
    with torch.no_grad():
        torch.testing.assert_close(part(x2, x3, x4), torch.full((1, 32, 8, 8), 30.0))
        for k in range(32):
            last[0].weight[k, [32 + k, 64 + k], 1, 1] = 1.0
        torch.testing.assert_close(part(x2, x3, x4), torch.full((1, 32, 8, 8), 38.0))


def test_up_sampling_keeps_the_corners_in_two_steps(network) -> None:  # type: ignore[no-untyped-def]
    """A ramp 0, 1 becomes 0, 1/3, 2/3, 1, and then thirds of seven steps."""
    ramp = torch.tensor([0.0, 1.0]).expand(1, 1, 2, 2)
    twice = network._resize(ramp, (4, 4))
    torch.testing.assert_close(twice[0, 0, 0], torch.arange(4) / 3)
    torch.testing.assert_close(network._resize(twice, (8, 8))[0, 0, 0], torch.arange(8) / 7)


def test_similarity_aggregation_pixel_by_pixel(network) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    part = network.SimilarityAggregation().double()
    x, t = torch.randn(2, 2, 32, 12, 12).double()
    expected = torch.stack([_aggregated(part, *one) for one in zip(x, t, strict=True)])
    torch.testing.assert_close(part(x, t), expected)


def _aggregated(part: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """One case, (32, 12, 12) each, written with sums over pixels (y, x), nodes and states."""
    w, b = part.state.weight[..., 0, 0], part.state.bias
    q = torch.einsum("sc,cyx->syx", w, x) + b[:, None, None]
    w, b = part.project.weight[..., 0, 0], part.project.bias
    p = torch.einsum("sc,cyx->syx", w, x) + b[:, None, None]
    edge = t[1].exp() / t.exp().sum(0)
    seen = p * edge
    # 12 pixels in 6 cells of 2; the outer cells are no nodes
    anchors = [
        seen[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((1, 2))
        for i in range(1, 5)
        for j in range(1, 5)
    ]
    likeness = torch.stack([torch.einsum("s,syx->yx", a, p) for a in anchors]).exp()
    assigned = likeness / likeness.sum(0)
    n = torch.einsum("syx,kyx->sk", q, assigned)
    mixed = n @ part.between_nodes.weight.T + part.between_nodes.bias - n
    g = (part.between_states.weight @ mixed).clamp_min(0)
    answer = torch.einsum("cs,sk,kyx->cyx", part.extend.weight[..., 0, 0], g, assigned)
    return x + answer


def test_the_result_is_the_sum_and_each_map_is_supervised(method) -> None:  # type: ignore[no-untyped-def]
    p1, p2 = torch.randn(2, 2, 1, 64, 64)
    mask = (torch.rand(2, 1, 64, 64) > 0.5).float()
    inputs = Inputs(torch.rand(2, 3, 64, 64))
    published = build("polyp-pvt-as-published", 64)
    for one, weighted in ((method, True), (published, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.network, "forward", lambda x: [p1, p2])
            torch.testing.assert_close(one(inputs.image), p1 + p2)
            found = one.loss(inputs, mask)["total"]
        parts = [weighted_bce_iou(p, mask, weighted) for p in (p1, p2)]
        torch.testing.assert_close(found, sum(parts))


def test_weights_of_the_hub_fill_the_encoder_alone(tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    encoder = method.network.encoder
    wanted = {k: torch.rand_like(v) for k, v in encoder.state_dict().items()}
    others = {k: v.clone() for k, v in method.network.fuse.state_dict().items()}
    state = {k.replace("stages_", "stages."): v for k, v in wanted.items()}
    state |= {"head.weight": torch.rand(9, 512), "head.bias": torch.rand(9)}
    save_file(state, tmp_path / "pvt_v2_b2.in1k.safetensors")
    method.load_pretrained(WeightStore(tmp_path, method.card.weights))
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, wanted[key]), key
    for key, value in method.network.fuse.state_dict().items():
        assert torch.equal(value, others[key]), key
