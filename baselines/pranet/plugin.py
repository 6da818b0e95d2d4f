"""PraNet, trained by the suite's recipe and by its authors' own."""

from typing import ClassVar

from torch import Tensor

from baselines._shared.conv import Rules
from baselines._shared.res2net import RES2NET50, Res2NetMethod
from benchmark.methods.layers import IMAGENET
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Card, Recipe

from .network import PraNet as Network

CARD = Card(
    name="pranet",
    title="PraNet",
    source="Fan et al., MICCAI 2020; encoder: Gao et al., TPAMI 2021",
    code="https://github.com/DengPingFan/PraNet",
    licence="none; research and education only",
    mixes=("smoke", "mix1", "mix2", "open", "open96"),
    pretrained_on=IMAGENET,
    weights=(RES2NET50,),
)
AS_PUBLISHED = CARD.model_copy(
    update={
        "name": "pranet-as-published",
        "title": "PraNet, as published",
        "group": "as-published",
        "base": "pranet",
        "mixes": ("smoke", "mix1", "mix2", "open"),
        "recipe": Recipe(
            epochs=19,
            batch=16,
            scales=(0.75, 1.0, 1.25),
            optimiser="adam",
            lr=1e-4,
            weight_decay=0.0,
            schedule="constant",
            clip_value=0.5,
            hflip=0.0,
            vflip=0.0,
            rotation_deg=0.0,
            why="the authors' training script: 19 passes, each batch at three sizes with a step of "
            "the optimiser each; their decay comes after the last epoch. Nothing is left out",
        ),
    }
)


class PraNet(Res2NetMethod):
    """Four maps are supervised, from the coarse S5 to S2, which is the result."""

    card = CARD
    rules: ClassVar[Rules] = {
        r"^rfb([234])_1\.": lambda m: f"reduce.{int(m[1]) - 2}.",
        r"\.branch(\d)\.": r".branches.\1.",
        r"\.conv_cat\.": ".joined.",
        r"\.conv_res\.": ".shortcut.",
        r"^agg1\.conv_upsample(\d)\.": lambda m: f"decoder.up.{int(m[1]) - 1}.",
        r"^agg1\.conv_concat2\.": "decoder.joined3.",
        r"^agg1\.conv_concat3\.": "decoder.joined2.",
        r"^agg1\.conv([45])\.": lambda m: f"decoder.last.{int(m[1]) - 4}.",
        r"^ra([234])_conv(\d)\.": lambda m: f"reverse.{int(m[1]) - 2}.convs.{int(m[2]) - 1}.",
    }

    def __init__(self, size: int = 352) -> None:
        super().__init__(Network())


class PraNetAsPublished(PraNet):
    """The same with the loss and the recipe of its authors.

    Attributes:
        weighted_bce: False is their line, in which the weights of the BCE cancel.
    """

    card = AS_PUBLISHED
    weighted_bce: ClassVar[bool] = False

    def map_loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Loss of one map, both (B, 1, H, W)."""
        return weighted_bce_iou(logits, mask, self.weighted_bce)
