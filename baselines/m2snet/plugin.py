"""M2SNet, and MSNet, which is the same without the multi-scale unit."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines._shared.conv import Rules, resize
from baselines._shared.res2net import MULTIPLE, RES2NET50, Res2NetMethod
from benchmark.methods.layers import IMAGENET
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Card, Inputs, Normalise, Recipe
from benchmark.methods.weights import WeightStore

from .lossnet import VGG16, LossNet
from .network import MSNet as Network

CARD = Card(
    name="m2snet",
    title="M2SNet",
    source="Zhao et al., arXiv 2303.10894; encoder: Gao et al., TPAMI 2021",
    code="https://github.com/Xiaoqi-Zhao-DLUT/MSNet-M2SNet",
    licence="none",
    mixes=("smoke", "mix1", "mix2", "open", "open96"),
    pretrained_on=IMAGENET,
    weights=(RES2NET50,),
)
MSNET = CARD.model_copy(
    update={
        "name": "msnet",
        "title": "MSNet",
        "source": "Zhao et al., MICCAI 2021; encoder: Gao et al., TPAMI 2021",
        "mixes": ("smoke", "mix1", "mix2", "open"),
    }
)
SIDES = (7 / 11, 8 / 11, 9 / 11, 10 / 11, 1.0)  # 224, 256, 288, 320, 352 of 352
SHARE = 0.1  # of LossNet in the loss
RECIPE = Recipe(
    epochs=50,
    batch=16,
    optimiser="sgd",
    lr=0.05,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    schedule="triangular",
    hflip=0.5,
    vflip=0.0,
    rotation_deg=10.0,
    why="the authors' training script for polyps, with a size drawn for every batch. The encoder "
    "learns at the full rate, as theirs does: the name that should give it a tenth matches none. "
    "They released the script of MSNet alone; M2SNet is trained by the same. Their rate changes "
    "once an epoch, ours at every step",
)


def _as_published(card: Card) -> Card:
    about = {"name": f"{card.name}-as-published", "title": f"{card.title}, as published"}
    more = {"group": "as-published", "base": card.name, "mixes": MSNET.mixes, "recipe": RECIPE}
    return card.model_copy(update={**about, **more, "weights": (RES2NET50, VGG16)})


class M2SNet(Res2NetMethod):
    """One map is supervised."""

    card = CARD
    multiscale: ClassVar[bool] = True
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

    def __init__(self, size: int = 352) -> None:
        super().__init__(Network(self.multiscale))


class MSNet(M2SNet):
    """The same that compares single pixels alone."""

    card = MSNET
    multiscale: ClassVar[bool] = False


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
    """The same with the loss and the recipe of its authors.

    Attributes:
        weighted_bce: False is their line, in which the weights of the BCE cancel.
        two_statistics: True is theirs, other mean and deviation in training than after it.
    """

    card = _as_published(CARD)
    weighted_bce: ClassVar[bool] = False
    two_statistics: ClassVar[bool] = True

    def __init__(self, size: int = 352) -> None:
        super().__init__(size)
        if self.two_statistics:
            self.normalise = OwnInTraining()
        self._lossnet = [LossNet()]  # in a list: a part of the loss, and none of the network

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights, and those of LossNet."""
        super().load_pretrained(weights)
        self._lossnet[0].load_pretrained(weights)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """Structure loss and a tenth of LossNet, at a side drawn for the batch."""
        side = self._side(mask.shape[-1])
        logits = self(resize(inputs.image, (side, side)))
        mask = resize(mask, (side, side))
        structure = weighted_bce_iou(logits, mask, self.weighted_bce)
        perceptual = self._lossnet[0].to(mask.device)(torch.sigmoid(logits.float()), mask)
        total = structure + SHARE * perceptual
        return {"total": total, "structure": structure.detach(), "lossnet": perceptual.detach()}

    def _side(self, side: int) -> int:
        if not self.training:
            return side
        drawn = SIDES[int(torch.randint(len(SIDES), ()))]
        return max(1, round(side * drawn / MULTIPLE)) * MULTIPLE


class MSNetAsPublished(M2SNetAsPublished):
    """The same that compares single pixels alone."""

    card = _as_published(MSNET)
    multiscale: ClassVar[bool] = False
