"""U-Net++ with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from benchmark.method import Card
from benchmark.networks import IMAGENET, RESNET34, RESNET50, SmpMethod


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
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
    )
