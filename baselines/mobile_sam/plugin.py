"""MobileSAM, shown a point or a box: as released, and with its mask decoder trained."""

from collections.abc import Mapping

from torch import Tensor, nn

from baselines._shared.sam_method import SamMethod
from baselines._shared.sam_tiny_vit import TinyViTEncoder, tiny_vit_keys
from benchmark.methods.method import AS_RELEASED, Card, Weights

WEIGHTS = Weights(name="mobile_sam", files=("mobile_sam.pt",), licence="Apache-2.0")


class MobileSam(SamMethod):
    """MobileSAM with its mask decoder trained; one foreground pixel is shown."""

    learns = True
    card = Card(
        name="mobile-sam",
        title="MobileSAM, decoder trained, point",
        source="Zhang et al., Faster Segment Anything, arXiv:2306.14289",
        code="https://github.com/ChaoningZhang/MobileSAM",
        licence="Apache-2.0",
        group="prompted",
        mixes=("smoke", "mix1", "mix2", "open"),
        prompt="point",
        draws=5,
        pretrained_on=frozenset({"SA-1B"}),
        weights=(WEIGHTS,),
    )

    def image_encoder(self) -> nn.Module:
        """TinyViT-5M."""
        return TinyViTEncoder()

    @classmethod
    def keys(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys, without the encoder's classifier."""
        return tiny_vit_keys(state)


class MobileSamPoint(MobileSam):
    """As released; one foreground pixel is shown."""

    learns = False
    card = MobileSam.card.model_copy(
        update={
            "name": "mobile-sam-point",
            "title": "MobileSAM, as released, point",
            "mixes": ("smoke", "mix1", "mix2", "open", "open96"),
            "recipe": AS_RELEASED,
            "base": "mobile-sam",
        }
    )


class MobileSamBox(MobileSamPoint):
    """As released; the tight box is shown."""

    card = MobileSamPoint.card.model_copy(
        update={
            "name": "mobile-sam-box",
            "title": "MobileSAM, as released, box",
            "prompt": "box",
            "draws": 1,
        }
    )
