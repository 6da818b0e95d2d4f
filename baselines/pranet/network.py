"""PraNet: a coarse map from the upper stages, refined from its own complement stage by stage.

Source: Fan et al., PraNet: Parallel Reverse Attention Network for Polyp Segmentation, MICCAI 2020.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import ConvBN, resize
from baselines._shared.res2net import CHANNELS, Res2Net50

WIDTH = 32
KERNELS = (3, 5, 7)
UPPER = CHANNELS[2:]  # stages 2, 3, 4


class ReceptiveField(nn.Module):
    """ReLU( C3([C1 x; D_3 x; D_5 x; D_7 x]) + C1 x ), to `width` channels.

    D_k = C1, C(1, k), C(k, 1), then C3 of dilation k; C is ConvBN without ReLU.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(ConvBN(inputs, width, 1))])
        for k in KERNELS:
            steps = (ConvBN(inputs, width, 1), ConvBN(width, width, (1, k)))
            more = (ConvBN(width, width, (k, 1)), ConvBN(width, width, dilation=k))
            self.branches.append(nn.Sequential(*steps, *more))
        self.joined = ConvBN((1 + len(KERNELS)) * width, width)
        self.shortcut = ConvBN(inputs, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, H, W)."""
        parts = torch.cat([branch(x) for branch in self.branches], 1)
        return F.relu(self.joined(parts) + self.shortcut(x))


def doubled(x: Tensor) -> Tensor:
    """Twice the sides; corners are aligned in the decoder, and nowhere else."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class PartialDecoder(nn.Module):
    """Joins three stages into one map, with U for `doubled` and c_i for ConvBN without ReLU.

    y3 = c1(U x4) x3,  y2 = c2(U U x4) c3(U x3) x2
    map = C1 C3 C3[y2; c5 U C3[y3; c4 U x4]]
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (width, width, width, width, 2 * width)
        self.up = nn.ModuleList(ConvBN(w, w) for w in widths)
        self.joined3, self.joined2 = ConvBN(2 * width, 2 * width), ConvBN(3 * width, 3 * width)
        self.last = nn.Sequential(ConvBN(3 * width, 3 * width), nn.Conv2d(3 * width, 1, 1))

    def forward(self, x2: Tensor, x3: Tensor, x4: Tensor) -> Tensor:
        """Sides H, H/2, H/4 to a map of side H."""
        c1, c2, c3, c4, c5 = self.up
        up4 = doubled(x4)
        y3 = c1(up4) * x3
        y2 = c2(doubled(up4)) * c3(doubled(x3)) * x2
        y3 = self.joined3(torch.cat([y3, c4(up4)], 1))
        y2 = self.joined2(torch.cat([y2, c5(doubled(y3))], 1))
        return cast(Tensor, self.last(y2))


class ReverseAttention(nn.Module):
    """map' = map + R((1 - sigmoid(map)) x): what the coarser map has not found yet.

    Args:
        depth: convolutions with ReLU between the first, which has none, and the last.
        kernel, last: their side, and that of the last one.
    """

    def __init__(self, inputs: int, width: int, depth: int, kernel: int, last: int) -> None:
        super().__init__()
        inner = [ConvBN(width, width, kernel, relu=True) for _ in range(depth)]
        self.convs = nn.Sequential(ConvBN(inputs, width, 1), *inner, ConvBN(width, 1, last))

    def forward(self, x: Tensor, coarse: Tensor) -> Tensor:
        """(B, inputs, H, W) and a map of any size to a map of H, W."""
        coarse = resize(coarse, x.shape[-2:])
        return cast(Tensor, self.convs((1 - torch.sigmoid(coarse)) * x) + coarse)


class PraNet(nn.Module):
    """The network; sides must be multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Res2Net50()
        self.reduce = nn.ModuleList(ReceptiveField(channels, WIDTH) for channels in UPPER)
        self.decoder = PartialDecoder(WIDTH)
        self.reverse = nn.ModuleList(
            [
                ReverseAttention(UPPER[0], 64, depth=2, kernel=3, last=3),
                ReverseAttention(UPPER[1], 64, depth=2, kernel=3, last=3),
                ReverseAttention(UPPER[2], 256, depth=3, kernel=5, last=1),
            ]
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised, to four maps of logits (B, 1, H, W): S5, S4, S3, S2."""
        stages = self.encoder(image)[2:]
        maps = [self.decoder(*(reduce(x) for reduce, x in zip(self.reduce, stages, strict=True)))]
        for reverse, x in zip(reversed(self.reverse), reversed(stages), strict=True):
            maps.append(reverse(x, maps[-1]))
        return [resize(logits, image.shape[-2:]) for logits in maps]
