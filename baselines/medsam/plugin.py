"""MedSAM: SAM ViT-B trained on medical images; as released, shown a box or a point.

Its images are stretched to [0, 1] one by one and not normalised. Its published masks are enlarged
as probabilities; here as logits, like those of SAM.
"""

from baselines._shared.sam_vit_b import SamVitB
from benchmark.methods.method import AS_RELEASED, Card, Weights

WEIGHTS = Weights(
    name="medsam_vit_b",
    files=("medsam_vit_b.pth", "medsam-vit-base.safetensors"),
    hub="wanglab/medsam-vit-base:model.safetensors",
    licence="Apache-2.0",
)


class MedSam(SamVitB):
    """MedSAM as released; the tight box is shown, without the shifts that it was trained with."""

    minmax = True
    card = Card(
        name="medsam",
        title="MedSAM, as released, box",
        source="Ma et al., Nature Communications 2024",
        code="https://github.com/bowang-lab/MedSAM",
        licence="Apache-2.0",
        group="prompted",
        mixes=("smoke", "mix1", "mix2", "open"),
        prompt="box",
        pretrained_on=frozenset({"SA-1B", "MedSAM's medical images (sets not listed here)"}),
        weights=(WEIGHTS,),
        recipe=AS_RELEASED,
        base="sam",
    )


class MedSamPoint(MedSam):
    """The same, shown a point, for which it was not trained: its authors call that experimental."""

    card = MedSam.card.model_copy(
        update={
            "name": "medsam-point",
            "title": "MedSAM, as released, point",
            "prompt": "point",
            "draws": 5,
            "base": "medsam",
        }
    )
