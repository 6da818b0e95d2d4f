"""TransUNet with a spectral loss on its masks, and its control.

L_spatial = 0.5 BCE + 0.5 Dice in all of them.
"""

from baselines._shared.spectral import MIXES, WEIGHT, SpatialSpectral, arm
from baselines._shared.transunet_method import IMAGENET21K, R50_VIT_B16, TransUNetMethod
from benchmark.methods.method import Card

ALSO = ", with U-Net, as the weights of this encoder were not at hand"


class TransUNetBceDice(SpatialSpectral, TransUNetMethod):
    """The spatial loss alone."""

    card = Card(
        name="transunet-bce-dice",
        title="TransUNet (R50-ViT-B/16), BCE + Dice",
        source="Chen et al., arXiv 2102.04306; Medical Image Analysis 2024",
        code="https://github.com/Beckschen/TransUNet",
        licence="Apache-2.0",
        base="transunet",
        mixes=MIXES,
        pretrained_on=IMAGENET21K,
        weights=(R50_VIT_B16,),
    )


class TransUNetScc(TransUNetBceDice):
    """With the correlation of the magnitudes of the spectra."""

    scc_mode = "magnitude"
    scc_weight = WEIGHT
    card = arm(TransUNetBceDice.card, scc_mode, ALSO)


class TransUNetSccControl(TransUNetBceDice):
    """With the correlation of the complex spectra, which is that in space."""

    scc_mode = "complex-nodc"
    scc_weight = WEIGHT
    card = arm(TransUNetBceDice.card, scc_mode, ALSO)
