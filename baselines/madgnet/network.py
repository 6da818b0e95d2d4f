"""MADGNet: a U-shaped network whose up-blocks are guided by frequencies, with three tasks a stage.

The up-blocks and their guidance are those of `_shared`, which MMSNet builds on too.
"""

from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import normed
from baselines._shared.frequency_guidance import Guidance
from baselines._shared.up_block import UpBlock

FREQUENCIES = 16  # K
CHANNELS = (64, 256, 512, 1024, 2048)  # of the encoder's maps, finest first
SKIP = 64
WIDTHS = (256, 128, 64, 32)  # of the up-blocks, coarsest first
BASES = {256: 14, 128: 28, 64: 56, 32: 112}  # N of the DCT bases by the block's channels
Outputs = tuple[Tensor, Tensor, Tensor]  # map, distance, boundary, (B, 1, H, W) each


class MADGNet(nn.Module):
    """y_0 = f_5,  y_i = UpBlock(y_{i-1}, ReLU BN Conv1x1(f_{5-i})),  out_i = SubDecoder(y_i).

    f_1 .. f_5 are ResNeSt-50's maps of 64, 256, 512, 1024 and 2048 channels at strides 2 to 32,
    y_1 .. y_4 have 256, 128, 64 and 32 channels at strides 16 to 2.
    Source: Nam et al., MADGNet, CVPR 2024, arXiv 2405.06284 (MFMSA block, E-SDM).
    Ours / theirs: the same numbers. They keep each DCT basis once a channel, and look them up in
    `state_dict()` at every step; ours has one copy, and no product for each of the K.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder: Any = timm.create_model("resnest50d", features_only=True)
        self.skips = nn.ModuleList(normed(nn.Conv2d(c, SKIP, 1)) for c in CHANNELS[-2::-1])
        below = (CHANNELS[-1], *WIDTHS)
        self.up = nn.ModuleList(
            UpBlock(below[k] + SKIP, width, BASES[width], _guidance(width))
            for k, width in enumerate(WIDTHS)
        )
        self.sub_decoders = nn.ModuleList(SubDecoder(width) for width in WIDTHS)

    def forward(self, image: Tensor) -> list[Outputs]:
        """The four stages' maps, distances and boundaries as logits, each (B, 1, H, W).

        The map of the last stage is the result.

        Args:
            image: normalised, (B, 3, H, W), H and W divisible by 32.
        """
        size = image.shape[-2:]
        pairs = zip(self.sub_decoders, self.decode(image), strict=True)
        return [sub_decoder(y, size) for sub_decoder, y in pairs]

    def last_map(self, image: Tensor) -> Tensor:
        """The result alone, (B, 1, H, W)."""
        logits: Tensor = self.sub_decoders[-1](self.decode(image)[-1], image.shape[-2:])[0]
        return logits

    def decode(self, image: Tensor) -> list[Tensor]:
        """y_1 to y_4, (B, WIDTHS[i], h_i, w_i), coarsest first."""
        *features, y = self.encoder(image)
        found = []
        for up, skip, f in zip(self.up, self.skips, reversed(features), strict=True):
            # y_i = UpBlock(y_{i-1}, ReLU BN Conv1x1(f_{5-i}))
            y = up(y, skip(f))
            found.append(y)
        return found


def _guidance(width: int) -> Guidance:
    """Three scales, of at least 32 channels and 8 pixels; N by the block's channels."""
    return Guidance(frequencies=FREQUENCIES, dct_size=BASES[width])


class SubDecoder(nn.Module):
    """Three tasks that help each other: a map m, a distance d and a boundary b, as logits.

        m, d, b = Conv1x1(y), σ(m) Conv1x1(y), σ(d) Conv1x1(y);  all enlarged
        d <- d + σ(b);  m <- m + σ(d)

    Source: Nam et al., MADGNet, CVPR 2024 (ensemble sub-decoding module).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = nn.Conv2d(channels, 1, 1)
        self.distance = nn.Conv2d(channels, 1, 1)
        self.boundary = nn.Conv2d(channels, 1, 1)

    def forward(self, y: Tensor, size: torch.Size) -> Outputs:
        """y (B, C, h, w) to three (B, 1, H, W)."""
        m = self.map(y)
        d = self.distance(y) * torch.sigmoid(m)
        b = self.boundary(y) * torch.sigmoid(d)
        # align_corners here, and not in the up-blocks: theirs.
        three = F.interpolate(torch.cat([m, d, b], 1), size, mode="bilinear", align_corners=True)
        m, d, b = three.chunk(3, dim=1)
        d = d + torch.sigmoid(b)
        return m + torch.sigmoid(d), d, b
