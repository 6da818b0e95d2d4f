"""The plain U-Net without pretraining, which most published U-Net rows are."""

from torch import Tensor

from benchmark.methods.layers import on_multiple
from benchmark.methods.method import Card, Method, Normalise

from .network import STRIDE, UNet


class PlainUNet(Method):
    """U-Net of 31,037,633 parameters, from random weights."""

    card = Card(
        name="unet-plain",
        title="U-Net (plain, 31.0 M)",
        source="Ronneberger et al., MICCAI 2015",
        licence="none; written from the paper",
        mixes=("smoke", "mix1", "mix2", "open"),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = UNet()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)
