"""SAM's image encoder, ViT-B: windowed attention with decomposed relative positions, and a neck.

N = (S / 16)^2 tokens of an image of S pixels, D = 768 channels. Tables of positions belong to the
side that the encoder was built for and are interpolated at any other.

Source: Kirillov et al., Segment Anything, ICCV 2023; Li et al., ViTDet, ECCV 2022 (relative
positions: Li et al., MViTv2, CVPR 2022). Keys are those of the official network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.sam_decoder import Mlp
from baselines._shared.sam_tiny_vit import neck

PATCH, WIDTH, DEPTH, HEADS = 16, 768, 12, 12
WINDOW, GLOBAL = 14, (2, 5, 8, 11)  # blocks that attend to the whole image
EPS = 1e-6
MOST_BIASES = 2**26  # relative positions at once; one image at 1024 pixels has three times these


class Adapter(nn.Module):
    """SAM-Med2D's adapter of a block: a gate over channels, then convolutions down and up.

    g = sigmoid(W2 relu(W1 mean(n))) n;  A(n) = LN(n + relu(up(relu(down(g)))))

    Source: Cheng et al., SAM-Med2D, arXiv:2308.16184.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.channel = nn.Sequential(
            nn.Linear(WIDTH, WIDTH // 4, bias=False),
            nn.ReLU(),
            nn.Linear(WIDTH // 4, WIDTH, bias=False),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1, bias=False),
            nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, WIDTH, 4, stride=2, padding=1, bias=False),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, D), h and w even."""
        gated = self.channel(x.mean((1, 2), keepdim=True)) * x
        local = self.spatial(gated.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out: Tensor = self.norm(x + local)
        return out


class RelativeAttention(nn.Module):
    """softmax(q k / sqrt(d) + q . R_h(y - y') + q . R_w(x - x')) v over a grid of tokens.

    Args:
        cells: side of the grid that the tables are made for.
    """

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * cells - 1, WIDTH // HEADS))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * cells - 1, WIDTH // HEADS))

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, D)."""
        b, h, w, _ = x.shape
        # (3, B, heads, N, d)
        q, k, v = self.qkv(x).view(b, h * w, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        grid = q.unflatten(2, (h, w))
        by_row = torch.einsum("bnyxd,yzd->bnyxz", grid, _table(self.rel_pos_h, h))
        by_column = torch.einsum("bnyxd,xzd->bnyxz", grid, _table(self.rel_pos_w, w))
        # A few rows of queries at a time: the biases of all would take gigabytes.
        rows = max(1, MOST_BIASES // (b * HEADS * w * h * w))
        parts = []
        for y in range(0, h, rows):
            bias = by_row[:, :, y : y + rows, :, :, None] + by_column[:, :, y : y + rows, :, None]
            some = grid[:, :, y : y + rows].flatten(2, 3)
            bias = bias.flatten(2, 3).flatten(3)  # (B, heads, rows * w, N)
            parts.append(F.scaled_dot_product_attention(some, k, v, attn_mask=bias))
        out: Tensor = self.proj(torch.cat(parts, 2).transpose(1, 2).reshape(b, h, w, WIDTH))
        return out


def _table(relative: Tensor, cells: int) -> Tensor:
    """R(i - j) of every pair of `cells` places, (cells, cells, d)."""
    if len(relative) != 2 * cells - 1:
        relative = F.interpolate(relative.T[None], 2 * cells - 1, mode="linear")[0].T
    place = torch.arange(cells, device=relative.device)
    return relative[place[:, None] - place[None] + cells - 1]


class Block(nn.Module):
    """Attention and perceptron, each on a normalised copy that is added back.

    Args:
        cells: side of the embedding.
        window: side of the windows that attend to themselves; 0 attends to everything.
        adapter: with SAM-Med2D's, parallel to the perceptron.
    """

    def __init__(self, cells: int, window: int, adapter: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, EPS), nn.LayerNorm(WIDTH, EPS)
        self.attn = RelativeAttention(window or cells)
        self.mlp = Mlp(WIDTH, 4 * WIDTH, nn.GELU)
        if adapter:
            self.Adapter = Adapter()  # named as officially
        self.window, self.adapter = window, adapter

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, D)."""
        x = x + self._attended(self.norm1(x))
        n = self.norm2(x)
        out: Tensor = x + self.mlp(n)
        return out + self.Adapter(n) if self.adapter else out

    def _attended(self, x: Tensor) -> Tensor:
        if not self.window:
            whole: Tensor = self.attn(x)
            return whole
        b, h, w, _ = x.shape
        side = self.window
        # Zeros beyond the edge take part in the attention, as officially.
        x = F.pad(x, (0, 0, 0, -w % side, 0, -h % side))
        down, across = x.shape[1] // side, x.shape[2] // side
        x = x.view(b, down, side, across, side, WIDTH).transpose(2, 3)
        x = self.attn(x.reshape(-1, side, side, WIDTH))
        x = x.view(b, down, across, side, side, WIDTH).transpose(2, 3)
        return x.reshape(b, down * side, across * side, WIDTH)[:, :h, :w]


class PatchEmbed(nn.Module):
    """Patches as tokens, (B, 3, S, S) to (B, h, w, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        """(B, h, w, D)."""
        tokens: Tensor = self.proj(image).permute(0, 2, 3, 1)
        return tokens


class ImageEncoder(nn.Module):
    """A normalised image (B, 3, S, S) to its embedding (B, 256, S / 16, S / 16).

    Args:
        side: that the tables of positions are made for, in pixels.
        adapters: with SAM-Med2D's adapters.
    """

    def __init__(self, side: int = 1024, adapters: bool = False) -> None:
        super().__init__()
        cells = side // PATCH
        self.patch_embed = PatchEmbed()
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, cells, cells, WIDTH))
        windows = (0 if k in GLOBAL else WINDOW for k in range(DEPTH))
        self.blocks = nn.ModuleList([Block(cells, window, adapters) for window in windows])
        self.neck = neck(WIDTH)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 256, S / 16, S / 16)."""
        x = self.patch_embed(image)
        x = x + self._positions(x.shape[1:3])
        for block in self.blocks:
            x = block(x)
        embedding: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return embedding

    def _positions(self, shape: torch.Size) -> Tensor:
        if self.pos_embed.shape[1:3] == shape:
            return self.pos_embed
        table = self.pos_embed.permute(0, 3, 1, 2)
        return F.interpolate(table, tuple(shape), mode="bilinear").permute(0, 2, 3, 1)
