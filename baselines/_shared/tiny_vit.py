"""TinyViT-5M, the image encoder of MobileSAM, and the keys of MobileSAM's file."""

import re
from collections.abc import Mapping
from typing import Any

import timm
from timm.models.tiny_vit import Attention
from torch import Tensor

from baselines._shared.encoder import Encoder

PREFIX = "image_encoder."
CLASSIFIER = ("norm_head.", "head.")  # of ImageNet; no mask depends on it
# Official name of a part of TinyViT to timm's.
_NAMES = (
    (r"^patch_embed\.seq\.0\.", "patch_embed.conv1."),
    (r"^patch_embed\.seq\.2\.", "patch_embed.conv2."),
    (r"\.c\.", ".conv."),
    (r"^layers\.", "stages."),
)


class TinyViT(Encoder):
    """TinyViT-5M as MobileSAM runs it: the last stage keeps stride 16.

    Stage 0 has convolutional MBConv blocks, the others windowed attention (7, 14, 7 tokens wide;
    a map that does not divide is padded inside the block), so any H and W will do.
    Source: Wu et al., TinyViT, ECCV 2022; Zhang et al., MobileSAM, arXiv 2306.14289.
    Ours / theirs: the modules are timm's; no neck and no head.

    Args:
        drop_path: of the last block; MobileSAM has none.
    """

    dims: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    strides: tuple[int, ...] = (4, 8, 16, 16)

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        network: Any = timm.create_model("tiny_vit_5m_224", drop_path_rate=drop_path)
        self.patch_embed, self.stages = network.patch_embed, network.stages
        self.stages[3].downsample.conv2.conv.stride = (1, 1)
        self._attention = [m for m in self.modules() if isinstance(m, Attention)]

    def embed(self, stage: int, x: Tensor) -> Tensor:
        """Two convolutions on the image, or the stage's patch merging: -> (B, h, w, d)."""
        if stage == 0:
            # timm keeps attention biases between calls in eval; later weights would not count.
            for module in self._attention:
                module.attention_bias_cache = {}
        embedding = self.stages[stage].downsample if stage else self.patch_embed
        found: Tensor = embedding(x)
        return found.permute(0, 2, 3, 1)

    def block(self, stage: int, j: int, x: Tensor) -> Tensor:
        """MBConv (stage 0) or attention block j, (B, h, w, d) -> (B, h, w, d)."""
        block = self.stages[stage].blocks[j]
        found: Tensor = block(x) if stage else block(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return found

    def finish(self, stage: int, x: Tensor) -> Tensor:
        """No norm here: (B, h, w, d) -> (B, d, h, w)."""
        return x.permute(0, 3, 1, 2)


def timm_key(name: str) -> str:
    """The name that timm gives to a tensor of the official TinyViT.

    timm holds the patch merging at the start of the next stage, the official network at the end.
    """
    name = re.sub(
        r"^layers\.(\d)\.downsample", lambda m: f"stages.{int(m[1]) + 1}.downsample", name
    )
    for pattern, other in _NAMES:
        name = re.sub(pattern, other, name)
    return name


def tiny_vit_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The image encoder of a MobileSAM file under the keys of `TinyViT`, without neck and heads."""
    inside = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    return {
        timm_key(name): value
        for name, value in inside.items()
        if not name.startswith(("neck.", *CLASSIFIER))
    }
