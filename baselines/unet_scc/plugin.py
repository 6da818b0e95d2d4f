"""U-Net (ResNet-50, 32,521,105 parameters) with a spectral loss on its masks.

L_spatial = 0.5 BCE + 0.5 Dice in all rows.
"""

import segmentation_models_pytorch as smp
from torch import Tensor

from baselines._shared.smp import SmpMethod
from baselines._shared.spectral import SpatialSpectralLoss
from benchmark.methods.method import Inputs


class UNetSpatialSpectral(SmpMethod):
    """U-Net; see `SpatialSpectralLoss` for the arguments of the loss."""

    architecture = smp.Unet

    def __init__(
        self,
        size: int = 352,
        encoder: str = "resnet50",
        scc_mode: str = "",
        scc_weight: float = 0.0,
    ) -> None:
        super().__init__(size, encoder)
        self.spatial_spectral = SpatialSpectralLoss(scc_mode, scc_weight)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Spatial and spectral part, and their weighted sum."""
        return self.spatial_spectral(self(inputs.image), mask)
