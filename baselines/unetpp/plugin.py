"""U-Net++ with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from benchmark.methods.layers import IMAGENET, RESNET34, RESNET50, SmpMethod
from benchmark.methods.method import Card
from benchmark.methods.weights import WeightStore


class UNetPlusPlus(SmpMethod):
    """U-Net++: the dense skip grid, without deep supervision; decoder 256, 128, 64, 32, 16."""

    architecture = smp.UnetPlusPlus
    encoder = "resnet34"
    card = Card(
        name="unetpp",
        title="U-Net++ (ResNet-34)",
        source="Zhou et al., DLMIA 2018; encoder: He et al., CVPR 2016",
        code="https://github.com/qubvel-org/segmentation_models.pytorch",
        licence="MIT",
        mixes=("mix0", "smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(RESNET34,),
    )


class UNetPlusPlusResNet50(UNetPlusPlus):
    """The same on ResNet-50."""

    encoder = "resnet50"
    card = Card(
        name="unetpp-resnet50",
        title="U-Net++ (ResNet-50)",
        source=UNetPlusPlus.card.source,
        code=UNetPlusPlus.card.code,
        licence=UNetPlusPlus.card.licence,
        mixes=("smoke", "mix1", "mix2", "open", "open96"),
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
    )


class UNetPlusPlusScratch(UNetPlusPlus):
    """The same from random weights: what pretraining is worth."""

    card = Card(
        name="unetpp-scratch",
        title="U-Net++ (ResNet-34), from scratch",
        source=UNetPlusPlus.card.source,
        code=UNetPlusPlus.card.code,
        licence=UNetPlusPlus.card.licence,
        base="unetpp",
        mixes=("smoke", "mix1", "mix2", "open"),
    )

    def load_pretrained(self, weights: WeightStore) -> None:
        """Nothing: the card names no file."""


class UNetPlusPlusResNet50Scratch(UNetPlusPlusScratch):
    """ResNet-50 from random weights."""

    encoder = "resnet50"
    card = Card(
        name="unetpp-resnet50-scratch",
        title="U-Net++ (ResNet-50), from scratch",
        source=UNetPlusPlus.card.source,
        code=UNetPlusPlus.card.code,
        licence=UNetPlusPlus.card.licence,
        base="unetpp-resnet50",
        mixes=("smoke", "mix1", "mix2", "open"),
    )
