"""A frozen DINOv3 with a light decoder.

B cases, C channels, H x W pixels, 16 x 16 of them a token.

Source: Siméoni et al., DINOv3, arXiv 2508.10104. That four depths of the frozen encoder and a small
head are enough was shown by Yang et al., SegDINO, arXiv 2509.00833; this decoder is our own.

Ours / theirs: the encoder is timm's; `own_keys` has the names. The official file also holds a mask
token, the periods of its positions and the masks of its biases, which nothing here needs.
"""

from collections.abc import Mapping
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
DEPTHS = 4  # maps, at equal distances, the last block's included
WIDTH, NARROW = 128, 64
DROPPED = ("mask_token", "rope_embed.periods")
RENAMED = (
    ("storage_tokens", "reg_token"),
    (".ls1.gamma", ".gamma_1"),
    (".ls2.gamma", ".gamma_2"),
)


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state of an encoder under timm's names."""
    own: dict[str, Tensor] = {}
    for key, value in state.items():
        if key in DROPPED or key.endswith(".bias_mask"):
            continue
        for theirs, ours in RENAMED:
            key = key.replace(theirs, ours)
        if key.endswith(".qkv.bias"):  # that of the keys is masked
            q, _, v = value.chunk(3)
            before = key.removesuffix("qkv.bias")
            own |= {f"{before}q_bias": q, f"{before}v_bias": v}
        else:
            own[key] = value
    return own


class LightDecoder(nn.Module):
    """Four maps to one of four times their side.

        y = ReLU BN Conv1x1([Conv1x1(f_1), .., Conv1x1(f_4)])          WIDTH channels
        z = up conv of NARROW channels, twice;  logits = Conv1x1(z)

    An up conv is a bilinear x 2, conv3, BN, ReLU.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(dim, WIDTH, 1) for _ in range(DEPTHS))
        self.fuse = _conv(DEPTHS * WIDTH, WIDTH, 1)
        self.up = nn.ModuleList([_conv(WIDTH, NARROW, 3), _conv(NARROW, NARROW, 3)])
        self.head = nn.Conv2d(NARROW, 1, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Four maps (B, dim, h, w) to logits (B, 1, 4 h, 4 w)."""
        reduced = [reduce(f) for reduce, f in zip(self.reduce, maps, strict=True)]
        y = self.fuse(torch.cat(reduced, dim=1))
        for conv in self.up:
            y = conv(F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False))
        logits: Tensor = self.head(y)
        return logits


def _conv(cin: int, cout: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU())


class FrozenDINOv3(nn.Module):
    """The whole network; sides must divide by STRIDE.

    Args:
        encoder: its name in timm.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__()
        made: Any = timm.create_model(encoder, num_classes=0)
        self.encoder: Any = made
        self.encoder.requires_grad_(False)
        step = len(made.blocks) // DEPTHS
        self.depths = [step * k - 1 for k in range(1, DEPTHS + 1)]
        self.decoder = LightDecoder(made.embed_dim)

    def features(self, image: Tensor) -> list[Tensor]:
        """Normed tokens behind four blocks, without those of class and registers: (B, C, h, w)."""
        with torch.no_grad():
            maps: list[Tensor] = self.encoder.forward_intermediates(
                image, indices=self.depths, norm=True, intermediates_only=True
            )
        return maps

    def forward(self, image: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to logits (B, 1, H, W)."""
        logits = self.decoder(self.features(image))
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)
