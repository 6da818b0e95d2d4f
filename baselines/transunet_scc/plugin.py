"""TransUNet with a spectral loss on its masks, and its control.

L_spatial = 0.5 BCE + 0.5 Dice in all of them. The weight of the spectral term was chosen on `val`
(results/open96/tuning). The complex spectrum without its constant is the correlation in space: what
the control gains is not spectral.
"""

from benchmark.blocks.spectral import SCC, SpatialSpectral
from benchmark.blocks.transunet_method import IMAGENET21K, R50_VIT_B16, TransUNetMethod
from benchmark.method import Card, Recipe

MIXES = ("smoke", "mix1", "mix2", "open")
WEIGHT = 0.5
WHY = (
    f"L_spatial + {WEIGHT} L_spectral, a weight chosen on val of Open at 96 pixels from 0.1, 0.5 "
    "and 1.0, with U-Net, as the weights of this encoder were not at hand. "
    "The equation of SCC is not public: this is our interpretation of it"
)


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
    card = Card(
        name="transunet-scc",
        title="TransUNet (R50-ViT-B/16) + SCC, our reading",
        source=f"{TransUNetBceDice.card.source}; loss: {SCC}",
        code=TransUNetBceDice.card.code,
        licence=TransUNetBceDice.card.licence,
        base="transunet-bce-dice",
        mixes=MIXES,
        pretrained_on=IMAGENET21K,
        weights=(R50_VIT_B16,),
        recipe=Recipe(why=WHY),
    )


class TransUNetSccControl(TransUNetBceDice):
    """With the correlation of the complex spectra, which is that in space."""

    scc_mode = "complex-nodc"
    scc_weight = WEIGHT
    card = Card(
        name="transunet-scc-control",
        title="TransUNet (R50-ViT-B/16) + SCC's control (correlation in space)",
        source=TransUNetScc.card.source,
        code=TransUNetScc.card.code,
        licence=TransUNetScc.card.licence,
        base="transunet-bce-dice",
        mixes=MIXES,
        pretrained_on=IMAGENET21K,
        weights=(R50_VIT_B16,),
        recipe=Recipe(why=WHY),
    )
