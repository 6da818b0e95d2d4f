"""The decoder: its count, its sizes, compiled as one graph, gradients, and portable weights."""

import copy

import pytest
import torch
from torch import Tensor, nn

from baselines._shared.frequency_guidance import Guidance, MultiscaleFrequencyGuidance
from mmsnet.decoder import Decoder, Widths

DIMS, SIDES = (64, 128, 320, 512), (88, 44, 22, 11)
SMALL_DIMS, SMALL_SIDES = (8, 16, 24, 32), (32, 16, 8, 4)
GUIDANCE = Guidance(frequencies=4)
NARROW = Widths(skip=32, up=(32, 32, 32))


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def features(sides: tuple[int, ...] = SMALL_SIDES, batch: int = 2) -> list[Tensor]:
    made = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, d, s, s, generator=made) for d, s in zip(SMALL_DIMS, sides, strict=True)
    ]


def small(guidance: Guidance | None = GUIDANCE, sides: tuple[int, ...] = SMALL_SIDES) -> Decoder:
    torch.manual_seed(0)
    return Decoder(SMALL_DIMS, sides, guidance, NARROW)


def gradients(decoder: nn.Module, feats: list[Tensor]) -> dict[str, Tensor | None]:
    decoder.zero_grad()
    decoder(feats).square().mean().backward()
    return {name: p.grad for name, p in decoder.named_parameters()}


@pytest.mark.parametrize(
    ("guidance", "expected"),
    [
        (Guidance(), 1_100_915),
        (Guidance(frequencies=1), 1_100_915),
        (Guidance(share=True), 1_100_915),
        (Guidance(selection="learned"), 1_100_915 + 3 * 3 * 32),
        (Guidance(branches=1), 1_100_915 - 305_446 - 2 * 87_302 + 171_394 + 2 * 43_074),
        (None, 1_100_915 - 305_446 - 2 * 87_302),
    ],
)
def test_parameter_count(guidance: Guidance | None, expected: int) -> None:
    assert count(Decoder(DIMS, SIDES, guidance)) == expected


def test_bases_fit_the_levels() -> None:
    decoder = Decoder(DIMS, SIDES, Guidance())
    assert [up.guide.sizes for up in decoder.up] == [(14, 7, 14), (28, 14, 7), (56, 28, 14)]


def test_logits_of_the_finest_level() -> None:
    assert small().eval()(features()).shape == (2, 1, 32, 32)


def test_without_guidance_the_block_is_the_identity() -> None:
    decoder = small(None)
    assert not [m for m in decoder.modules() if isinstance(m, MultiscaleFrequencyGuidance)]
    assert all(isinstance(up.guide, nn.Identity) for up in decoder.up)
    assert decoder.eval()(features()).shape == (2, 1, 32, 32)


@pytest.mark.parametrize("sides", [(32, 16, 8, 8), (16, 16, 16, 16), (50, 25, 13, 7)])
def test_other_sizes_than_built_for(sides: tuple[int, ...]) -> None:
    logits = small().eval()(features(sides))
    assert logits.shape == (2, 1, sides[0], sides[0])
    assert logits.isfinite().all()


@pytest.mark.parametrize("selection", ["mean", "learned"])
@pytest.mark.parametrize("share", [False, True])
def test_every_parameter_learns(selection: str, share: bool) -> None:
    decoder = small(Guidance(frequencies=4, selection=selection, share=share))
    for name, grad in gradients(decoder, features()).items():
        assert grad is not None, name
        assert grad.isfinite().all(), name
        # A bias before batch normalisation moves nothing; nor does A while α = β.
        if not name.endswith(("0.bias", "attend.weight")):
            assert grad.abs().sum() > 0, name


def test_the_spatial_map_learns_once_alpha_and_beta_differ() -> None:
    decoder = small()
    with torch.no_grad():
        for name, p in decoder.named_parameters():
            if name.endswith("alpha"):
                p.fill_(0.5)
    for name, grad in gradients(decoder, features()).items():
        assert not name.endswith("attend.weight") or grad.abs().sum() > 0, name


def test_same_seed_same_numbers() -> None:
    def twice() -> tuple[Tensor, dict]:
        decoder = small()
        torch.manual_seed(2)  # the dropout's
        return decoder(features()), gradients(decoder, features())

    (one, grads), (two, again) = twice(), twice()
    assert torch.equal(one, two)
    assert all(torch.equal(grads[name], again[name]) for name in grads)


def test_dropout_only_while_training() -> None:
    decoder, feats = small(), features()
    assert not torch.equal(decoder(feats), decoder(feats))
    decoder.eval()
    assert torch.equal(decoder(feats), decoder(feats))


def test_weights_fit_another_size() -> None:
    here, there = small(), small(sides=(88, 44, 22, 11))
    assert [up.guide.sizes for up in here.up] != [up.guide.sizes for up in there.up]
    with torch.no_grad():
        for p in here.parameters():
            p.add_(0.1)
    there.load_state_dict(here.state_dict(), strict=True)
    again = small()
    again.load_state_dict(there.state_dict(), strict=True)
    feats = features()
    assert torch.equal(again.eval()(feats), here.eval()(feats))
    assert there.eval()(feats).shape == (2, 1, 32, 32)


def one_step(guidance: Guidance) -> Decoder:
    """A decoder of two levels, without dropout, so that two passes can be compared."""
    torch.manual_seed(0)
    return Decoder(SMALL_DIMS[:2], (32, 16), guidance, Widths(skip=32, up=(32,), dropout=0.0))


@pytest.mark.parametrize(
    "guidance",
    [
        GUIDANCE,
        pytest.param(
            Guidance(2, frequencies=2, selection="learned", share=True), marks=pytest.mark.slow
        ),
    ],
)
def test_compiles_as_one_graph(guidance: Guidance) -> None:
    torch._dynamo.reset()
    plain, feats = one_step(guidance), features()[:2]
    twin = copy.deepcopy(plain)
    compiled = torch.compile(twin, fullgraph=True, backend="aot_eager")
    logits = compiled(feats)
    torch.testing.assert_close(logits, plain(feats))
    logits.square().mean().backward()
    expected = torch.cat([g.flatten() for g in gradients(plain, feats).values()])
    found = torch.cat([p.grad.flatten() for p in twin.parameters()])
    assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.slow
def test_compiles_under_autocast() -> None:
    torch._dynamo.reset()
    decoder, feats = one_step(GUIDANCE).eval(), features()[:2]
    compiled = torch.compile(decoder, fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        half = compiled(feats)
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half, decoder(feats), atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(half.float(), decoder(feats), atol=5e-2, rtol=5e-2)


def test_dims_sizes_and_widths_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="4 dims, 3 sizes and 3 up-blocks"):
        Decoder(SMALL_DIMS, (32, 16, 8), GUIDANCE, NARROW)
