"""SAM's mask decoder: a two-way transformer between prompt tokens and the image's embedding.

B cases, T tokens (one for the quality, four for masks, then the prompt's), h = w cells of the
embedding, C = 256 channels.

Source: Kirillov et al., Segment Anything, ICCV 2023, appendix A. Keys are those of the official
network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, HEADS, HIDDEN, MASKS = 256, 8, 2048, 4


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        shape = (x.shape[1],)
        return F.layer_norm(x.movedim(1, -1), shape, self.weight, self.bias, self.eps).movedim(
            -1, 1
        )


class Attention(nn.Module):
    """Attention of (B, T, C) to (B, S, C); inside, C is divided by `shrink`."""

    def __init__(self, shrink: int = 1) -> None:
        super().__init__()
        inner = WIDTH // shrink
        self.q_proj = nn.Linear(WIDTH, inner)
        self.k_proj = nn.Linear(WIDTH, inner)
        self.v_proj = nn.Linear(WIDTH, inner)
        self.out_proj = nn.Linear(inner, WIDTH)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, T, C)."""
        q, k, v = (
            project(x).unflatten(2, (HEADS, -1)).transpose(1, 2)  # (B, heads, T or S, C / heads)
            for project, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        out: Tensor = self.out_proj(
            F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return out


class Mlp(nn.Module):
    """Two layers, (..., C) to the same shape."""

    def __init__(self, width: int, hidden: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.lin1, self.lin2, self.act = nn.Linear(width, hidden), nn.Linear(hidden, width), act()

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        out: Tensor = self.lin2(self.act(self.lin1(x)))
        return out


class TwoWayBlock(nn.Module):
    """Tokens among themselves, tokens to image, a perceptron, image to tokens."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.cross_attn_token_to_image = Attention(2)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = Mlp(WIDTH, HIDDEN, nn.ReLU)
        self.norm3, self.norm4 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.cross_attn_image_to_token = Attention(2)
        self.first = first

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, C) and image (B, hw, C), both changed."""
        if self.first:  # the tokens are their own positions here, and nothing is added back
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_pe
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        tokens = tokens + self.cross_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        tokens = self.norm2(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = image + self.cross_attn_image_to_token(image + image_pe, tokens + token_pe, tokens)
        return tokens, self.norm4(image)


class TwoWayTransformer(nn.Module):
    """Two blocks, then the tokens look at the image once more."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([TwoWayBlock(first=True), TwoWayBlock(first=False)])
        self.final_attn_token_to_image = Attention(2)
        self.norm_final_attn = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor, image: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, C), which are their own positions, and image (B, hw, C)."""
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        look = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + look), image


class Head(nn.Module):
    """A perceptron of three layers with ReLU between them."""

    def __init__(self, out: int) -> None:
        super().__init__()
        widths = ((WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, out))
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in widths])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) to (B, out)."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class MaskDecoder(nn.Module):
    """Masks of four times the embedding's side, and how good each is thought to be."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer()
        self.iou_token = nn.Embedding(1, WIDTH)
        self.mask_tokens = nn.Embedding(MASKS, WIDTH)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 4, 2, stride=2),
            ChannelNorm(WIDTH // 4),
            nn.GELU(),
            nn.ConvTranspose2d(WIDTH // 4, WIDTH // 8, 2, stride=2),
            nn.GELU(),
        )
        heads = [Head(WIDTH // 8) for _ in range(MASKS)]
        self.output_hypernetworks_mlps = nn.ModuleList(heads)
        self.iou_prediction_head = Head(MASKS)

    def forward(
        self, image: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """All four masks; the first is meant for a clear prompt, the others for a vague one.

        Args:
            image: (B, C, h, w), from the image encoder.
            image_pe: (1, C, h, w), positions.
            sparse: (B, n, C), from points and boxes.
            dense: (B or 1, C, h, w), from a mask, or from there being none.

        Returns: logits (B, 4, 4h, 4w), predicted IoU (B, 4).
        """
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(image), -1, -1), sparse], 1)
        shape = image.shape[2:]
        cells = (image + dense).flatten(2).transpose(1, 2)  # (B, hw, C)
        tokens, cells = self.transformer(tokens, cells, image_pe.flatten(2).transpose(1, 2))
        fine = self.output_upscaling(cells.transpose(1, 2).unflatten(2, shape))
        filters = torch.stack(
            [head(tokens[:, 1 + k]) for k, head in enumerate(self.output_hypernetworks_mlps)], 1
        )
        masks = torch.einsum("bkc,bchw->bkhw", filters, fine)
        return masks, self.iou_prediction_head(tokens[:, 0])
