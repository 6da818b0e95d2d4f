"""PraNet, on Res2Net-50."""

from typing import ClassVar

from torch import Tensor

from baselines._shared.conv import Rules
from baselines._shared.res2net import Res2NetMethod
from benchmark.methods.losses import weighted_bce_iou

from .network import PraNet as Network


class PraNet(Res2NetMethod):
    """Four maps are supervised, from the coarse S5 to S2, which is the result.

    Args:
        weighted_bce: False is the authors' line, in which the weights of the BCE cancel.
    """

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

    def __init__(self, size: int = 352, weighted_bce: bool = True) -> None:
        super().__init__(Network())
        self.weighted_bce = weighted_bce

    def map_loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Loss of one map, both (B, 1, H, W)."""
        return weighted_bce_iou(logits, mask, self.weighted_bce)
