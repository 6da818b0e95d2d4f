"""DCSAU-Net: a U-Net of split-attention bottlenecks behind a stem of large kernels.

B cases, C channels, H = W pixels. Every convolution has stride 1; sizes change by max-pooling and
by bilinear up-sampling alone.

Source: Xu et al., Computers in Biology and Medicine 2023.

Ours / theirs: `encoder.k` is theirs `down{k+1}`, `decoder.k` is `up{k+1}`; `KEYS` has the rest.
Their stages stand in one object of the module, so that two networks share their weights; ours are
built with the network. Their dropout of 0.2 is built and never called; it is left out.
"""

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
STEM = 64
RADIX = 2  # parts between which the attention chooses
EXPANSION = 4
BLOCKS = 2  # a stage
# Planes of the stages; a stage gives EXPANSION times as many channels.
ENCODER = (32, 64, 128, 128)
DECODER = (64, 32, 16, 16)
# From the official keys to ours.
KEYS = (
    (r"^pfc\.input_layer\.", "stem.project."),
    (r"^pfc\.", "stem."),
    (r"^out_conv\.", "head."),
    (r"\.conv2\.conv\.", ".attention.split.0."),
    (r"\.conv2\.bn0\.", ".attention.split.1."),
    (r"\.conv2\.conv2\.", ".attention.fuse.0."),
    (r"\.conv2\.bn2\.", ".attention.fuse.1."),
    (r"\.conv2\.fc1\.", ".attention.squeeze.0."),
    (r"\.conv2\.bn1\.", ".attention.squeeze.1."),
    (r"\.conv2\.fc2\.", ".attention.excite."),
    (r"^(.*\.\d)\.conv1\.", r"\1.reduce.0."),
    (r"^(.*\.\d)\.bn1\.", r"\1.reduce.1."),
    (r"\.conv3\.", ".expand.0."),
    (r"\.bn3\.", ".expand.1."),
    (r"\.downsample\.1\.", ".shortcut.0."),
    (r"\.downsample\.2\.", ".shortcut.1."),
    (r"^down1\.", "encoder.0."),
    (r"^down2\.", "encoder.1."),
    (r"^down3\.", "encoder.2."),
    (r"^down4\.", "encoder.3."),
    (r"^up1\.", "decoder.0."),
    (r"^up2\.", "decoder.1."),
    (r"^up3\.", "decoder.2."),
    (r"^up4\.", "decoder.3."),
)


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official state under the names of `DCSAUNet`."""
    own = {}
    for key, value in state.items():
        for pattern, name in KEYS:
            key = re.sub(pattern, name, key)
        own[key] = value
    return own


def conv_bn(cin: int, cout: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias, batch norm."""
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


def conv_relu_bn(cin: int, cout: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution, ReLU, batch norm: in the stem the norm stands last."""
    conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2, groups=groups)
    return nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(cout))


class Stem(nn.Module):
    """Primary feature conservation: 7 x 7, a depthwise 7 x 7 with a residual, 1 x 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = conv_relu_bn(3, channels, 7)
        self.depthwise = conv_relu_bn(channels, channels, 7, channels)
        self.pointwise = conv_relu_bn(channels, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, channels, H, W)."""
        feats = self.project(image)
        out: Tensor = self.pointwise(self.depthwise(feats) + feats)
        return out


class SplitAttention(nn.Module):
    """Compact split attention over RADIX = 2 parts of a grouped convolution.

    x1, x2 = halves of ReLU BN Conv3(x);  y2 = ReLU BN Conv3(x1 + x2)
    a1, a2 = softmax over the parts of W2 ReLU BN W1 GAP(x1 + y2), each (B, C, 1, 1)
    out = a1 x1 + a2 y2
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 32)
        self.split = conv_bn(channels, RADIX * channels, 3, RADIX)
        self.fuse = conv_bn(channels, channels, 3, RADIX)
        # Both 1 x 1 have a bias, in front of the norm too. On pooled maps that norm sees one
        # value a case, so a batch of one cannot be trained on.
        self.squeeze = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner))
        self.excite = nn.Conv2d(inner, RADIX * channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        x1, x2 = F.relu(self.split(x)).chunk(RADIX, dim=1)
        y2 = F.relu(self.fuse(x1 + x2))
        pooled = (x1 + y2).mean((2, 3), keepdim=True)
        weights = self.excite(F.relu(self.squeeze(pooled)))  # (B, 2C, 1, 1)
        a1, a2 = weights.unflatten(1, (RADIX, -1)).softmax(1).unbind(1)
        out: Tensor = a1 * x1 + a2 * y2
        return out


class Bottleneck(nn.Module):
    """1 x 1 to `planes`, split attention, 1 x 1 to EXPANSION x planes, beside a shortcut.

    Args:
        smooth: average 3 x 3 behind the attention; its padding counts, as in theirs.
    """

    def __init__(self, cin: int, planes: int, smooth: bool) -> None:
        super().__init__()
        cout = EXPANSION * planes
        self.reduce = conv_bn(cin, planes)
        self.attention = SplitAttention(planes)
        self.smooth = nn.AvgPool2d(3, stride=1, padding=1) if smooth else nn.Identity()
        self.expand = conv_bn(planes, cout)
        self.shortcut = conv_bn(cin, cout) if cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) to (B, EXPANSION x planes, H, W)."""
        inner = self.smooth(self.attention(F.relu(self.reduce(x))))
        out: Tensor = F.relu(self.expand(inner) + self.shortcut(x))
        return out


def stage(cin: int, planes: int, smooth: bool) -> nn.Sequential:
    """BLOCKS bottlenecks, the first of which may smooth."""
    first = Bottleneck(cin, planes, smooth)
    more = [Bottleneck(EXPANSION * planes, planes, False) for _ in range(BLOCKS - 1)]
    return nn.Sequential(first, *more)


class DCSAUNet(nn.Module):
    """The whole network; sides must divide by STRIDE."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem(STEM)
        widths = [STEM, *(EXPANSION * planes for planes in ENCODER)]  # 64, 128, 256, 512, 512
        # Theirs smooths in the stages 2 to 7 of 8: not in the first and not in the last.
        self.encoder = nn.ModuleList(
            stage(widths[k], planes, k > 0) for k, planes in enumerate(ENCODER)
        )
        self.decoder = nn.ModuleList()
        below = widths[-1]
        for k, planes in enumerate(DECODER):
            last = k == len(DECODER) - 1
            self.decoder.append(stage(below + widths[-2 - k], planes, not last))
            below = EXPANSION * planes
        self.head = nn.Conv2d(below, 1, 1)
        self.encoder.apply(_initialise)
        self.decoder.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        skips = [self.stem(image)]
        for level in self.encoder:
            skips.append(level(F.max_pool2d(skips[-1], 2)))
        feats = skips.pop()
        for level in self.decoder:
            up = F.interpolate(feats, scale_factor=2, mode="bilinear", align_corners=True)
            feats = level(torch.cat([skips.pop(), up], dim=1))
        logits: Tensor = self.head(feats)
        return logits


def _initialise(module: nn.Module) -> None:
    """Filters of the stages from N(0, 2 / (k k cout)); all else starts as in the library."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, 0.0, math.sqrt(2 / fan_out))
