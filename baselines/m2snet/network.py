"""MSNet and M2SNet: differences between the levels of an encoder, differences of those, and so on.

Sources: Zhao et al., MSNet, MICCAI 2021; Zhao et al., M2SNet, arXiv 2303.10894.
"""

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import resize
from baselines._shared.res2net import CHANNELS, Res2Net50

WIDTH = 64
LEVELS = 5
BOXES = (3, 5)  # sides of the windows that the multi-scale unit compares besides single pixels


def conv(inputs: int, outputs: int = WIDTH) -> nn.Sequential:
    """Convolution 3 x 3 with bias, batch normalisation, ReLU."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class BoxSum(nn.Module):
    """ReLU(BN(1_k * x)): a k x k convolution whose filters over all channels hold nothing but ones.

    Ours / theirs: theirs convolves with (64, 64, k, k) ones, which gives 64 equal maps; ours sums
    the window of one map, the sum of the channels, and gives that to every channel's normalisation.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, one: Tensor) -> Tensor:
        """The sum of the channels, (B, 1, H, W), to (B, 64, H, W)."""
        one = F.avg_pool2d(one, self.side, 1, self.side // 2, divisor_override=1)
        norm = self.norm
        if self.training:
            wide = norm(one.expand(-1, WIDTH, -1, -1))
        else:  # the same in one pass
            mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
            scale = norm.weight * torch.rsqrt(variance + norm.eps)
            shift = norm.bias - mean * scale
            wide = torch.addcmul(shift.view(-1, 1, 1), one, scale.view(-1, 1, 1))
        return F.relu(wide, inplace=True)


class Subtraction(nn.Module):
    """SU(a, b) = C( |a - b| + sum_k |box_k a - box_k b| ), a resized to b; C is `conv`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(WIDTH)

    def forward(self, a: Tensor, b: Tensor, boxes: nn.ModuleList) -> Tensor:
        """(B, 64, h, w) and (B, 64, H, W) to (B, 64, H, W).

        Args:
            boxes: the windows, shared by the whole network; none in MSNet.
        """
        a = resize(a, b.shape[-2:])
        difference = (a - b).abs()
        if len(boxes):
            one_a, one_b = a.sum(1, keepdim=True), b.sum(1, keepdim=True)
            for box in boxes:
                difference = difference + (box(one_a) - box(one_b)).abs()
        return cast(Tensor, self.conv(difference))


class MSNet(nn.Module):
    """The network; sides must be multiples of 32.

    With levels x_1 (the pooled stem, as it is) and x_2 to x_5 (the stages, by C to 64 channels):
    d_k^0 = x_k,  d_k^n = SU(d_(k+1)^(n-1), d_k^(n-1)) for k = 1 to 5 - n; the last, d_1^4, takes
    C d_2^3 for d_2^3. Then o_5 = C' x_5, o_k = C(up(o_(k+1)) + C sum_n d_k^n) for k = 4, 3, 2, 1
    without the inner C at k = 4, and without the ReLU and normalisation of the outer one at k = 1.

    Args:
        multiscale: with the windows of M2SNet; MSNet has none.
    """

    def __init__(self, multiscale: bool) -> None:
        super().__init__()
        self.encoder = Res2Net50()
        self.enter = nn.ModuleList(conv(channels) for channels in CHANNELS[1:])
        self.boxes = nn.ModuleList(BoxSum(side) for side in BOXES if multiscale)
        rounds = range(1, LEVELS)
        self.subtract = nn.ModuleList(
            nn.ModuleList(Subtraction() for _ in range(LEVELS - n)) for n in rounds
        )
        self.deepest = conv(WIDTH)
        self.gather = nn.ModuleList(conv(WIDTH) for _ in range(3))  # levels 1, 2, 3
        self.top = conv(CHANNELS[-1])
        self.decode = nn.ModuleList(conv(WIDTH) for _ in range(3))  # levels 2, 3, 4
        self.head = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised, to the one map of logits (B, 1, H, W)."""
        stem, *stages = self.encoder(image)
        levels = [stem, *(enter(x) for enter, x in zip(self.enter, stages, strict=True))]
        sums = self.differences(levels)
        x = self.top(stages[-1])
        for level in (3, 2, 1):  # levels 4, 3, 2, counted from 0
            x = resize(x, sums[level].shape[-2:]) + sums[level]
            x = self.decode[level - 1](x)
        x = self.head(resize(x, sums[0].shape[-2:]) + sums[0])
        return [resize(x, image.shape[-2:])]

    def differences(self, levels: list[Tensor]) -> list[Tensor]:
        """What is added at levels 1 to 4: the gathered sums of their differences."""
        rounds: list[list[Tensor]] = []
        for units in cast(Iterable[nn.ModuleList], self.subtract):
            if len(units) == 1:
                levels = [levels[0], self.deepest(levels[1])]
            levels = [
                unit(above, below, self.boxes)
                for unit, above, below in zip(units, levels[1:], levels[:-1], strict=True)
            ]
            rounds.append(levels)
        stacks = [[of[k] for of in rounds if k < len(of)] for k in range(LEVELS - 1)]
        sums = [sum(stack[1:], stack[0]) for stack in stacks]
        return [*(gather(s) for gather, s in zip(self.gather, sums[:3], strict=True)), sums[3]]
