"""U-Net with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from benchmark.methods.layers import IMAGENET, RESNET34, RESNET50, SmpMethod
from benchmark.methods.method import Card
from benchmark.methods.weights import WeightStore


class UNet(SmpMethod):
    """U-Net; decoder widths 256, 128, 64, 32, 16."""

    architecture = smp.Unet
    encoder = "resnet34"
    card = Card(
        name="unet",
        title="U-Net (ResNet-34)",
        source="Ronneberger et al., MICCAI 2015; encoder: He et al., CVPR 2016",
        code="https://github.com/qubvel-org/segmentation_models.pytorch",
        licence="MIT",
        mixes=("mix0", "smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(RESNET34,),
    )


class UNetResNet50(UNet):
    """The same on ResNet-50."""

    encoder = "resnet50"
    card = Card(
        name="unet-resnet50",
        title="U-Net (ResNet-50)",
        source=UNet.card.source,
        code=UNet.card.code,
        licence=UNet.card.licence,
        mixes=("smoke", "mix1", "mix2", "open", "open96"),
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
    )


class UNetScratch(UNet):
    """The same from random weights: what pretraining is worth."""

    card = Card(
        name="unet-scratch",
        title="U-Net (ResNet-34), from scratch",
        source=UNet.card.source,
        code=UNet.card.code,
        licence=UNet.card.licence,
        base="unet",
        mixes=("smoke", "mix1", "mix2", "open"),
    )

    def load_pretrained(self, weights: WeightStore) -> None:
        """Nothing: the card names no file."""


class UNetResNet50Scratch(UNetScratch):
    """ResNet-50 from random weights."""

    encoder = "resnet50"
    card = Card(
        name="unet-resnet50-scratch",
        title="U-Net (ResNet-50), from scratch",
        source=UNet.card.source,
        code=UNet.card.code,
        licence=UNet.card.licence,
        base="unet-resnet50",
        mixes=("smoke", "mix1", "mix2", "open"),
    )
