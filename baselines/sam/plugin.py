"""SAM ViT-B, shown a point or a box: as released, and with its mask decoder trained."""

from baselines._shared.sam_vit_b import SAM_VIT_B, SamVitB
from benchmark.methods.method import AS_RELEASED, Card

MIXES = ("smoke", "mix1", "mix2", "open")


class SamDecoder(SamVitB):
    """SAM with its mask decoder trained; one foreground pixel is shown.

    The prompt encoder stays frozen: whether MMSNet's comparison trained it is not known.
    """

    learns = True
    card = Card(
        name="sam",
        title="SAM ViT-B, decoder trained, point",
        source="Kirillov et al., Segment Anything, ICCV 2023",
        code="https://github.com/facebookresearch/segment-anything",
        licence="Apache-2.0",
        group="prompted",
        mixes=MIXES,
        prompt="point",
        draws=5,
        pretrained_on=frozenset({"SA-1B"}),
        weights=(SAM_VIT_B,),
    )


class SamPoint(SamVitB):
    """As released; one foreground pixel is shown, one mask is asked for."""

    card = Card(
        name="sam-point",
        title="SAM ViT-B, as released, point",
        source=SamDecoder.card.source,
        code=SamDecoder.card.code,
        licence=SamDecoder.card.licence,
        group="prompted",
        mixes=MIXES,
        prompt="point",
        draws=5,
        pretrained_on=SamDecoder.card.pretrained_on,
        weights=(SAM_VIT_B,),
        recipe=AS_RELEASED,
        base="sam",
    )


class SamPointOfThree(SamPoint):
    """As released; three masks, of which the one with the largest predicted IoU is used."""

    multimask = True
    card = SamPoint.card.model_copy(
        update={
            "name": "sam-point-of-three",
            "title": "SAM ViT-B, as released, point, best of 3 by its own word",
        }
    )


class SamCentre(SamPoint):
    """As released; the foreground pixel farthest from the background is shown."""

    card = SamPoint.card.model_copy(
        update={
            "name": "sam-centre",
            "title": "SAM ViT-B, as released, centre point",
            "prompt": "centre",
            "draws": 1,
        }
    )


class SamBox(SamPoint):
    """As released; the tight box is shown."""

    card = SamPoint.card.model_copy(
        update={
            "name": "sam-box",
            "title": "SAM ViT-B, as released, box",
            "prompt": "box",
            "draws": 1,
        }
    )
