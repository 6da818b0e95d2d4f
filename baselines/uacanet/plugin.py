"""UACANet, small and large: with the suite's loss, and with that of its authors."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from baselines._shared.conv import Rules
from baselines._shared.res2net import Res2NetMethod

from .loss import pixel_iou
from .network import UACANet as Network
from .official import RULES, paired


class UACANet(Res2NetMethod):
    """Four maps are supervised, from the coarse a5 to a2, which is the result.

    Args:
        width: channels inside; the large network has 256.
        stride: of the encoder's last stage, 32 or 16; the large network has 16.
    """

    rules: ClassVar[Rules] = RULES

    def __init__(self, size: int = 352, width: int = 32, stride: int = 32) -> None:
        super().__init__(Network(width, stride))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys in ours; the two attentions of an axis are one pair here."""
        return super().from_official(paired(state))


class UACANetAsPublished(UACANet):
    """The same with the loss of its authors."""

    def map_loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Loss of one map, both (B, 1, H, W)."""
        loss: Tensor = pixel_iou(logits, mask)
        return loss
