"""MobileSAM's image encoder: TinyViT-5M, its last stage at stride 16, with SAM's neck.

Source: Zhang et al., Faster Segment Anything, arXiv:2306.14289; Wu et al., TinyViT, ECCV 2022.
"""

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn

from baselines._shared.sam_decoder import WIDTH, ChannelNorm
from baselines._shared.tiny_vit import CLASSIFIER, PREFIX, timm_key


class TinyViTEncoder(nn.Module):
    """A normalised image (B, 3, S, S) to its embedding (B, 256, S / 16, S / 16)."""

    def __init__(self) -> None:
        super().__init__()
        vit: Any = timm.create_model("tiny_vit_5m_224", num_classes=0, global_pool="")
        vit.head = nn.Identity()
        vit.stages[3].downsample.conv2.conv.stride = (1, 1)
        self.vit, self.neck = vit, neck(vit.num_features)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 256, S / 16, S / 16)."""
        embedding: Tensor = self.neck(self.vit.forward_features(image))
        return embedding


def neck(width: int) -> nn.Sequential:
    """Two convolutions with normalisation, (B, width, h, w) to (B, 256, h, w)."""
    return nn.Sequential(
        nn.Conv2d(width, WIDTH, 1, bias=False),
        ChannelNorm(WIDTH),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
        ChannelNorm(WIDTH),
    )


def tiny_vit_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official MobileSAM keys to those of a `Sam` with this encoder; its classifier is left."""
    out = {}
    for key, value in state.items():
        name = key.removeprefix(PREFIX)
        if key == name or name.startswith("neck."):
            out[key] = value
        elif not name.startswith(CLASSIFIER):
            out[f"{PREFIX}vit.{timm_key(name)}"] = value
    return out
