"""U-Net (ResNet-50, 32,521,105 parameters) with a spectral loss on its masks, and its control.

L_spatial = 0.5 BCE + 0.5 Dice in all of them.
"""

import segmentation_models_pytorch as smp

from baselines._shared.spectral import MIXES, WEIGHT, SpatialSpectral, arm
from benchmark.methods.layers import IMAGENET, RESNET50, SmpMethod
from benchmark.methods.method import Card


class UNetBceDice(SpatialSpectral, SmpMethod):
    """The spatial loss alone."""

    architecture = smp.Unet
    encoder = "resnet50"
    card = Card(
        name="unet-bce-dice",
        title="U-Net (ResNet-50), BCE + Dice",
        source="Ronneberger et al., MICCAI 2015; encoder: He et al., CVPR 2016",
        code="https://github.com/qubvel-org/segmentation_models.pytorch",
        licence="MIT",
        base="unet-resnet50",
        mixes=MIXES,
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
    )


class UNetScc(UNetBceDice):
    """With the correlation of the magnitudes of the spectra."""

    scc_mode = "magnitude"
    scc_weight = WEIGHT
    card = arm(UNetBceDice.card, scc_mode)


class UNetSccControl(UNetBceDice):
    """With the correlation of the complex spectra, which is that in space."""

    scc_mode = "complex-nodc"
    scc_weight = WEIGHT
    card = arm(UNetBceDice.card, scc_mode)
