"""U-Net (ResNet-50, 32,521,105 parameters) with a spectral loss on its masks, and its control.

L_spatial = 0.5 BCE + 0.5 Dice in all of them. The weight of the spectral term was chosen on `val`
(results/open96/tuning). The complex spectrum without its constant is the correlation in space: what
the control gains is not spectral.
"""

import segmentation_models_pytorch as smp

from benchmark.blocks.spectral import SCC, SpatialSpectral
from benchmark.method import Card, Recipe
from benchmark.networks import IMAGENET, RESNET50, SmpMethod

MIXES = ("smoke", "mix1", "mix2", "open")
WEIGHT = 0.5
WHY = (
    f"L_spatial + {WEIGHT} L_spectral, a weight chosen on val of Open at 96 pixels from 0.1, 0.5 "
    "and 1.0. "
    "The equation of SCC is not public: this is our interpretation of it"
)


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
    card = Card(
        name="unet-scc",
        title="U-Net (ResNet-50) + SCC, our reading",
        source=f"{UNetBceDice.card.source}; loss: {SCC}",
        code=UNetBceDice.card.code,
        licence=UNetBceDice.card.licence,
        base="unet-bce-dice",
        mixes=MIXES,
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
        recipe=Recipe(why=WHY),
    )


class UNetSccControl(UNetBceDice):
    """With the correlation of the complex spectra, which is that in space."""

    scc_mode = "complex-nodc"
    scc_weight = WEIGHT
    card = Card(
        name="unet-scc-control",
        title="U-Net (ResNet-50) + SCC's control (correlation in space)",
        source=UNetScc.card.source,
        code=UNetScc.card.code,
        licence=UNetScc.card.licence,
        base="unet-bce-dice",
        mixes=MIXES,
        pretrained_on=IMAGENET,
        weights=(RESNET50,),
        recipe=Recipe(why=WHY),
    )
