"""TransUNet on R50-ViT-B/16: a ResNet with group norm, a ViT on its 1/16 map, a cascaded decoder.

    F16, skips = ResNet(image)                       (B, 1024, H/16, W/16)
    z0 = dropout(patches(F16) + positions)           (B, N, 768), N = H W / 256
    z <- z + MHA(LN z);  z <- z + MLP(LN z)          twelve times, then LN
    decoder: conv to 512; four times [up x 2, concat skip, twice Conv-BN-ReLU]; Conv3 to one logit

B cases, H and W pixels. Source: Chen et al., arXiv 2102.04306 (Medical Image Analysis 2024).

Ours / theirs: query, key and value are one product. Sizes differ from the one that was built by
resizing the positions; theirs takes squares of that size alone. Quirks of theirs that equality
needs, each said where it stands: the pool without padding, the norm of the shortcut, the epsilons.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
WIDTH, DEPTH, HEADS, MLP = 768, 12, 12, 3072
DROPOUT = 0.1
STAGES = (3, 4, 9)  # bottlenecks
GROUPS = 32
SKIPS = (512, 256, 64, 0)  # channels, from deep to shallow
DECODER = (512, 256, 128, 64, 16)
EPS = 1e-6  # of group and layer norms


class StdConv2d(nn.Conv2d):
    """Convolution whose filters have mean 0 and variance 1; eps 1e-5 inside the root."""

    def forward(self, x: Tensor) -> Tensor:
        """As a convolution."""
        flat = self.weight.flatten(1)
        var, mean = torch.var_mean(flat, dim=1, keepdim=True, correction=0)
        weight = ((flat - mean) * torch.rsqrt(var + 1e-5)).view_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def std_conv(cin: int, cout: int, kernel: int, stride: int = 1) -> StdConv2d:
    """A standardised convolution without bias, padded on both sides alike."""
    return StdConv2d(cin, cout, kernel, stride, kernel // 2, bias=False)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 with the stride, 1 x 1, each with group norm, beside a shortcut.

    The activation stands last, in spite of the official name «PreAct».
    """

    def __init__(self, cin: int, cout: int, stride: int) -> None:
        super().__init__()
        mid = cout // 4
        self.conv1, self.norm1 = std_conv(cin, mid, 1), nn.GroupNorm(GROUPS, mid, eps=EPS)
        self.conv2, self.norm2 = std_conv(mid, mid, 3, stride), nn.GroupNorm(GROUPS, mid, eps=EPS)
        self.conv3, self.norm3 = std_conv(mid, cout, 1), nn.GroupNorm(GROUPS, cout, eps=EPS)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or cin != cout:
            # Theirs: one group a channel, eps 1e-5. The weights were trained with 32 groups.
            norm = nn.GroupNorm(cout, cout, eps=1e-5)
            self.shortcut = nn.Sequential(std_conv(cin, cout, 1, stride), norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) to (B, cout, H / stride, W / stride)."""
        out = F.relu(self.norm1(self.conv1(x)))
        out = F.relu(self.norm2(self.conv2(out)))
        return F.relu(self.norm3(self.conv3(out)) + self.shortcut(x))


class ResNet(nn.Module):
    """The convolutional part: a 7 x 7 stem and three stages of 256, 512 and 1024 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = std_conv(3, 64, 7, 2)
        self.norm = nn.GroupNorm(GROUPS, 64, eps=EPS)
        self.stages = nn.ModuleList()
        below = 64
        for k, depth in enumerate(STAGES):
            width = 256 * 2**k
            blocks = [Bottleneck(below, width, 1 if k == 0 else 2)]
            blocks += [Bottleneck(width, width, 1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            below = width

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The map (B, 1024, H/16, W/16) and skips of 64, 256 and 512 channels at H/2, H/4, H/8."""
        feats = F.relu(self.norm(self.conv(image)))
        skips = [feats]
        # Theirs pools without padding, so the first stage is one pixel short: 87 of 88 at 352.
        # The skip is filled with zeros below and on the right; the trunk goes on as it is.
        feats = self.stages[0](F.max_pool2d(feats, 3, stride=2))
        skips.append(F.pad(feats, (0, 1, 0, 1)))
        feats = self.stages[1](feats)
        skips.append(feats)
        return self.stages[2](feats), skips


class Attention(nn.Module):
    """Multi-head self-attention with one product for query, key and value."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, WIDTH) to the same shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # (B, h, N, d)
        out: Tensor = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """A pre-norm block of the transformer; GELU is the exact one."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, eps=EPS) for _ in range(2))
        self.attention = Attention()
        self.fc1, self.fc2 = nn.Linear(WIDTH, MLP), nn.Linear(MLP, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, WIDTH) to the same shape."""
        x = x + self.attention(self.norm1(x))
        inner = self.dropout(F.gelu(self.fc1(self.norm2(x))))
        out: Tensor = x + self.dropout(self.fc2(inner))
        return out


class Encoder(nn.Module):
    """ResNet and transformer.

    Args:
        grid: side of the grid of tokens that the positions are learnt for.
    """

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.resnet = ResNet()
        self.patches = nn.Conv2d(1024, WIDTH, 1)
        self.positions = nn.Parameter(0.02 * torch.randn(1, grid * grid, WIDTH))
        self.dropout = nn.Dropout(DROPOUT)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=EPS)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The map (B, WIDTH, H/16, W/16) and the ResNet's skips."""
        feats, skips = self.resnet(image)
        feats = self.patches(feats)
        size = (feats.shape[-2], feats.shape[-1])
        tokens = feats.flatten(2).transpose(1, 2)  # (B, N, WIDTH)
        tokens = self.dropout(tokens + resized_positions(self.positions, self.grid, size))
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens).transpose(1, 2).unflatten(2, size), skips


class DecoderBlock(nn.Module):
    """Twice the size, concat the skip, twice Conv3-BN-ReLU."""

    def __init__(self, cin: int, skip: int, cout: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*conv_bn_relu(cin + skip, cout), *conv_bn_relu(cout, cout))

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """(B, cin, H, W) to (B, cout, 2 H, 2 W)."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        out: Tensor = self.convs(x if skip is None else torch.cat([x, skip], dim=1))
        return out


class TransUNet(nn.Module):
    """The whole network; sides must divide by STRIDE.

    Args:
        size: side of the images that the positions are learnt for.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.encoder = Encoder(-(-size // STRIDE))
        self.widen = conv_bn_relu(WIDTH, DECODER[0])
        self.decoder = nn.ModuleList(map(DecoderBlock, DECODER[:-1], SKIPS, DECODER[1:]))
        self.head = nn.Conv2d(DECODER[-1], 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        feats, skips = self.encoder(image)
        feats = self.widen(feats)
        for block in self.decoder:
            feats = block(feats, skips.pop() if skips else None)
        logits: Tensor = self.head(feats)
        return logits


def conv_bn_relu(cin: int, cout: int) -> nn.Sequential:
    """3 x 3 convolution without bias, batch norm, ReLU."""
    conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


def resized_positions(positions: Tensor, grid: int, size: tuple[int, int]) -> Tensor:
    """Learnt positions (1, grid^2, C) on another grid, (1, h w, C).

    Bilinear with the corners aligned, which is what theirs gets from `ndimage.zoom` of order 1.
    """
    if size == (grid, grid):
        return positions
    square = positions.transpose(1, 2).reshape(1, -1, grid, grid)
    resized = F.interpolate(square, size, mode="bilinear", align_corners=True)
    return resized.flatten(2).transpose(1, 2)
