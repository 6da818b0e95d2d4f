"""EVP: explicit visual prompts in a frozen MiT-B4, read by SegFormer's head.

Encoder, adaptor and high-frequency image are those of `_shared`, which MMSNet builds on too.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.frequency_prompt import FourierPrompt
from baselines._shared.mix_transformer import MiT
from baselines._shared.prompt_adaptor import Adaptor

REDUCTION = 4  # r
SHARE = 0.25  # tau, of the spectrum's area that is no high frequency
WIDTH = 768


class EVP(nn.Module):
    """F = Adaptor(MiT-B4, H),  H = |Re F^-1(M F(I))|;  logits = up_4(head(F)).

    I and H are (B, 3, H, W), F four maps (B, d_i, H / s_i, W / s_i) with d = 64, 128, 320, 512 and
    s = 4, 8, 16, 32, logits (B, 1, H, W).
    Source: Liu et al., Explicit Visual Prompting, CVPR 2023, arXiv 2303.10883.
    Ours / theirs: the same numbers. Their head also holds 129 parameters (`conv_seg`) that nothing
    uses; ours has none of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MiT("b4").freeze()  # its drop-path stays active in training, as theirs
        self.prompt = FourierPrompt(SHARE)
        self.adaptor = Adaptor(self.encoder, REDUCTION)
        self.head = SegFormerHead(self.encoder.dims)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of normalised images (B, 3, H, W)."""
        high = self.prompt(image, ()).high
        logits = self.head(self.adaptor(self.encoder, image, high))
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)


class SegFormerHead(nn.Module):
    """SegFormer's head of 768 channels.

        y_i = Up(Linear_i(F_i))                                     d_i -> 768, to the size of F_1
        logits = Conv1x1(Dropout(ReLU(BN(Conv1x1([y_4, y_3, y_2, y_1])))))      4 * 768 -> 768 -> 1

    Source: Xie et al., SegFormer, NeurIPS 2021.
    Ours / theirs: the first 1x1 convolution follows Linear_i with nothing but an up-sampling in
    between, which commutes with both; so each level goes through the product of the two matrices
    at its own size, and the 3072 channels are never there.

    Args:
        dims: d_i, finest first.
        dropout: share of channels dropped before the last convolution.
    """

    def __init__(self, dims: Sequence[int], dropout: float = 0.1) -> None:
        super().__init__()
        self.reduce: Any = nn.ModuleList(nn.Linear(d, WIDTH) for d in dims)
        self.fuse = nn.Conv2d(len(dims) * WIDTH, WIDTH, 1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.dropout = nn.Dropout2d(dropout)
        self.predict = nn.Conv2d(WIDTH, 1, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps (B, d_i, h_i, w_i), finest first, to logits (B, 1, h_1, w_1)."""
        size = features[0].shape[-2:]
        # The concatenation is coarsest first.
        shares = self.fuse.weight[..., 0, 0].chunk(len(features), dim=1)[::-1]
        fused: Tensor | None = None
        for x, linear, share in zip(features, self.reduce, shares, strict=True):
            weight, bias = share @ linear.weight, share @ linear.bias
            y = F.conv2d(x, weight[..., None, None], bias)
            if y.shape[-2:] != size:
                y = F.interpolate(y, size, mode="bilinear", align_corners=False)
            fused = y if fused is None else fused + y
        # logits = Conv1x1(Dropout(ReLU(BN(fused))))
        logits: Tensor = self.predict(self.dropout(torch.relu(self.norm(fused))))
        return logits
