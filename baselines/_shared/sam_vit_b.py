"""SAM with ViT-B as the rows of several folders use it."""

from torch import nn

from baselines._shared.sam_encoder import ImageEncoder
from baselines._shared.sam_method import SamMethod
from benchmark.methods.method import Weights

SAM_VIT_B = Weights(
    name="sam_vit_b",
    files=("sam_vit_b_01ec64.pth", "sam-vit-base.safetensors"),
    hub="facebook/sam-vit-base:model.safetensors",
    licence="Apache-2.0",
)


class SamVitB(SamMethod):
    """SAM with the ViT-B encoder at 1024 pixels."""

    def image_encoder(self) -> nn.Module:
        """ViT-B."""
        return ImageEncoder()
