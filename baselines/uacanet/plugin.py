"""UACANet, small and large, trained by the suite's recipe and by its authors' own."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from benchmark.blocks.conv import Rules
from benchmark.blocks.res2net import RES2NET50, Res2NetMethod
from benchmark.method import Card
from benchmark.networks import IMAGENET

from .network import UACANet
from .official import RULES, paired

SMALL = Card(
    name="uacanet-s",
    title="UACANet-S",
    source="Kim et al., ACM MM 2021; encoder: Gao et al., TPAMI 2021",
    code="https://github.com/plemeri/UACANet",
    licence="MIT",
    mixes=("smoke", "mix1", "mix2", "open", "open96"),
    pretrained_on=IMAGENET,
    weights=(RES2NET50,),
)
LARGE = SMALL.model_copy(
    update={"name": "uacanet-l", "title": "UACANet-L", "mixes": ("smoke", "mix1", "mix2", "open")}
)


class UACANetS(Res2NetMethod):
    """Four maps are supervised, from the coarse a5 to a2, which is the result."""

    card = SMALL
    rules: ClassVar[Rules] = RULES
    width: ClassVar[int] = 32
    stride: ClassVar[int] = 32

    def __init__(self, size: int = 352) -> None:
        super().__init__(UACANet(self.width, self.stride))

    @classmethod
    def from_official(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys in ours; the two attentions of an axis are one pair here."""
        return super().from_official(paired(state))


class UACANetL(UACANetS):
    """The same with eight times the channels, on an encoder of half the stride."""

    card = LARGE
    width: ClassVar[int] = 256
    stride: ClassVar[int] = 16
