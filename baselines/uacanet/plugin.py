"""UACANet, small and large, trained by the suite's recipe and by its authors' own."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from baselines._shared.conv import Rules
from baselines._shared.res2net import RES2NET50, Res2NetMethod
from benchmark.methods.layers import IMAGENET
from benchmark.methods.method import Card, Recipe

from .loss import pixel_iou
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
MIXES = ("smoke", "mix1", "mix2", "open")
LARGE = SMALL.model_copy(update={"name": "uacanet-l", "title": "UACANet-L", "mixes": MIXES})
RECIPE = Recipe(
    epochs=240,
    batch=32,
    optimiser="adam",
    lr=1e-4,
    lr_end=1e-7,
    weight_decay=0.0,
    schedule="poly",
    warmup=300,
    clip_value=0.5,
    hflip=0.5,
    vflip=0.5,
    rotation_deg=180.0,
    why="the authors' script and configuration at the time of the paper; later their rate became "
    "1e-3 without clipping. Not reproduced: scaled crops of .75 to 1.25, changes of contrast, "
    "sharpness and brightness, and the random dilation and erosion of masks",
)


def _as_published(card: Card) -> Card:
    about = {"name": f"{card.name}-as-published", "title": f"{card.title}, as published"}
    more = {"group": "as-published", "base": card.name, "mixes": MIXES, "recipe": RECIPE}
    return card.model_copy(update={**about, **more})


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


class UACANetSAsPublished(UACANetS):
    """The small network with the loss and the recipe of its authors."""

    card = _as_published(SMALL)

    def map_loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Loss of one map, both (B, 1, H, W)."""
        loss: Tensor = pixel_iou(logits, mask)
        return loss


class UACANetLAsPublished(UACANetSAsPublished):
    """The large network with the loss and the recipe of its authors."""

    card = _as_published(LARGE)
    width: ClassVar[int] = 256
    stride: ClassVar[int] = 16
