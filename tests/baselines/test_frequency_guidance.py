"""Multiscale frequency guidance: each equation by hand or by loops, counts, sizes and switches."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.dct import dct_bases
from baselines._shared.frequency_guidance import (
    FrequencyChannelGuidance,
    Guidance,
    MultiscaleFrequencyGuidance,
    SpatialGuidance,
    extremes,
    statistics,
)

SMALL = Guidance(frequencies=4)


def naive_products(z: Tensor, bases: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, max and min of z D_k, (B, C, K) each, one product after another."""
    products = [z * d for d in bases]
    return (
        torch.stack([y.mean((2, 3)) for y in products], -1),
        torch.stack([y.amax((2, 3)) for y in products], -1),
        torch.stack([y.amin((2, 3)) for y in products], -1),
    )


def naive_statistics(v: Tensor, bases: Tensor, weights: Tensor) -> Tensor:
    n = bases.shape[-1]
    z = v if v.shape[-2:] == (n, n) else F.adaptive_avg_pool2d(v, n)
    return torch.stack([(s * weights).sum(-1) for s in naive_products(z, bases)], dim=1)


def positive(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Not negative, with the many zeros that a ReLU leaves; the same for the same shape."""
    made = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)
    return made.relu().requires_grad_()


def block(channels: int, size: int, guidance: Guidance) -> MultiscaleFrequencyGuidance:
    torch.manual_seed(0)
    return MultiscaleFrequencyGuidance(channels, size, guidance)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("size", [7, 14, 21, 28, 56])
@pytest.mark.parametrize("frequencies", [1, 2, 32])
def test_extremes_are_those_of_the_products(size: int, frequencies: int) -> None:
    z = positive(2, 3, size, size, dtype=torch.float64)
    bases = dct_bases(frequencies, size, torch.float64)
    ours, naive = extremes(z, bases), naive_products(z, bases)[1:]
    # A minimum of 0 is tied between all zeros, where a ReLU stops the gradient: leave those out.
    chosen = [torch.rand_like(t) * (t != 0) for t in naive]
    grads = []
    for two in (ours, naive):
        total = sum((t * c).sum() for t, c in zip(two, chosen, strict=True))
        grads += torch.autograd.grad(total, z)
    for mine, theirs in zip(ours, naive, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0)
    torch.testing.assert_close(grads[0], grads[1], atol=1e-12, rtol=0)


@pytest.mark.parametrize("side", [28, 44, 10])  # as large as N, pooled, enlarged
@pytest.mark.parametrize("frequencies", [1, 32])
def test_statistics_are_the_naive_ones(side: int, frequencies: int) -> None:
    v, bases = positive(2, 5, side, side), dct_bases(frequencies, 28)
    weights = torch.linspace(1, 2, frequencies).softmax(0)
    ours, naive = statistics(v, bases, weights), naive_statistics(v, bases, weights)
    assert ours.shape == (2, 3, 5)
    torch.testing.assert_close(ours, naive, atol=1e-6, rtol=1e-5)
    grads = [torch.autograd.grad(s.square().sum(), v)[0] for s in (ours, naive)]
    stopped = v > 0  # what a ReLU lets through
    torch.testing.assert_close(grads[0] * stopped, grads[1] * stopped, atol=1e-6, rtol=1e-4)


def test_statistics_by_hand() -> None:
    # v = 2: D_0 = 1/7, and D_1[i, j] = sqrt(2)/7 cos(π (j + 1/2)/7) is as large as it is small.
    v, bases = torch.full((1, 1, 7, 7), 2.0), dct_bases(2, 7)
    peak = math.sqrt(2) / 7 * math.cos(math.pi / 14)
    a, m, n = statistics(v, bases, torch.tensor([0.5, 0.5]))[0, :, 0].tolist()
    assert a == pytest.approx(2 / 7 / 2, abs=1e-6)
    assert m == pytest.approx((2 / 7 + 2 * peak) / 2, abs=1e-6)
    assert n == pytest.approx((2 / 7 - 2 * peak) / 2, abs=1e-6)


def test_statistics_keep_no_products_for_the_backward_pass() -> None:
    kept = 0

    def note(t: Tensor) -> Tensor:
        nonlocal kept
        kept += t.nbytes
        return t

    v, bases = positive(2, 16, 56, 56), dct_bases(32, 56)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        statistics(v, bases, torch.full((32,), 1 / 32))
    assert 0 < kept < 3 * v.nbytes  # 32 products alone are 32


def test_statistics_are_float32_under_autocast() -> None:
    v, bases = positive(2, 4, 20, 20).detach().bfloat16(), dct_bases(8, 14)
    weights = torch.full((8,), 1 / 8)
    with torch.autocast("cpu", torch.bfloat16):
        three = statistics(v, bases, weights)
        assert block(32, 20, SMALL)(torch.rand(1, 32, 20, 20)).isfinite().all()
    assert three.dtype == torch.float32
    torch.testing.assert_close(three, naive_statistics(v.float(), bases, weights))


def test_eq_channel_guidance() -> None:
    torch.manual_seed(0)
    layer, v, bases = FrequencyChannelGuidance(32, 16), positive(2, 32, 14, 14), dct_bases(4, 14)
    w1, w2 = layer.narrow.weight, layer.widen.weight
    assert (w1.shape, w2.shape) == ((2, 32), (32, 2))
    a, m, n = naive_statistics(v, bases, torch.full((4,), 1 / 4)).unbind(1)
    w = torch.sigmoid(sum(F.relu(t @ w1.T) @ w2.T for t in (a, m, n)))
    torch.testing.assert_close(layer(v, bases), v * w[:, :, None, None])


def test_eq_spatial_guidance() -> None:
    torch.manual_seed(0)
    layer, v = SpatialGuidance(8, 32).eval(), positive(2, 8, 5, 6)
    torch.testing.assert_close(layer.mix(v), v)  # α = β = 1 lets all through
    with torch.no_grad():
        layer.alpha.fill_(3.0)
        layer.beta.fill_(0.5)
    # One channel from eight: A = σ(sum_c w_c v_c).
    attention = torch.sigmoid((v * layer.attend.weight[0][None]).sum(1, keepdim=True))
    mixed = 3.0 * (1 - attention) * v + 0.5 * attention * v
    torch.testing.assert_close(layer.mix(v), mixed)
    conv, norm = layer.conv[0], layer.conv[1]
    expected = F.relu(norm(F.conv2d(mixed, conv.weight, padding=1)))
    torch.testing.assert_close(layer(v), expected)


def test_eq_scales_are_added_to_x() -> None:
    guided, x = block(32, 28, SMALL).eval(), torch.rand(2, 32, 28, 28)
    total = torch.zeros_like(x)
    for s, (stride, n) in enumerate(zip((1, 2, 1), guided.sizes, strict=True)):  # 28 / 4 < 8
        u = F.avg_pool2d(x, stride)
        branch = guided.branches[s]
        v = u
        for layer, reach in zip(branch.conv, (1 + s, 0), strict=True):
            groups = 32 if reach else 1
            v = F.conv2d(v, layer[0].weight, padding=reach, dilation=reach or 1, groups=groups)
            v = F.relu(layer[1](v))
        q = branch.spatial(branch.channel(v, dct_bases(4, n)))
        total += F.interpolate(q, size=28, mode="bilinear")
    torch.testing.assert_close(guided(x), x + total / 3)


TABLE = {  # channels: S = 1; S = 2 and S = 3, each with C_min 32 and 64
    32: (10_882, 21_764, 43_204, 32_646, 64_806),
    64: (43_074, 65_188, 86_148, 87_302, 129_222),
    128: (171_394, 259_140, 259_140, 305_446, 346_886),
    256: (683_778, 1_033_348, 1_033_348, 1_217_350, 1_217_350),
    512: (2_731_522, 4_126_980, 4_126_980, 4_860_550, 4_860_550),
}


@pytest.mark.parametrize(("channels", "counts"), TABLE.items())
def test_parameter_counts(channels: int, counts: tuple[int, ...]) -> None:
    kinds = [(1, 32), (2, 32), (2, 64), (3, 32), (3, 64)]
    for (branches, least), expected in zip(kinds, counts, strict=True):
        guidance = Guidance(branches=branches, least_channels=least)
        if branches == 1 and channels < 32:
            continue
        assert count(MultiscaleFrequencyGuidance(channels, 22, guidance)) == expected


@pytest.mark.parametrize("frequencies", [1, 2, 4, 8, 16, 32])
def test_frequencies_change_no_parameter_and_no_checkpoint(frequencies: int) -> None:
    guided = block(64, 44, Guidance(frequencies=frequencies))
    assert count(guided) == 87_302
    assert guided.state_dict().keys() == block(64, 44, SMALL).state_dict().keys()
    assert not [key for key in guided.state_dict() if "bases" in key]
    assert {key: b.shape for key, b in guided.named_buffers() if "bases" in key} == {
        f"bases_{n}": (frequencies, n, n) for n in (28, 14, 7)
    }


@pytest.mark.parametrize(
    ("side", "strides", "sizes"),
    [(88, (1, 2, 4), (56, 28, 14)), (44, (1, 2, 4), (28, 14, 7)), (22, (1, 2, 1), (14, 7, 14)),
     (11, (1, 1, 1), (7, 7, 7)), (4, (1, 1, 1), (7, 7, 7)), (16, (1, 2, 1), (14, 7, 14))],
)  # fmt: skip
def test_scales_and_bases_of_a_map(side: int, strides: tuple, sizes: tuple) -> None:
    guidance = Guidance()
    assert tuple(guidance.stride(side, s) for s in range(3)) == strides
    assert block(32, side, guidance).sizes == sizes
    assert block(32, side, replace(guidance, dct_size=56)).sizes == (56, 56, 56)


def test_learned_selection_starts_as_the_mean() -> None:
    plain, learned = block(32, 16, SMALL), block(32, 16, replace(SMALL, selection="learned"))
    assert count(learned) == count(plain) + 3 * SMALL.frequencies
    assert not learned.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    x = torch.rand(2, 32, 16, 16)
    torch.testing.assert_close(learned(x), plain(x))
    learned(x).square().sum().backward()
    grads = [branch.channel.preference.grad for branch in learned.branches]
    assert all(g is not None and g.isfinite().all() and g.abs().sum() > 0 for g in grads)


def test_learned_selection_can_choose_one_frequency() -> None:
    layer, bases = FrequencyChannelGuidance(32, 16, learned=4), dct_bases(4, 14)
    with torch.no_grad():
        layer.preference.copy_(torch.tensor([100.0, 0, 0, 0]))
    alone = FrequencyChannelGuidance(32, 16)
    alone.load_state_dict(layer.state_dict(), strict=False)
    v = positive(1, 32, 14, 14)
    torch.testing.assert_close(layer(v, bases), alone(v, bases[:1]))


def test_sharing_gives_the_finer_branch_what_the_coarser_found() -> None:
    guidance = replace(SMALL, branches=2)
    plain, shared = block(32, 16, guidance).eval(), block(32, 16, replace(guidance, share=True))
    assert shared.state_dict().keys() == plain.state_dict().keys()
    x, (fine, coarse) = torch.rand(2, 32, 16, 16), plain.branches
    q1 = F.interpolate(coarse(F.avg_pool2d(x, 2), plain.bases_7), size=16, mode="bilinear")
    expected = x + (fine(x + q1, plain.bases_14) + q1) / 2
    torch.testing.assert_close(shared.eval()(x), expected)
    assert not torch.allclose(plain(x), expected)


@pytest.mark.parametrize("shape", [(16, 16), (30, 30), (9, 9), (5, 5), (17, 23)])
@pytest.mark.parametrize("share", [False, True])
def test_other_sizes_than_built_for(shape: tuple[int, int], share: bool) -> None:
    guided = block(32, 22, replace(SMALL, share=share)).eval()
    x = torch.rand(2, 32, *shape)
    out = guided(x)
    assert out.shape == x.shape
    assert out.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"branches": 0}, "branches = 0"), ({"selection": "max"}, "'mean' or 'learned'")],
)
def test_wrong_guidance(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Guidance(**wrong)
