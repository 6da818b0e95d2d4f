"""U-Net with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from benchmark.method import Card
from benchmark.networks import IMAGENET, RESNET34, RESNET50, SmpMethod


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
        mixes=("smoke", "mix1", "mix2", "open", "open128"),
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
    )
