"""MK-UNet: a light U-Net of inverted residual blocks whose depthwise part has several kernels.

B cases, C channels, H = W pixels. Every convolution has stride 1; sizes change by max-pooling and
by bilinear up-sampling alone.

Source: Rahman and Marculescu, ICCV Workshops 2025, arXiv 2509.18493.

Ours / theirs: `encoder.k` is theirs `encoder{k+1}`, `decoder.k` is `decoder{k+1}`; `KEYS` has the
rest. Their network also holds three 1 x 1 heads of coarser maps, whose logits it calculates and
then drops; ours has none of them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import Rules, renamed

STRIDE = 32
CHANNELS = (16, 32, 64, 96, 160)  # of the stages, finest first
KERNELS = (1, 3, 5)
EXPANSION = 2
REDUCTION = (4, 8, 16, 16, 16)  # of the channel attention, finest first
# From the official keys to ours.
KEYS: Rules = {
    r"^(encoder|decoder)(\d)\.0\.": lambda m: f"{m[1]}.{int(m[2]) - 1}.",
    r"\.multi_scale_dwconv\.dwconvs\.": ".depthwise.",
    r"\.pconv1\.": ".expand.",
    r"\.pconv2\.": ".project.",
    r"\.conv1x1\.": ".shortcut.",
    r"^AG(\d)\.": lambda m: f"gates.{int(m[1]) - 1}.",
    r"\.W_g\.": ".coarse.",
    r"\.W_x\.": ".skip.",
    r"\.psi\.": ".weigh.",
    r"^CA(\d)\.": lambda m: f"channels.{int(m[1]) - 1}.",
    r"\.fc1\.": ".narrow.",
    r"\.fc2\.": ".widen.",
    r"^SA\.conv\.": "look.",
    r"^out4\.": "head.",
}


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `MKUNet`."""
    return renamed(state, KEYS, r"out[123]\.")  # heads that give nothing


def conv_bn(cin: int, cout: int, kernel: int = 1, groups: int = 1, bias: bool = False) -> Any:
    """Convolution, batch norm."""
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=groups, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


class MultiKernel(nn.Module):
    """x -> s(x) + BN Conv1x1 Shuffle(sum_k ReLU6 BN DW_k e),  e = ReLU6 BN Conv1x1(x).

    e has EXPANSION times the channels of x, k runs over KERNELS; s is the identity, or a 1 x 1
    without norm where the channels change. The shuffle has gcd(channels of e, cout) groups.
    """

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        inner = EXPANSION * cin
        self.expand = conv_bn(cin, inner)
        self.depthwise = nn.ModuleList(conv_bn(inner, inner, k, inner) for k in KERNELS)
        self.shuffle = nn.ChannelShuffle(math.gcd(inner, cout))
        self.project = conv_bn(inner, cout)
        self.shortcut = nn.Conv2d(cin, cout, 1, bias=False) if cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) to (B, cout, H, W)."""
        e = F.relu6(self.expand(x))
        total = torch.stack([F.relu6(depthwise(e)) for depthwise in self.depthwise]).sum(0)
        out: Tensor = self.shortcut(x) + self.project(self.shuffle(total))
        return out


class ChannelAttention(nn.Module):
    """x -> sigmoid(W2 ReLU(W1 mean x) + W2 ReLU(W1 max x)) x, means over the pixels.

    Source: Woo et al., CBAM, ECCV 2018.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inner = channels // min(reduction, channels)
        self.narrow = nn.Conv2d(channels, inner, 1, bias=False)
        self.widen = nn.Conv2d(inner, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        pooled = (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1))
        # The second layer is linear, so it follows the sum of the two.
        inner = torch.stack([F.relu(self.narrow(each)) for each in pooled]).sum(0)
        return x * torch.sigmoid(self.widen(inner))


class Gate(nn.Module):
    """Grouped attention gate: skip * sigmoid(BN w . ReLU(BN G1 coarse + BN G2 skip)).

    G1 and G2 are 3 x 3 from C to C / 2 channels, each of which sees two of the C; w gives one map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.coarse = conv_bn(channels, inner, 3, inner, bias=True)
        self.skip = conv_bn(channels, inner, 3, inner, bias=True)
        self.weigh = conv_bn(inner, 1, bias=True)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Two maps (B, C, H, W) to the skip's share, the same shape."""
        both = F.relu(self.coarse(coarse) + self.skip(skip))
        return skip * torch.sigmoid(self.weigh(both))


class MKUNet(nn.Module):
    """The whole network; sides must divide by STRIDE.

    Args:
        channels: of the stages, finest first.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        below = (3, *channels[:-1])
        self.encoder = nn.ModuleList(map(MultiKernel, below, channels))
        # Deepest first, as theirs; the last one keeps its channels.
        inner = channels[::-1]
        self.decoder = nn.ModuleList(map(MultiKernel, inner, (*inner[1:], inner[-1])))
        self.gates = nn.ModuleList(Gate(c) for c in inner[1:])
        self.channels = nn.ModuleList(map(ChannelAttention, inner, REDUCTION[::-1]))
        self.look = nn.Conv2d(2, 1, 7, padding=3, bias=False)  # one for every level
        self.apply(_initialise)
        self.head = nn.Conv2d(channels[0], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        feats, skips = image, []
        for block in self.encoder:
            feats = F.max_pool2d(block(feats), 2)
            skips.append(feats)
        skips.pop()
        for k, block in enumerate(self.decoder):
            feats = block(self._seen(self.channels[k](feats)))
            feats = F.interpolate(feats, scale_factor=2, mode="bilinear", align_corners=False)
            feats = F.relu(feats)
            if skips:
                feats = feats + self.gates[k](feats, skips.pop())
        logits: Tensor = self.head(feats)
        return logits

    def _seen(self, x: Tensor) -> Tensor:
        """Spatial attention: x sigmoid(Conv7x7([mean_c x, max_c x]))."""
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.look(maps))


def _initialise(module: nn.Module) -> None:
    """Filters from N(0, 0.02^2), biases 0; the head starts as in the library."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
