"""SAM-Med2D: its mask decoder trained, its adapters too, and both with its own loss.

It gives three masks, of which the one with the largest predicted IoU is used. Its published
weights saw images of 256 pixels, blue first under the statistics of red first (`bgr`); both are
kept. Its file is on Google Drive alone, so it must be put into the local store by hand.
"""

from torch import Tensor, nn

from baselines._shared.sam_encoder import ImageEncoder
from baselines._shared.sam_method import SamMethod, best
from benchmark.methods.method import Inputs, Method

from .losses import med2d_loss

SIDE = 256  # at which it was trained, in pixels


class SamMed2d(SamMethod):
    """SAM-Med2D with its mask decoder trained."""

    bgr = True

    def __init__(self, size: int = 352, side: int = SIDE) -> None:
        super().__init__(size, side, multimask=True, learns=True)

    def image_encoder(self) -> nn.Module:
        """ViT-B with adapters, its tables of positions for 256 pixels."""
        return ImageEncoder(SIDE, adapters=True)


class SamMed2dAdapters(SamMed2d):
    """The same with the adapters of the encoder trained, so nothing can be computed once."""

    embed = Method.embed

    def __init__(self, size: int = 352, side: int = SIDE) -> None:
        super().__init__(size, side)
        for block in self.network.get_submodule("image_encoder.blocks").children():
            block.get_submodule("Adapter").requires_grad_(True)


class SamMed2dAsPublished(SamMed2dAdapters):
    """The same with its authors' loss, which teaches the predicted IoU too."""

    def __init__(self, size: int = 352, side: int = SIDE) -> None:
        super().__init__(size, side)
        self.network.mask_decoder.iou_prediction_head.requires_grad_(True)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """20 focal + Dice + error of the predicted IoU, of the mask that would be used."""
        logits, quality = self.decode(inputs)
        return med2d_loss(best(logits, quality), mask, quality.amax(1, keepdim=True))
