"""SAM-Med2D: its mask decoder trained, its adapters too, and both with its own loss.

It gives three masks, of which the one with the largest predicted IoU is used. Its published
weights saw images of 256 pixels, blue first under the statistics of red first (`bgr`); both are
kept. Its file is on Google Drive alone, so it must be put into the local store by hand.
"""

from torch import Tensor, nn

from baselines._shared.sam_encoder import ImageEncoder
from baselines._shared.sam_method import SamMethod, best
from benchmark.methods.method import Card, Inputs, Method, Recipe, Weights

from .losses import med2d_loss

MIXES = ("smoke", "mix1", "mix2", "open")
WEIGHTS = Weights(name="sam-med2d_b", files=("sam-med2d_b.pth",), licence="Apache-2.0")


class SamMed2d(SamMethod):
    """SAM-Med2D with its mask decoder trained; one foreground pixel is shown."""

    native, multimask, bgr, learns = 256, True, True, True
    card = Card(
        name="sam-med2d",
        title="SAM-Med2D, decoder trained, point",
        source="Cheng et al., SAM-Med2D, arXiv:2308.16184",
        code="https://github.com/OpenGVLab/SAM-Med2D",
        licence="Apache-2.0",
        group="prompted",
        mixes=MIXES,
        prompt="point",
        draws=5,
        pretrained_on=frozenset({"SA-1B", "SA-Med2D-20M (sets not listed here)"}),
        weights=(WEIGHTS,),
        base="sam",
    )

    def image_encoder(self) -> nn.Module:
        """ViT-B with adapters, its tables of positions for 256 pixels."""
        return ImageEncoder(self.native, adapters=True)


class SamMed2dAdapters(SamMed2d):
    """The same with the adapters of the encoder trained, so nothing can be computed once."""

    embed = Method.embed
    card = SamMed2d.card.model_copy(
        update={
            "name": "sam-med2d-adapters",
            "title": "SAM-Med2D, adapters and decoder trained, point",
            "base": "sam-med2d",
        }
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__(size)
        for block in self.network.get_submodule("image_encoder.blocks").children():
            block.get_submodule("Adapter").requires_grad_(True)


class SamMed2dAsPublished(SamMed2dAdapters):
    """The same with its authors' loss, which teaches the predicted IoU too."""

    card = Card(
        name="sam-med2d-as-published",
        title="SAM-Med2D, as published, point",
        source=SamMed2d.card.source,
        code=SamMed2d.card.code,
        licence=SamMed2d.card.licence,
        group="as-published",
        mixes=MIXES,
        prompt="point",
        draws=5,
        pretrained_on=SamMed2d.card.pretrained_on,
        weights=(WEIGHTS,),
        base="sam-med2d",
        recipe=Recipe(
            epochs=15,
            optimiser="adam",
            lr=1e-4,
            weight_decay=0.0,
            schedule="constant",
            hflip=0.0,
            vflip=0.0,
            rotation_deg=0.0,
            why="the authors' training script, but one step a batch in place of nine (no second "
            "to ninth click, no earlier mask), one mask an image in place of five, a point "
            "always in place of a point or a box, the prompt encoder frozen, the mix's batch",
        ),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__(size)
        self.network.mask_decoder.iou_prediction_head.requires_grad_(True)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """20 focal + Dice + error of the predicted IoU, of the mask that would be used."""
        logits, quality = self.decode(inputs)
        return med2d_loss(best(logits, quality), mask, quality.amax(1, keepdim=True))
