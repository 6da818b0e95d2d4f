"""MobileSAM, shown a point or a box: as released, and with its mask decoder trained."""

from collections.abc import Mapping

from torch import Tensor, nn

from baselines._shared.sam_method import SamMethod
from baselines._shared.sam_tiny_vit import TinyViTEncoder, tiny_vit_keys


class MobileSam(SamMethod):
    """MobileSAM."""

    def image_encoder(self) -> nn.Module:
        """TinyViT-5M."""
        return TinyViTEncoder()

    def keys(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys, without the encoder's classifier."""
        return tiny_vit_keys(state)
