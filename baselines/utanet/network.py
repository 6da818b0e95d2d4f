"""UTANet: a U-Net on ResNet-34 whose skips are mixtures of experts over all levels.

B cases, C channels, H x W pixels; e_1 .. e_5 the encoder's maps at strides 1, 2, 4, 8 and 16.

Source: Luo et al., Rethinking U-Net, AAAI 2025.

Ours / theirs: `KEYS` has the names. Their file holds the encoder twice, and parts of ResNet-34 that
nothing uses (`resnet.*`). Theirs ends in a sigmoid, ours in logits.
"""

import re
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet34

STRIDE = 16
ENCODER = (64, 64, 128, 256, 512)  # channels of e_1 .. e_5
DECODER = (32, 64, 128, 256)  # finest first
WIDTH = 64  # of the experts
EXPERTS, TOP = 4, 2
RATE = 2  # channels inside an expert, in units of WIDTH
# From the official keys to ours.
KEYS = (
    (r"^conv1\.", "stem."),
    (r"^conv(\d)\.", "layers.{}."),
    (r"^moe\.experts\.(\d)\.seq\.", r"mixture.experts.\1."),
    (r"^moe\.gate(\d)$", "mixture.gates.{}"),
    (r"^docker(\d)\.", "skips.{}."),
    (r"^up(\d)\.up\.", "decoder.{}.up."),
    (r"^up(\d)\.conv\.", "decoder.{}.conv."),
    (r"^pred\.", "head."),
)


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `UTANet`."""
    return {_ours(key): value for key, value in state.items() if not key.startswith("resnet.")}


def _ours(key: str) -> str:
    for pattern, name in KEYS:
        if match := re.match(pattern, key):
            found = match.expand(name)
            if "{}" in found:  # their layers and decoders count from 2
                first = 1 if key.startswith(("moe", "docker")) else 2
                found = found.format(int(match.groups()[-1]) - first)
            return found + key[match.end() :]
    return key


def conv_bn_relu(cin: int, cout: int, kernel: int = 3) -> nn.Sequential:
    """Convolution with bias, batch norm, ReLU."""
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU())


def expert() -> nn.Sequential:
    """1 x 1 twice, batch norm, ReLU, 1 x 1; theirs has nothing between the first two."""
    inner = RATE * WIDTH
    return nn.Sequential(
        nn.Conv2d(WIDTH, inner, 1),
        nn.Conv2d(inner, inner, 1),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, WIDTH, 1),
    )


class Mixture(nn.Module):
    """TA-MoSC: one output a gate, each a mixture of the TOP experts that the gate likes best.

        p = softmax(G^T mean x)            over the experts; G is the gate, the mean over the pixels
        w = softmax(the TOP largest of p)
        y = sum of w_i E_i(x) over them

    The balance of a gate is the squared coefficient of variation of sum_b p, by expert.
    """

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(expert() for _ in range(EXPERTS))
        self.gates = nn.ParameterList(torch.empty(WIDTH, EXPERTS) for _ in ENCODER[:-1])
        for gate in self.gates:
            nn.init.xavier_uniform_(gate)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, C, h, w) to as many of the same shape as there are gates, and their balance, ()."""
        balance = x.new_zeros(())
        mixed = []
        for gate in self.gates:
            share = (x.mean((2, 3)) @ gate).softmax(1)  # (B, experts)
            usage = share.sum(0).float()
            balance = balance + usage.var() / (usage.mean() ** 2 + 1e-10)
            best, chosen = share.topk(TOP, dim=1)
            mixed.append(self._mixed(x, best.softmax(1), chosen))
        return mixed, balance

    def _mixed(self, x: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """The mixture of one gate.

        Args:
            weights, chosen: (B, TOP), of the experts and their numbers.
        """
        out = torch.zeros_like(x)
        for k, module in enumerate(self.experts):
            rows, slots = (chosen == k).nonzero(as_tuple=True)
            if not len(rows):
                if not self.training:
                    continue
                # In training none goes without a gradient: it is added for one case. Theirs draws
                # a place of B in a list of TOP B, so that later cases are never drawn.
                place = torch.randint(len(x), (1,), device=x.device)
                rows, slots = place // TOP, place % TOP
            found = module(x[rows]) * weights[rows, slots].view(-1, 1, 1, 1)
            out = out.index_add(0, rows, found.to(out.dtype))
        return out


class Up(nn.Module):
    """Transposed 2 x 2, then a conv3 of [skip, that]."""

    def __init__(self, cin: int, skip: int, cout: int) -> None:
        super().__init__()
        up = nn.ConvTranspose2d(cin, cin // 2, 2, 2)
        self.up = nn.Sequential(up, nn.BatchNorm2d(cin // 2), nn.ReLU())
        self.conv = conv_bn_relu(cin // 2 + skip, cout)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, cin, h, w) and (B, skip, 2 h, 2 w) to (B, cout, 2 h, 2 w)."""
        out: Tensor = self.conv(torch.cat([skip, self.up(x)], dim=1))
        return out


class UTANet(nn.Module):
    """The whole network; sides must divide by STRIDE.

    All maps but e_5 come to the size of e_2 and are fused; the mixture makes four skips of that,
    which go to their own sizes again.
    """

    def __init__(self) -> None:
        super().__init__()
        resnet = resnet34()
        self.stem = conv_bn_relu(3, ENCODER[0])
        stages = (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)
        self.layers = nn.ModuleList(stages)
        self.fuse = conv_bn_relu(sum(ENCODER[:-1]), WIDTH, 1)
        self.mixture = Mixture()
        self.skips = nn.ModuleList(conv_bn_relu(WIDTH, c, 1) for c in ENCODER[:-1])
        below = (*DECODER[1:], ENCODER[-1])
        self.decoder = nn.ModuleList(map(Up, below, ENCODER[:-1], DECODER))
        half = DECODER[0] // 2
        head = conv_bn_relu(DECODER[0], half, 1)
        self.head = nn.Sequential(*head, nn.Conv2d(half, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) to logits (B, 1, H, W) and the balance of the gates, ()."""
        maps = [self.stem(image)]
        feats = F.max_pool2d(maps[0], 2)
        for layer in self.layers:
            feats = layer(feats)
            maps.append(feats)
        feats = maps.pop()
        skips, balance = self._skips(maps)
        for up, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            feats = up(feats, skip)
        logits: Tensor = self.head(feats)
        return logits, balance

    def _skips(self, maps: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """e_1 .. e_4 to what the decoder is given in their place."""
        middle = maps[1].shape[-2:]
        fused = self.fuse(torch.cat([_resized(x, middle) for x in maps], dim=1))
        mixed, balance = self.mixture(fused)
        skips = [
            _resized(skip(y), x.shape[-2:])
            for skip, y, x in zip(self.skips, mixed, maps, strict=True)
        ]
        return skips, balance


def _resized(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear, without a filter on the way down, as theirs."""
    return F.interpolate(x, size, mode="bilinear") if x.shape[-2:] != size else x
