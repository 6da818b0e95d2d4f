"""UACANet: a coarse map, refined by attention to its foreground, background and uncertain area.

Source: Kim et al., UACANet: Uncertainty Augmented Context Attention for Polyp Segmentation,
ACM MM 2021.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import ConvBN, resize
from baselines._shared.res2net import CHANNELS, STAGES, Res2Net50

KERNELS = (3, 5, 7)
SHARE = 8  # queries and keys have this part of the channels
REGIONS = 3  # foreground, background, uncertain


class AxialPair(nn.Module):
    """The sum of two self-attentions along an axis, each over whole columns of its side W.

    A_j(x) = g_j V_j softmax_k(Q_j' K_j) + x, unscaled, with Q_j, K_j in R^(C/8 H x W) and V_j in
    R^(C H x W); the result is A_1 + A_2. The g_j start at 0.

    Ours / theirs: theirs are called height and width attention, but both reshape (C, H, W) to
    (-1, side), so on a square both attend along the width; so do ours, on any shape. All six
    convolutions are one here, with the queries of both first, then the keys, then the values.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = channels // SHARE
        self.qkv = ConvBN(channels, 2 * (2 * self.inner + channels), 1)
        self.gamma = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        b, c, h, w = x.shape
        q, k, v = self.qkv(x).split([2 * self.inner, 2 * self.inner, 2 * c], 1)
        q, k = q.reshape(b, 2, -1, w), k.reshape(b, 2, -1, w)  # (B, 2, C/8 H, W)
        with torch.autocast(x.device.type, enabled=False):  # large sums, and no scale
            wide = q if q.dtype == torch.float64 else q.float()
            energy = wide.transpose(-1, -2) @ k.to(wide.dtype)
            weight = energy.softmax(-1) * self.gamma.to(wide.dtype)[:, None, None]
        # Both sums over k as one: (B, C H, 2 W) times (B, 2 W, W).
        v = v.reshape(b, 2, c * h, w).transpose(1, 2).reshape(b, c * h, 2 * w)
        weight = weight.transpose(-1, -2).reshape(b, 2 * w, w).to(v.dtype)
        return torch.baddbmm(2 * x.reshape(b, c * h, w), v, weight).view(b, c, h, w)


class AxialBranch(nn.Module):
    """C1, C(1, k), C(k, 1), the axial pair, C3 of dilation k; C is ConvBN without ReLU."""

    def __init__(self, inputs: int, width: int, kernel: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            ConvBN(inputs, width, 1),
            ConvBN(width, width, (1, kernel)),
            ConvBN(width, width, (kernel, 1)),
        )
        self.axial = AxialPair(width)
        self.after = ConvBN(width, width, dilation=kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, H, W)."""
        return cast(Tensor, self.after(self.axial(self.before(x))))


class AxialEncoder(nn.Module):
    """PAA_e: ReLU( C3([C1 x; D_3 x; D_5 x; D_7 x]) + C1 x ), with `AxialBranch` for D_k."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.plain = ConvBN(inputs, width, 1)
        self.branches = nn.ModuleList(AxialBranch(inputs, width, k) for k in KERNELS)
        self.joined = ConvBN((1 + len(KERNELS)) * width, width)
        self.shortcut = ConvBN(inputs, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, width, H, W)."""
        parts = torch.cat([self.plain(x), *(branch(x) for branch in self.branches)], 1)
        return F.relu(self.joined(parts) + self.shortcut(x))


class AxialDecoder(nn.Module):
    """PAA_d: three stages at the size of the largest, joined into features and a first map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.joined = ConvBN(3 * width, width)
        self.axial = AxialPair(width)
        self.convs = nn.Sequential(*(ConvBN(width, width) for _ in range(3)))
        self.head = nn.Conv2d(width, 1, 3, padding=1, bias=False)

    def forward(self, x2: Tensor, x3: Tensor, x4: Tensor) -> tuple[Tensor, Tensor]:
        """Features and map of the size of x2. Corners are aligned here, and nowhere else."""
        size = x2.shape[-2:]
        parts = [resize(x4, size, align_corners=True), resize(x3, size, align_corners=True), x2]
        x = self.convs(self.axial(self.joined(torch.cat(parts, 1))))
        return x, self.head(x)


class ContextAttention(nn.Module):
    """UACA: features attend to the mean features of what a map calls certain and uncertain.

    With s = sigmoid(map): P = [(s - 1/2)+; (1/2 - s)+; 1/2 - |s - 1/2|] in R^(3 x HW),
    context = P X in R^(3 x 2C), y = V softmax(K Q / sqrt(C)) over the three,
    features = R R [x; R y], map' = C1 features + map; R is ConvBN with ReLU.

    Ours / theirs: X is x in R^(2C x H x W) reshaped to (HW, 2C) without a permute, as theirs, so
    that its rows are no pixels. Its parity needs it; the permuted form would be another network.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        both = 2 * width
        self.query = _relu_pair(both, width, 3)
        self.key, self.value = _relu_pair(both, width, 1), _relu_pair(both, width, 1)
        self.read = ConvBN(width, width, relu=True)
        self.joined = ConvBN(both + width, width, relu=True)
        self.last = ConvBN(width, width, relu=True)
        self.head = ConvBN(width, 1, 1)

    def forward(self, x: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2C, H, W) and a map of any size to features (B, C, H, W) and a map of H, W."""
        b, _, h, w = x.shape
        coarse = resize(coarse, (h, w))
        excess = torch.sigmoid(coarse) - 0.5
        regions = torch.cat([excess.clamp(0, 1), (-excess).clamp(0, 1), 0.5 - excess.abs()], 1)
        rows = x.reshape(b, h * w, -1)  # no permute: see above
        context = regions.reshape(b, REGIONS, h * w) @ rows
        context = context.transpose(1, 2).unsqueeze(-1)  # (B, 2C, 3, 1)
        query = self.query(x).flatten(2)  # (B, C, HW)
        key, value = self.key(context).squeeze(-1), self.value(context).squeeze(-1)  # (B, C, 3)
        likeness = query.transpose(1, 2) @ key * query.shape[1] ** -0.5
        found = (value @ likeness.softmax(-1).transpose(1, 2)).view(b, -1, h, w)
        features = self.last(self.joined(torch.cat([x, self.read(found)], 1)))
        return features, self.head(features) + coarse


def _relu_pair(inputs: int, width: int, kernel: int) -> nn.Sequential:
    first = ConvBN(inputs, width, kernel, relu=True)
    return nn.Sequential(first, ConvBN(width, width, kernel, relu=True))


class UACANet(nn.Module):
    """The network; sides must be multiples of 32.

    Args:
        width: channels C of the decoder, 32 in S and 256 in L.
        stride: of the encoder's last stage, 32 in S and 16 in L; its features are then dilated.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.encoder = Res2Net50(STAGES[stride])
        self.reduce = nn.ModuleList(AxialEncoder(c, width) for c in CHANNELS[2:])
        self.decoder = AxialDecoder(width)
        self.attend = nn.ModuleList(ContextAttention(width) for _ in CHANNELS[2:])
        self.to(memory_format=torch.channels_last)  # faster convolutions on CPU and GPU

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised, to four maps of logits (B, 1, H, W): a5, a4, a3, a2."""
        stages = self.encoder(image)[2:]
        reduced = [reduce(x) for reduce, x in zip(self.reduce, stages, strict=True)]
        features, logits = self.decoder(*reduced)
        maps = [logits]
        for attend, x in zip(reversed(self.attend), reversed(reduced), strict=True):
            joined = torch.cat([x, resize(features, x.shape[-2:])], 1)
            features, logits = attend(joined, maps[-1])
            maps.append(logits)
        return [resize(logits, image.shape[-2:]) for logits in maps]
