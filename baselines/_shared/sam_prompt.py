"""SAM's prompt encoder: points and boxes as tokens, positions as random Fourier features.

Coordinates are x, y in pixels of the square image that the encoder sees, `side` pixels wide.

Source: Kirillov et al., Segment Anything, ICCV 2023, appendix A; Tancik et al., NeurIPS 2020.
Keys are those of the official network.
"""

import math

import torch
from torch import Tensor, nn

from baselines._shared.sam_decoder import WIDTH, ChannelNorm

PADDING = -1  # label of the point that stands where there is no box


class FourierPositions(nn.Module):
    """Positions as sines and cosines of random projections."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, WIDTH // 2))

    def forward(self, share: Tensor) -> Tensor:
        """x, y as shares of the side, (..., 2), to (..., C)."""
        along_x, along_y = self.positional_encoding_gaussian_matrix
        centred = 2 * share.to(along_x.dtype) - 1
        # No matrix product: autocast would round positions to the eight bits of bfloat16.
        angle = 2 * math.pi * (centred[..., :1] * along_x + centred[..., 1:] * along_y)
        return torch.cat([angle.sin(), angle.cos()], -1)

    def grid(self, h: int, w: int) -> Tensor:
        """Positions of the cells of an embedding, (1, C, h, w)."""
        matrix = self.positional_encoding_gaussian_matrix
        like = {"dtype": matrix.dtype, "device": matrix.device}
        y, x = (torch.arange(n, **like).add(0.5).div(n) for n in (h, w))  # type: ignore[call-overload]
        share = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)  # (h, w, 2)
        placed: Tensor = self(share).permute(2, 0, 1)[None]
        return placed


class PromptEncoder(nn.Module):
    """Prompts as tokens, and a map of the embedding's size that tells of a mask or of none."""

    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = FourierPositions()
        # Background, foreground, first and second corner of a box.
        self.point_embeddings = nn.ModuleList([nn.Embedding(1, WIDTH) for _ in range(4)])
        self.not_a_point_embed = nn.Embedding(1, WIDTH)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, stride=2),
            ChannelNorm(4),
            nn.GELU(),
            nn.Conv2d(4, 16, 2, stride=2),
            ChannelNorm(16),
            nn.GELU(),
            nn.Conv2d(16, WIDTH, 1),
        )
        self.no_mask_embed = nn.Embedding(1, WIDTH)

    def points(self, xy: Tensor, labels: Tensor, side: int) -> Tensor:
        """Tokens (B, N + 1, C) of points without a box: one that is no point is put behind them.

        Args:
            xy: (B, N, 2).
            labels: (B, N), 1 foreground, 0 background.
        """
        labels = torch.cat([labels, torch.full_like(labels[:, :1], PADDING)], 1)
        xy = torch.cat([xy, torch.zeros_like(xy[:, :1])], 1)
        kinds = torch.cat([self.not_a_point_embed.weight, *self._weights()[:2]])
        placed: Tensor = self.pe_layer((xy + 0.5) / side)  # the middle of a pixel
        return placed * (labels != PADDING).unsqueeze(-1) + kinds[labels + 1]

    def boxes(self, corners: Tensor, side: int) -> Tensor:
        """Tokens (B, 2, C) of boxes (B, 4)."""
        placed = self.pe_layer((corners.view(-1, 2, 2) + 0.5) / side)
        tokens: Tensor = placed + torch.cat(self._weights()[2:])
        return tokens

    def no_mask(self, h: int, w: int) -> Tensor:
        """The map (1, C, h, w) where no mask is given."""
        return self.no_mask_embed.weight.view(1, WIDTH, 1, 1).expand(1, WIDTH, h, w)

    def _weights(self) -> list[Tensor]:
        return [kind.weight for kind in self.point_embeddings]  # type: ignore[misc]
