"""Example: say in one sentence what the network is, and name its source."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.methods.method import Method, Normalise


class Example(Method):
    """A small network of two levels, here so that the folder runs; put yours in its place.

    Rows of method.yaml that differ in numbers pass them as arguments. Code that does not fit here
    goes to network.py beside it (`from .network import ...`).
    """

    def __init__(self, size: int = 352, width: int = 16) -> None:
        """Builds it with random weights; `size` is the side of the images, often not needed."""
        super().__init__()
        self.normalise = Normalise()  # ImageNet's mean and standard deviation
        self.fine = _block(3, width)
        self.coarse = _block(width, 2 * width)
        self.head = nn.Conv2d(3 * width, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of RGB images (B, 3, H, W) in [0, 1]."""
        fine = self.fine(self.normalise(image))
        coarse = self.coarse(F.max_pool2d(fine, 2))  # (B, 2 * width, H/2, W/2)
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.head(torch.cat([fine, coarse], 1))
        return logits


def _block(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(True)
    )
