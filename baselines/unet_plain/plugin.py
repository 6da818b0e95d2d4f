"""The plain U-Net without pretraining, which most published U-Net rows are."""

from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.method import Method, Normalise

from .network import STRIDE, UNet


class PlainUNet(Method):
    """U-Net of 31,037,633 parameters, from random weights."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = UNet()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)
