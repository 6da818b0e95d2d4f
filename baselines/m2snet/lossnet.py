"""LossNet: how far apart VGG-16 finds a predicted map and the mask.

Sources: Zhao et al., M2SNet, arXiv 2303.10894; Simonyan and Zisserman, VGG, ICLR 2015.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import resize
from benchmark.methods.layers import load_strictly
from benchmark.methods.method import Normalise
from benchmark.methods.weights import WeightStore

SIDE = 224
# Convolutions of VGG-16 as far as relu4_3; 0 is a pool.
WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
CUTS = (0, 4, 9, 16, 23)  # layers before which a part begins; pools begin theirs
UNUSED = (
    "features.24.*",
    "features.26.*",
    "features.28.*",
    "classifier.*",
    "pre_logits.*",
    "head.*",
)


class LossNet(nn.Module):
    """sum over four parts of VGG-16 of the mean squared difference of what they give; frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise()
        layers: list[nn.Module] = []
        inputs = 3
        for width in WIDTHS:
            if width:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def forward(self, prob: Tensor, mask: Tensor) -> Tensor:
        """A scalar of a map and a mask, both (B, 1, H, W) in [0, 1]."""
        x, y = (self._image(each) for each in (prob, mask))
        parts = []
        for start, stop in pairwise(CUTS):
            part = self.features[start:stop]
            x, y = part(x), part(y)
            parts.append(F.mse_loss(x.float(), y.float()))
        return parts[0] + parts[1] + parts[2] + parts[3]

    def _image(self, grey: Tensor) -> Tensor:
        image: Tensor = self.normalise(grey.expand(-1, 3, -1, -1))
        return resize(image, (SIDE, SIDE))

    def load_pretrained(self, name: str, weights: WeightStore) -> None:
        """The weights of VGG-16, from a file of timm's or torchvision's names."""
        load_strictly(self, weights.read(name), f"weights {name!r}", may_have=UNUSED)
