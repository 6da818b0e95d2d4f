"""M2SNet, and MSNet, which is the same without the multi-scale unit."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines._shared.conv import Rules, resize
from baselines._shared.res2net import MULTIPLE, Res2NetMethod
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Normalise
from benchmark.methods.weights import WeightStore

from .lossnet import LossNet
from .network import MSNet as Network

SIDES = (7 / 11, 8 / 11, 9 / 11, 10 / 11, 1.0)  # 224, 256, 288, 320, 352 of 352
SHARE = 0.1  # of LossNet in the loss


class M2SNet(Res2NetMethod):
    """One map is supervised.

    Args:
        multiscale: False is MSNet, which compares single pixels alone.
    """

    rules: ClassVar[Rules] = {
        r"^x([2-5])_dem_1\.": lambda m: f"enter.{int(m[1]) - 2}.",
        r"^x5_dem_4\.": "deepest.",
        r"^x5_dem_5\.": "top.",
        r"^conv_([35])\.norm\.": lambda m: f"boxes.{int(m[1]) // 2 - 1}.norm.",
        # x5_x4_x3 is the second difference, and stands at level 3.
        r"^x\d((?:_x\d)*)_x(\d)\.": lambda m: f"subtract.{len(m[1]) // 3}.{int(m[2]) - 1}.conv.",
        r"^level([123])\.": lambda m: f"gather.{int(m[1]) - 1}.",
        r"^output([234])\.": lambda m: f"decode.{int(m[1]) - 2}.",
        r"^output1\.0\.": "head.",
    }

    def __init__(self, size: int = 352, multiscale: bool = True) -> None:
        super().__init__(Network(multiscale))


class OwnInTraining(nn.Module):
    """Their own statistics of the images in training, ImageNet's after it, as in their scripts."""

    def __init__(self) -> None:
        super().__init__()
        mean, std = (124.55, 118.90, 102.94), (56.77, 55.97, 57.50)
        r, g, b = (value / 255 for value in mean)
        self.own = Normalise((r, g, b), (std[0] / 255, std[1] / 255, std[2] / 255))
        self.imagenet = Normalise()

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same shape, normalised."""
        chosen: Tensor = (self.own if self.training else self.imagenet)(image)
        return chosen


class M2SNetAsPublished(M2SNet):
    """The same with the loss of its authors.

    Args:
        weighted_bce: False is their line, in which the weights of the BCE cancel.
        two_statistics: True is theirs, other mean and deviation in training than after it.
    """

    def __init__(
        self,
        size: int = 352,
        multiscale: bool = True,
        weighted_bce: bool = False,
        two_statistics: bool = True,
    ) -> None:
        super().__init__(size, multiscale)
        self.weighted_bce = weighted_bce
        if two_statistics:
            self.normalise = OwnInTraining()
        # In a dictionary of its own, so that torch does not take it for a part of the network.
        self._loss_modules = {"lossnet": LossNet()}

    def loss_modules(self) -> Mapping[str, nn.Module]:
        """LossNet."""
        return self._loss_modules

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, and those of LossNet."""
        super().load_pretrained(weights)
        self._loss_modules["lossnet"].load_pretrained(weights.names[1], weights)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Structure loss and a tenth of LossNet, at a side drawn for the batch."""
        side = self._side(mask.shape[-1])
        logits = self(resize(inputs.image, (side, side)))
        mask = resize(mask, (side, side))
        structure = weighted_bce_iou(logits, mask, self.weighted_bce)
        perceptual = self._loss_modules["lossnet"](torch.sigmoid(logits.float()), mask)
        total = structure + SHARE * perceptual
        return {"total": total, "structure": structure.detach(), "lossnet": perceptual.detach()}

    def _side(self, side: int) -> int:
        if not self.training:
            return side
        drawn = SIDES[int(torch.randint(len(SIDES), ()))]
        return max(1, round(side * drawn / MULTIPLE)) * MULTIPLE
