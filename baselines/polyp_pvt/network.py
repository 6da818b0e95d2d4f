"""Polyp-PVT: a pyramid vision transformer with a cascade, an attention and a graph on top.

Sizes: B images, h x w the map of stride 8; f_1 .. f_4 the encoder's maps of 64, 128, 320 and 512
channels at strides 4 to 32.
"""

from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (64, 128, 320, 512)
WIDTH = 32  # channels of all maps above the encoder
STATES = 16  # channels of the graph's nodes
GRID = 4  # the graph has GRID x GRID nodes
EDGE = 1  # the channel that is read as the edge's


class PolypPVT(nn.Module):
    """T_1 = Down(Conv1(CIM(f_1))),  C = CFM(Conv1(f_4), Conv1(f_3), Conv1(f_2)),  S = SAM(C, T_1).

        P1 = Up_8(Conv1x1(C)),  P2 = Up_8(Conv1x1(S));  the result is P1 + P2.

    Source: Dong et al., Polyp-PVT, CAAI AI Research 2023, arXiv 2108.06932.
    Ours / theirs: written from its description; CIM, CFM and SAM are their names (camouflage
    identification, cascaded fusion, similarity aggregation).
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder: Any = timm.create_model("pvt_v2_b2", features_only=True)
        self.identify = Identification(CHANNELS[0])
        self.reduce = nn.ModuleList(normed(c, WIDTH, 1) for c in CHANNELS)
        self.fuse = CascadedFusion()
        self.aggregate = SimilarityAggregation()
        self.head1 = nn.Conv2d(WIDTH, 1, 1)
        self.head2 = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """P1 and P2, logits (B, 1, H, W), of normalised images; H and W divisible by 32."""
        features = self.encoder(image)
        features[0] = self.identify(features[0])
        low, *deep = [reduce(f) for reduce, f in zip(self.reduce, features, strict=True)]
        fused = self.fuse(*deep)
        # T_1 is halved to the size of C, so that their nearest resize of the prior changes nothing.
        low = _resize(low, fused.shape[-2:])
        both = (self.head1(fused), self.head2(self.aggregate(fused, low)))
        size = image.shape[-2:]
        return [F.interpolate(p, size, mode="bilinear", align_corners=False) for p in both]


def normed(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Convolution and batch normalisation; no ReLU anywhere, as theirs."""
    conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out))


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear between the corners' centres (align_corners), as theirs but in the last step."""
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


class Identification(nn.Module):
    """CIM: x' = σ(MLP(avg x) + MLP(max x)) x,  then  x'' = σ(Conv7x7([mean_c x', max_c x'])) x'.

    The MLP is C -> C / 16 -> C with a ReLU, without biases.
    Source: Woo et al., CBAM, ECCV 2018.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.narrow = nn.Linear(channels, channels // reduction, bias=False)
        self.widen = nn.Linear(channels // reduction, channels, bias=False)
        self.look = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        # The second layer is linear, so it follows the sum of the two.
        both = torch.stack([x.mean((-2, -1)), x.amax((-2, -1))])
        weights = torch.sigmoid(self.widen(torch.relu(self.narrow(both)).sum(0)))
        x = x * weights[..., None, None]
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.look(seen))


class CascadedFusion(nn.Module):
    """CFM: deep maps multiplied into shallower ones, then put together; c is conv3 and BN, up x2.

        x3' = c_1(up x4) x3                       y3 = c_6([x3', c_4(up x4)])           64 channels
        x2' = c_2(up up x4) c_3(up x3) x2         out = c_8(c_7([x2', c_5(up y3)]))     96, then 32

    Source: Wu et al., Cascaded Partial Decoder, CVPR 2019, here with another last layer.
    """

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.times = nn.ModuleList(normed(w, w, 3) for _ in range(3))  # c_1 to c_3
        self.up4 = normed(w, w, 3)
        self.up3 = normed(2 * w, 2 * w, 3)
        self.mix3 = normed(2 * w, 2 * w, 3)
        self.mix2 = nn.Sequential(normed(3 * w, 3 * w, 3), normed(3 * w, w, 3))

    def forward(self, x2: Tensor, x3: Tensor, x4: Tensor) -> Tensor:
        """Maps of strides 8, 16 and 32, 32 channels each, to (B, 32, h, w)."""
        c1, c2, c3 = self.times
        middle, fine = x3.shape[-2:], x2.shape[-2:]
        up4 = _resize(x4, middle)
        y3 = self.mix3(torch.cat([c1(up4) * x3, self.up4(up4)], dim=1))
        # up up x4 is two steps: with align_corners they are not one.
        x2 = c2(_resize(up4, fine)) * c3(_resize(x3, fine)) * x2
        out: Tensor = self.mix2(torch.cat([x2, self.up3(_resize(y3, fine))], dim=1))
        return out


class SimilarityAggregation(nn.Module):
    """SAM: pixels gather at 16 nodes, which talk to each other and answer.

        q, p = Conv1x1(x), Conv1x1(x)                             states, projection, 16 x hw each
        e    = softmax over the channels of t, its channel 1      the edge prior, 1 x h x w
        a    = AvgPool_{6x6}(p e) without its border              16 x (4 x 4)
        A    = softmax over the nodes of a^T p                    16 x hw
        n    = q A^T                                              16 x 16, state by node
        g    = ReLU(W_s (n W_n + b_n - n))
        out  = x + Conv1x1(g A)

    Source: Dong et al., Polyp-PVT; the reasoning is that of EAGRNet, ECCV 2020.
    Ours / theirs: their description is silent on the sign of n inside g; W_s learns either.
    """

    def __init__(self) -> None:
        super().__init__()
        nodes = GRID * GRID
        self.state = nn.Conv2d(WIDTH, STATES, 1)
        self.project = nn.Conv2d(WIDTH, STATES, 1)
        self.between_nodes = nn.Linear(nodes, nodes)  # W_n, b_n
        self.between_states = nn.Linear(STATES, STATES, bias=False)  # W_s
        self.extend = nn.Conv2d(STATES, WIDTH, 1, bias=False)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x and t (B, 32, h, w) to (B, 32, h, w)."""
        states, projection = self.state(x).flatten(2), self.project(x)
        edge = t.softmax(1)[:, EDGE : EDGE + 1]
        grid = F.adaptive_avg_pool2d(projection * edge, GRID + 2)
        anchors = grid[..., 1:-1, 1:-1].flatten(2)
        # A = softmax over the nodes of a^T p
        assigned = (anchors.mT @ projection.flatten(2)).softmax(1)
        n = states @ assigned.mT
        # g = ReLU(W_s (n W_n + b_n - n))
        g = torch.relu(self.between_states((self.between_nodes(n) - n).mT).mT)
        answer: Tensor = self.extend((g @ assigned).view(*g.shape[:2], *x.shape[-2:]))
        return x + answer
