"""FCBFormer: a pyramid vision transformer beside a fully convolutional branch of full size.

B images, H x W their pixels. GN is group normalisation with 32 groups; every up-sampling repeats
the nearest pixel.

Source: Sanderson and Matuszewski, MIUA 2022, arXiv 2208.08352.

Ours / theirs: `convolutional` is theirs `FCB`, `transformer` is `TB`; `KEYS` has the rest.
"""

import re
from collections.abc import Mapping
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 32
GROUPS = 32
PYRAMID = (64, 128, 320, 512)  # channels of the transformer's maps
WIDTH = 64  # of what is made of them
LEVELS = (32, 32, 64, 64, 128, 128)  # channels of the convolutional branch, finest first
BLOCKS = 2  # a level on the way down; one more on the way up
# From the official keys to ours. Their transformer is a list: embedding, blocks and norm by turns.
KEYS = (
    (r"\.in_layers\.", ".first."),
    (r"\.out_layers\.", ".second."),
    (r"\.skip\.", ".shortcut."),
    (r"^FCB\.enc_blocks\.(\d+)\.0\.", r"convolutional.down.\1."),
    (r"^FCB\.enc_blocks\.", "convolutional.down."),
    (r"^FCB\.middle_block\.", "convolutional.middle."),
    (r"^FCB\.dec_blocks\.(\d+)\.1\.1\.", r"convolutional.up.\1.2."),
    (r"^FCB\.dec_blocks\.", "convolutional.up."),
    (r"^TB\.LE\.", "transformer.emphasise."),
    (r"^TB\.SFA\.", "transformer.aggregate."),
    (r"^PH\.", "head."),
    (r"\.mlp\.dwconv\.dwconv\.", ".mlp.dwconv."),
)
PVT = re.compile(r"^TB\.backbone\.(\d+)\.")


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `FCBFormer`."""
    own = {}
    for key, value in state.items():
        if match := PVT.match(key):
            key = _of_encoder(int(match[1])) + key[match.end() :]
        for pattern, name in KEYS:
            key = re.sub(pattern, name, key)
        own[key] = value
    return own


def _of_encoder(place: int) -> str:
    """Where the parts of their list stand in the encoder."""
    stage, part = divmod(place, 3)
    name = ("downsample.", "blocks.", "norm.")[part]
    where = "patch_embed." if place == 0 else f"stages_{stage}.{name}"
    return f"transformer.encoder.{where}"


def doubled(x: Tensor, times: int = 2) -> Tensor:
    """Each pixel of (B, C, h, w) repeated, `times` times along both sides."""
    return F.interpolate(x, scale_factor=times, mode="nearest")


class Residual(nn.Module):
    """x -> s(x) + Conv3 SiLU GN Conv3 SiLU GN x; s is a 1 x 1 where the channels change."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.first = _conv(cin, cout)
        self.second = _conv(cout, cout)
        self.shortcut = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, h, w) to (B, cout, h, w)."""
        out: Tensor = self.second(self.first(x)) + self.shortcut(x)
        return out


def _conv(cin: int, cout: int) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, 3, padding=1)
    return nn.Sequential(nn.GroupNorm(GROUPS, cin), nn.SiLU(), conv)


def residuals(cin: int, cout: int) -> nn.Sequential:
    """Two of them."""
    return nn.Sequential(Residual(cin, cout), Residual(cout, cout))


class Convolutional(nn.Module):
    """A U-Net of residual blocks, in which every module of the way down has a skip.

    The way down begins with a conv3 from the image; between levels it has a strided conv3, the way
    up a repetition and a conv3.
    """

    def __init__(self) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.Conv2d(3, LEVELS[0], 3, padding=1)]
        skips = [LEVELS[0]]
        for level, c in enumerate(LEVELS):
            if level:
                down.append(nn.Conv2d(skips[-1], skips[-1], 3, stride=2, padding=1))
                skips.append(skips[-1])
            for _ in range(BLOCKS):
                down.append(Residual(skips[-1], c))
                skips.append(c)
        self.down = nn.ModuleList(down)
        self.middle = residuals(skips[-1], skips[-1])
        self.up = nn.ModuleList()
        below = skips[-1]
        for level, c in reversed(list(enumerate(LEVELS))):
            for block in range(BLOCKS + 1):
                parts: list[nn.Module] = [Residual(below + skips.pop(), c)]
                if level and block == BLOCKS:
                    parts += [nn.Upsample(scale_factor=2), nn.Conv2d(c, c, 3, padding=1)]
                self.up.append(nn.Sequential(*parts))
                below = c

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 32, H, W)."""
        feats, skips = image, []
        for module in self.down:
            feats = module(feats)
            skips.append(feats)
        feats = self.middle(feats)
        for module in self.up:
            feats = module(torch.cat([feats, skips.pop()], dim=1))
        out: Tensor = feats
        return out


class Transformer(nn.Module):
    """f_1 .. f_4 of PVTv2-B3;  e_i = Up(R R f_i);  l_4 = e_4,  l_i = R R [e_i, l_{i+1}];  l_1.

    R is a residual block of 64 channels; Up brings each map to the size of f_1.
    Source: the progressive decoder follows Wang et al., SSFormer, MICCAI 2022.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder: Any = timm.create_model("pvt_v2_b3", features_only=True)
        self.emphasise = nn.ModuleList(residuals(c, WIDTH) for c in PYRAMID)
        self.aggregate = nn.ModuleList(residuals(2 * WIDTH, WIDTH) for _ in PYRAMID[1:])

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 64, H / 4, W / 4)."""
        features = self.encoder(image)
        levels = [
            doubled(emphasise(f), 2**k)
            for k, (emphasise, f) in enumerate(zip(self.emphasise, features, strict=True))
        ]
        out: Tensor = levels.pop()
        for aggregate in reversed(self.aggregate):
            out = aggregate(torch.cat([levels.pop(), out], dim=1))
        return out


class FCBFormer(nn.Module):
    """Logits = Conv1x1 R R [Up_4 T(I), C(I)]; sides must divide by STRIDE."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = Transformer()
        self.convolutional = Convolutional()
        blocks = residuals(WIDTH + LEVELS[0], WIDTH)
        self.head = nn.Sequential(*blocks, nn.Conv2d(WIDTH, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        both = [doubled(self.transformer(image), 4), self.convolutional(image)]
        logits: Tensor = self.head(torch.cat(both, dim=1))
        return logits
