"""Example: say in one sentence what the network is, and name its source."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.methods.method import Card, Method, Normalise


class Example(Method):
    """A small network of two levels, here so that the folder runs; put yours in its place.

    It is found because it has a card of its own. Variants of one network are further classes in
    this file, each with its card; code that does not fit here goes to network.py beside it
    (`from .network import ...`).
    """

    card = Card(
        name="example",  # the key of its rows and folders
        title="Example",  # its name in tables
        source="who published it, where, when",
        code="",  # address of the official code
        licence="licence of the official code",
        group="main",  # the block of the report: main, prompted, single, as-published, ablation
        mixes=("smoke",),  # names from params.yaml; add mix1, mix2, open when it is ready
        prompt="none",  # what it is shown at test time: none, point, box
        pretrained_on=frozenset(),  # datasets that its weights have seen, such as "ImageNet-1k"
        weights=(),  # pretrained files: Weights(name=..., files=(...), hub=..., licence=...)
        # recipe=Recipe(lr=1e-4, why="paper, section 4.1"): only what differs from params.yaml
        unused={},  # parameters without a gradient, each with the reason
    )

    def __init__(self, size: int = 352) -> None:
        """Builds it with random weights; `size` is the side of the images, often not needed."""
        super().__init__()
        self.normalise = Normalise()  # ImageNet's mean and standard deviation
        self.fine = _block(3, 16)
        self.coarse = _block(16, 32)
        self.head = nn.Conv2d(16 + 32, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of RGB images (B, 3, H, W) in [0, 1]."""
        fine = self.fine(self.normalise(image))
        coarse = self.coarse(F.max_pool2d(fine, 2))  # (B, 32, H/2, W/2)
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.head(torch.cat([fine, coarse], 1))
        return logits


def _block(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(True)
    )
