"""U-KAN: a small U-Net whose two deepest levels have splines as their activations.

B cases, C channels, H x W pixels. BN is batch, LN layer normalisation of the channels of a pixel.

Source: Li et al., U-KAN, AAAI 2025, arXiv 2406.02918; layers: Liu et al., KAN, ICLR 2025.

Ours / theirs: `encoder.k` and `decoder.k` are theirs `encoder{k+1}.conv` and `decoder{k+1}.conv`;
`KEYS` has the rest. Their ReLUs behind pooling and up-sampling change nothing and are left out.
Their file also holds the knots of the splines, which nothing moves; ours are constants.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import Rules, renamed

STRIDE = 32
ENCODER = (16, 32, 128)  # channels of the convolutional levels, finest first
TOKENS = (160, 256)  # of the two below
DECODER = (160, 128, 32, 16, 16)
INTERVALS, ORDER, REACH = 5, 3, 1.0  # of the splines, between -REACH and REACH
STEP = 2 * REACH / INTERVALS
BASES = INTERVALS + ORDER
NOISE = 0.1
LAYERS = 3  # a stage
# Of the stages, in the order in which they are passed.
BLOCKS, NORMS = ("block1", "block2", "dblock1", "dblock2"), ("norm3", "norm4", "dnorm3", "dnorm4")
# From the official keys to ours.
KEYS: Rules = {
    r"^(encoder|decoder)(\d)\.conv\.": lambda m: f"{m[1]}.{int(m[2]) - 1}.",
    r"^patch_embed([34])\.proj\.": lambda m: f"embed.{int(m[1]) - 3}.0.",
    r"^patch_embed([34])\.norm\.": lambda m: f"embed.{int(m[1]) - 3}.1.",
    r"\.0\.norm2\.": ".before.",
    r"\.0\.layer\.fc(\d)\.": lambda m: f".layers.{int(m[1]) - 1}.",
    r"\.0\.layer\.dwconv_(\d)\.dwconv\.": lambda m: f".mix.{int(m[1]) - 1}.0.",
    r"\.0\.layer\.dwconv_(\d)\.bn\.": lambda m: f".mix.{int(m[1]) - 1}.1.",
    r"\.base_weight$": ".linear",
    r"\.spline_weight$": ".splines",
    r"\.spline_scaler$": ".scale",
    r"^final\.": "head.",
    **{rf"^{name}\.": f"stages.{k}.after." for k, name in enumerate(NORMS)},
    **{rf"^{name}\.": f"stages.{k}." for k, name in enumerate(BLOCKS)},
}


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `UKAN`."""
    return renamed(state, KEYS, r".*\.grid$")


def bases(x: Tensor) -> Tensor:
    """The cubic B-splines on equal knots: (..., C) to (..., C, BASES).

        B_i(x) = (max(2 - d_i, 0)^3 - 4 max(1 - d_i, 0)^3) / 6,  d_i = |x - c_i| / STEP
        c_i    = -REACH + (i - 1) STEP,  i = 0 .. BASES - 1

    The closed form of the recursion that theirs writes out.
    """
    places = torch.arange(BASES, device=x.device, dtype=x.dtype) - 1
    far = (x[..., None] / STEP + REACH / STEP - places).abs()
    wide, narrow = (2 - far).clamp(min=0), (1 - far).clamp(min=0)
    return (wide.pow(3) - 4 * narrow.pow(3)) / 6


class KANLinear(nn.Module):
    """y_o = sum_c W_oc SiLU(x_c) + sum_c s_oc sum_i A_oci B_i(x_c), from cin to cout channels."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.empty(cout, cin))  # W
        self.splines = nn.Parameter(torch.empty(cout, cin, BASES))  # A
        self.scale = nn.Parameter(torch.empty(cout, cin))  # s
        nn.init.kaiming_uniform_(self.linear, math.sqrt(5))
        nn.init.kaiming_uniform_(self.scale, math.sqrt(5))
        with torch.no_grad():
            self.splines.copy_(_smooth_noise(cin, cout))

    def forward(self, x: Tensor) -> Tensor:
        """(..., cin) to (..., cout)."""
        weight = (self.splines * self.scale[..., None]).flatten(1)
        out: Tensor = F.linear(F.silu(x), self.linear) + F.linear(bases(x).flatten(-2), weight)
        return out


def _smooth_noise(cin: int, cout: int) -> Tensor:
    """The least coefficients whose spline passes through noise at the inner knots."""
    knots = torch.linspace(-REACH, REACH, INTERVALS + 1)
    noise = (torch.rand(cout, cin, INTERVALS + 1) - 0.5) * NOISE / INTERVALS
    out: Tensor = noise @ torch.linalg.pinv(bases(knots)).mT
    return out


def depthwise(channels: int) -> nn.Sequential:
    """Depthwise conv3, BN, ReLU."""
    conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class Stage(nn.Module):
    """x -> LN(x + D_3 K_3 D_2 K_2 D_1 K_1 LN(x)), K of a pixel, D a depthwise convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(channels)
        self.layers = nn.ModuleList(KANLinear(channels, channels) for _ in range(LAYERS))
        self.mix = nn.ModuleList(depthwise(channels) for _ in range(LAYERS))
        self.after = nn.LayerNorm(channels)
        self.mix.apply(_by_fan_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        tokens = x.movedim(1, -1)
        inner = self.before(tokens)
        for layer, mix in zip(self.layers, self.mix, strict=True):
            inner = mix(layer(inner).movedim(-1, 1)).movedim(1, -1)
        out: Tensor = self.after(tokens + inner).movedim(-1, 1)
        return out


def two_convs(cin: int, inner: int, cout: int) -> nn.Sequential:
    """(conv3, BN, ReLU) twice."""
    first = nn.Conv2d(cin, inner, 3, padding=1), nn.BatchNorm2d(inner), nn.ReLU()
    second = nn.Conv2d(inner, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU()
    return nn.Sequential(*first, *second)


class Embedding(nn.Sequential):
    """A conv3 of stride 2, then LN."""

    def __init__(self, cin: int, cout: int) -> None:
        conv = nn.Conv2d(cin, cout, 3, stride=2, padding=1)
        _by_fan_out(conv)
        super().__init__(conv, nn.LayerNorm(cout))

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, h, w) to (B, cout, h / 2, w / 2)."""
        conv, norm = self
        out: Tensor = norm(conv(x).movedim(1, -1)).movedim(-1, 1)
        return out


class UKAN(nn.Module):
    """The whole network; sides must divide by STRIDE."""

    def __init__(self) -> None:
        super().__init__()
        # Channels above and below each module.
        self.encoder = nn.ModuleList(map(two_convs, (3, *ENCODER[:-1]), ENCODER, ENCODER))
        self.embed = nn.ModuleList(map(Embedding, (ENCODER[-1], TOKENS[0]), TOKENS))
        self.stages = nn.ModuleList(map(Stage, (*TOKENS, *DECODER[:2])))
        below = (TOKENS[-1], *DECODER[:-1])
        self.decoder = nn.ModuleList(map(two_convs, below, below, DECODER))
        self.head = nn.Conv2d(DECODER[-1], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        feats, skips = image, []
        for level in self.encoder:
            feats = F.max_pool2d(level(feats), 2)
            skips.append(feats)
        down, up = self.stages[: len(TOKENS)], self.stages[len(TOKENS) :]
        for embed, stage in zip(self.embed, down, strict=True):
            feats = stage(embed(feats))
            skips.append(feats)
        skips.pop()
        for k, level in enumerate(self.decoder):
            feats = F.interpolate(level(feats), scale_factor=2, mode="bilinear")
            feats = feats + skips.pop() if skips else feats
            feats = up[k](feats) if k < len(up) else feats
        logits: Tensor = self.head(feats)
        return logits


def _by_fan_out(module: nn.Module) -> None:
    """Filters from N(0, 2 / (k k cout / groups)), biases 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(
            module.weight, 0.0, math.sqrt(2 / (9 * module.out_channels / module.groups))
        )
        if module.bias is not None:
            nn.init.zeros_(module.bias)
