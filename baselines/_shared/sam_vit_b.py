"""SAM with ViT-B as the rows of several folders use it."""

from torch import nn

from baselines._shared.sam_encoder import ImageEncoder
from baselines._shared.sam_method import SamMethod


class SamVitB(SamMethod):
    """SAM with the ViT-B encoder, which was trained at 1024 pixels."""

    def image_encoder(self) -> nn.Module:
        """ViT-B."""
        return ImageEncoder()
