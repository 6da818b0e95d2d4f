"""EVP's adaptor: its equations on a made encoder, its parameters, and where gradients go."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.encoder import Encoder
from baselines._shared.mix_transformer import MiT
from baselines._shared.prompt_adaptor import Adaptor
from baselines._shared.tiny_vit import TinyViT

# r: F_hf, F_pe, Linear_ij, Linear_i of MiT-B4.
COLUMNS = {
    8: (31_512, 48_256, 59_152, 49_152),
    4: (122_928, 96_512, 233_760, 97_280),
    2: (485_472, 193_024, 929_344, 193_536),
    1: (1_929_408, 386_048, 3_705_984, 386_048),
}
TOTALS = {16: 72_628, 8: 188_072, 4: 550_480, 2: 1_801_376, 1: 6_407_488}


class Tiny(Encoder):
    """Two stages of linear blocks; keeps what each block was given."""

    dims, depths, strides = (8, 16), (1, 2), (4, 8)

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.ModuleList([nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 16, 2, 2)])
        self.blocks = nn.ModuleDict(
            {f"{i}-{j}": nn.Linear(d, d) for i, j, d in ((0, 0, 8), (1, 0, 16), (1, 1, 16))}
        )
        self.given: list[tuple[int, int, Tensor]] = []

    def embed(self, stage: int, x: Tensor) -> Tensor:
        return self.patches[stage](x).permute(0, 2, 3, 1)

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        self.given.append((stage, j, x))
        return self.blocks[f"{stage}-{j}"](x).tanh()

    def finish(self, stage: int, x: Tensor) -> Tensor:
        return (2 * x).permute(0, 3, 1, 2)


@pytest.fixture
def tiny() -> Tiny:
    torch.manual_seed(0)
    return Tiny().double().freeze().eval()


def made(encoder: Encoder, **settings) -> Adaptor:
    """An adaptor with nothing at 0 or 1."""
    torch.manual_seed(1)
    adaptor = Adaptor(encoder, **settings)
    for parameter in adaptor.parameters():
        nn.init.normal_(parameter, std=0.5)
    return adaptor.to(next(encoder.parameters()).dtype)


def inputs(encoder: Encoder, maps: int = 0, size: int = 16) -> tuple[Tensor, Tensor, list[Tensor]]:
    """An image, a frequency image, and subbands at every stage."""
    torch.manual_seed(2)
    dtype = next(encoder.parameters()).dtype
    image, high = torch.randn(2, 2, 3, size, size, dtype=dtype)
    sides = [-(-size // stride) for stride in encoder.strides]
    return image, high, [torch.randn(2, maps, s, s, dtype=dtype) for s in sides if maps]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def by_hand(x: Tensor, conv: nn.Conv2d, norm: nn.LayerNorm) -> Tensor:
    """LN(Conv(x)) pixel by pixel: (a, H, W) -> (h, w, c)."""
    k, s = conv.kernel_size[0], conv.stride[0]
    padded = F.pad(x, [k // 2] * 4)
    h, w = ((side - 1) // s + 1 for side in x.shape[1:])
    out = torch.zeros(h, w, conv.out_channels, dtype=x.dtype)
    for row, column in itertools.product(range(h), range(w)):
        window = padded[:, row * s : row * s + k, column * s : column * s + k]
        value = (conv.weight * window).sum((1, 2, 3)) + conv.bias
        centred = value - value.mean()
        scaled = centred / (centred.square().mean() + 1e-5).sqrt()
        out[row, column] = scaled * norm.weight + norm.bias
    return out


def test_eq_f_hf_is_a_chain_of_embeddings(tiny: Tiny) -> None:
    """LN(Conv7x7, stride 4) of H, then LN(Conv3x3, stride 2) of the one before."""
    adaptor = made(tiny, r=2)
    _, high, _ = inputs(tiny)
    first = by_hand(high[0], adaptor.high[0].proj, adaptor.high[0].norm)
    second = by_hand(first.permute(2, 0, 1), adaptor.high[1].proj, adaptor.high[1].norm)
    found = adaptor.frequencies(high, ())
    assert [tuple(x.shape) for x in found] == [(2, 4, 4, 4), (2, 2, 2, 8)]
    torch.testing.assert_close(found[0][0], first)
    torch.testing.assert_close(found[1][0], second)
    assert [m.proj.kernel_size[0] for m in adaptor.high] == [7, 3]


def test_eq_maps_are_added_to_each_stage_and_stay_out_of_the_chain(tiny: Tiny) -> None:
    adaptor = made(tiny, r=2, maps=5)
    _, high, maps = inputs(tiny, maps=5)
    for i, (f, pure) in enumerate(
        zip(adaptor.frequencies(high, maps), made_pure(adaptor, high), strict=True)
    ):
        added = by_hand(maps[i][0], adaptor.maps[i].proj, adaptor.maps[i].norm)
        torch.testing.assert_close(f[0], pure[0] + added)


def made_pure(adaptor: Adaptor, high: Tensor) -> list[Tensor]:
    first = adaptor.high[0](high)
    return [first, adaptor.high[1](first.permute(0, 3, 1, 2))]


@pytest.mark.parametrize("frequency", [True, False])
def test_eq_p_ij_is_added_before_every_block(tiny: Tiny, frequency: bool) -> None:
    """Each block is given x_{j-1} + Linear_i(GELU(Linear_ij(F_i + F_pe,i))), written out."""
    maps = 5 if frequency else 0
    adaptor = made(tiny, r=2, maps=maps, frequency=frequency)
    image, high, subbands = inputs(tiny, maps=maps)
    features = adaptor(tiny, image, high, subbands)
    assert [(stage, j) for stage, j, _ in tiny.given] == [(0, 0), (1, 0), (1, 1)]
    frequencies = adaptor.frequencies(high, subbands) or [0, 0]
    given, x = iter(list(tiny.given)), image
    for i, depth in enumerate(tiny.depths):
        tokens = tiny.embed(i, x)
        base = tokens @ adaptor.tune[i].weight.T + adaptor.tune[i].bias + frequencies[i]
        for j in range(depth):
            own, shared = adaptor.own[i][j], adaptor.shared[i]
            inner = base @ own.weight.T + own.bias
            gelu = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
            prompt = gelu @ shared.weight.T + shared.bias
            _, _, was_given = next(given)
            torch.testing.assert_close(was_given, tokens + prompt)
            tokens = tiny.block(i, j, tokens + prompt)
        x = tiny.finish(i, tokens)
        torch.testing.assert_close(features[i], x)


@pytest.mark.parametrize("make", [Tiny, lambda: MiT("b0"), TinyViT])
def test_prompts_of_zero_leave_the_encoder_as_it_is(make) -> None:
    encoder = make().freeze().eval()
    adaptor = made(encoder, r=4, maps=3)
    for parameter in adaptor.shared.parameters():
        nn.init.zeros_(parameter)
    image, high, maps = inputs(encoder, maps=3, size=64)
    with torch.no_grad():
        assert all(map(torch.equal, adaptor(encoder, image, high, maps), encoder(image)))


@pytest.mark.parametrize("encoder", [MiT("b0"), TinyViT()], ids=["MiT", "TinyViT"])
def test_every_block_gets_its_own_prompt(encoder: Encoder, monkeypatch) -> None:
    seen = []
    block = encoder.block
    monkeypatch.setattr(encoder, "block", lambda i, j, x: seen.append((i, j)) or block(i, j, x))
    with torch.no_grad():
        image, high, _ = inputs(encoder, size=64)
        Adaptor(encoder, r=8)(encoder, image, high)
    assert seen == [(i, j) for i, depth in enumerate(encoder.depths) for j in range(depth)]


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
@pytest.mark.parametrize("encoder", [MiT("b0"), TinyViT()], ids=["MiT", "TinyViT"])
def test_sizes_follow_the_encoder(encoder: Encoder, size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    with torch.no_grad():
        features = Adaptor(encoder, r=8)(encoder, image, image)
    sides = [tuple(-(-side // stride) for side in size) for stride in encoder.strides]
    assert [tuple(x.shape[2:]) for x in features] == sides


@pytest.mark.parametrize("r", TOTALS)
def test_parameter_counts_on_b4(r: int) -> None:
    with torch.device("meta"):
        adaptor = Adaptor(MiT("b4"), r)
    assert count(adaptor) == TOTALS[r]
    columns = tuple(map(count, (adaptor.high, adaptor.tune, adaptor.own, adaptor.shared)))
    assert columns == COLUMNS.get(r, columns)


def test_parameter_counts_with_maps_and_without_frequency() -> None:
    with torch.device("meta"):
        encoder = MiT("b4")
        assert count(Adaptor(encoder, maps=24)) == TOTALS[1] + 27_648
        assert count(Adaptor(encoder, frequency=False)) == 4_478_080
    with pytest.raises(ValueError, match="maps=24 without frequency; expected 0"):
        Adaptor(encoder, maps=24, frequency=False)


@pytest.mark.parametrize("make", [lambda: MiT("b0"), TinyViT])
@pytest.mark.parametrize("bf16", [False, True])
def test_gradients_reach_every_prompt_and_not_the_encoder(make, bf16: bool) -> None:
    encoder = make().freeze().train()
    adaptor = Adaptor(encoder, r=4, maps=3)
    image, high, maps = inputs(encoder, maps=3, size=64)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features = adaptor(encoder, image, high, maps)
    sum((x.float() * torch.randn_like(x.float())).mean() for x in features).backward()
    assert all(p.grad is None for p in encoder.parameters())
    for name, parameter in adaptor.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.slow
def test_it_traces_as_one_graph(tiny: Tiny) -> None:
    encoder = MiT("b0").freeze().eval()
    adaptor = Adaptor(encoder, r=16, maps=3)
    image, high, maps = inputs(encoder, maps=3, size=32)
    whole = torch.compile(lambda *given: adaptor(encoder, *given), fullgraph=True, backend="eager")
    with torch.no_grad():
        assert all(map(torch.equal, whole(image, high, maps), adaptor(encoder, image, high, maps)))


def test_the_start_is_evps() -> None:
    torch.manual_seed(0)
    adaptor = Adaptor(MiT("b1"), maps=24)
    conv, linear = adaptor.high[3].proj, adaptor.own[3][0]
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.02)
    # A normal cut at two of its own standard deviations would be narrower; theirs is cut at ±2.
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not conv.bias.any()
    assert not linear.bias.any()
    norm = adaptor.maps[0].norm
    assert norm.weight.eq(1).all()
    assert norm.bias.eq(0).all()
    assert norm.eps == 1e-5
