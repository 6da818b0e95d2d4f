"""MMSNet's decoder: up-blocks over four levels of features, each with frequency guidance."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from baselines._shared.conv import normed
from baselines._shared.frequency_guidance import Guidance
from baselines._shared.up_block import UpBlock


@dataclass(frozen=True)
class Widths:
    """Channels and dropout of the decoder.

    Attributes:
        skip: channels that every level is reduced to.
        up: channels of the up-blocks, coarsest first; one fewer than there are levels.
        dropout: share of channels dropped before the head.
    """

    skip: int = 64
    # O2: decoder not given; MADGNet's up-blocks, as wide as the paper's 7.51 M leave room for.
    up: tuple[int, ...] = (128, 64, 64)
    # O23: the place of the dropout for Monte-Carlo passes not given; SegFormer's head has it here.
    dropout: float = 0.1


class Decoder(nn.Module):
    """Logits (B, 1, H_1, W_1) from the features of an encoder.

        r_i = ReLU BN Conv1x1(f_i)                                          (B, 64, H_i, W_i)
        y_4 = r_4,   y_i = `UpBlock`(y_{i+1}, r_i)                          (B, up, H_i, W_i)
        logits = Conv1x1(Dropout(y_1))                                      (B, 1, H_1, W_1)

    Args:
        dims: channels of the features f_1 to f_4, finest first.
        sizes: sides of their maps for which it is built; others work too.
        guidance: the MSFG of each up-block; None puts the identity in its place.
        widths: channels inside.
    Raises: ValueError if dims, sizes and widths do not go together.
    Source: Nam et al., MADGNet, CVPR 2024 (up-sampling block); the paper of MMSNet draws no
    decoder.
    Ours / theirs: one head on the last up-block instead of their cascade of heads on each; the
    deepest features are reduced too. The caller enlarges the logits.
    """

    def __init__(
        self,
        dims: Sequence[int],
        sizes: Sequence[int],
        guidance: Guidance | None,
        widths: Widths = Widths(),
    ) -> None:
        super().__init__()
        if not len(dims) == len(sizes) == len(widths.up) + 1:
            raise ValueError(
                f"mmsnet/decoder.py: {len(dims)} dims, {len(sizes)} sizes and {len(widths.up)} "
                "up-blocks, expected as many sizes as dims and one up-block fewer. "
                "Give Widths.up one number a step."
            )
        self.reduce = nn.ModuleList(normed(nn.Conv2d(d, widths.skip, 1)) for d in dims)
        below = (widths.skip, *widths.up)
        # O3: where MSFG sits not given; in every up-block, as in MADGNet.
        self.up = nn.ModuleList(
            UpBlock(below[k] + widths.skip, width, sizes[-2 - k], guidance)
            for k, width in enumerate(widths.up)
        )
        self.head = nn.Sequential(nn.Dropout2d(widths.dropout), nn.Conv2d(widths.up[-1], 1, 1))

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Features (B, d_i, H_i, W_i), finest first, to logits (B, 1, H_1, W_1)."""
        # r_i = ReLU BN Conv1x1(f_i)
        skips = [reduce(f) for reduce, f in zip(self.reduce, feats, strict=True)]
        y = skips.pop()
        for up in self.up:
            # y_i = UpBlock(y_{i+1}, r_i)
            y = up(y, skips.pop())
        # logits = Conv1x1(Dropout(y_1))
        logits: Tensor = self.head(y)
        return logits
