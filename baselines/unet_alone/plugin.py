"""U-Net trained on each modality alone: what mixing costs it."""

import segmentation_models_pytorch as smp

from benchmark.methods.layers import IMAGENET, RESNET34, SmpMethod
from benchmark.methods.method import Card

MIXES = ("smoke", "mix1", "mix2", "open")
# The row of the folder `unet`, which is not imported: each folder stands alone.
BASE = Card(
    name="unet",
    title="U-Net (ResNet-34)",
    source="Ronneberger et al., MICCAI 2015; encoder: He et al., CVPR 2016",
    code="https://github.com/qubvel-org/segmentation_models.pytorch",
    licence="MIT",
    mixes=MIXES,
    pretrained_on=IMAGENET,
    weights=(RESNET34,),
)


class UNet(SmpMethod):
    """U-Net as in the main table; it has no card, so it is no row here."""

    architecture = smp.Unet
    encoder = "resnet34"


class OnFundus(UNet):
    """Fundus alone."""

    card = BASE.alone("fundus", MIXES)


class OnColonoscopy(UNet):
    """Colonoscopy alone."""

    card = BASE.alone("colonoscopy", MIXES)


class OnUltrasound(UNet):
    """Ultrasound alone."""

    card = BASE.alone("ultrasound", MIXES)


class OnDermoscopy(UNet):
    """Dermoscopy alone."""

    card = BASE.alone("dermoscopy", MIXES)
