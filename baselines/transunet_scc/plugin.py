"""TransUNet with a spectral loss on its masks.

L_spatial = 0.5 BCE + 0.5 Dice in all rows.
"""

from torch import Tensor

from baselines._shared.spectral import SpatialSpectralLoss
from baselines._shared.transunet_method import TransUNetMethod
from benchmark.methods.method import Inputs


class TransUNetSpatialSpectral(TransUNetMethod):
    """TransUNet; see `SpatialSpectralLoss` for the arguments of the loss."""

    def __init__(self, size: int = 352, scc_mode: str = "", scc_weight: float = 0.0) -> None:
        super().__init__(size)
        self.spatial_spectral = SpatialSpectralLoss(scc_mode, scc_weight)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Spatial and spectral part, and their weighted sum."""
        return self.spatial_spectral(self(inputs.image), mask)
