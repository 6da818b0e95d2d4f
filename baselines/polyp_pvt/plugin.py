"""Polyp-PVT: two maps from a pyramid vision transformer, scored as their sum."""

from typing import ClassVar

import torch
from torch import Tensor

from benchmark.methods.layers import IMAGENET, load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Card, Inputs, Method, Normalise, Recipe, Weights
from benchmark.methods.weights import WeightStore

from .network import PolypPVT as Network

STRIDE = 32
PVT_V2_B2 = Weights(
    name="pvt_v2_b2.in1k",
    files=("pvt_v2_b2.in1k.safetensors",),
    hub="timm/pvt_v2_b2.in1k:model.safetensors",
    licence="Apache-2.0",
)


class PolypPVT(Method):
    """Polyp-PVT on PVTv2-B2 under the suite's recipe; both maps are supervised.

    Attributes:
        weighted_bce: whether the edges weigh more in the BCE, as the authors meant.
    """

    weighted_bce: ClassVar[bool] = True
    card = Card(
        name="polyp-pvt",
        title="Polyp-PVT",
        source="Dong et al., CAAI AI Research 2023; encoder: Wang et al., CVMJ 2022",
        code="https://github.com/DengPingFan/Polyp-PVT",
        licence="research and education only; written from its description",
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(PVT_V2_B2,),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W), P1 + P2; any H and W."""
        return self._both(image).sum(1, keepdim=True)

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The structure loss of P1 and of P2, each on its own."""
        p1, p2 = self._both(inputs.image).chunk(2, dim=1)
        first = weighted_bce_iou(p1, mask, self.weighted_bce)
        second = weighted_bce_iou(p2, mask, self.weighted_bce)
        return {"total": first + second, "p1": first, "p2": second}

    def _both(self, image: Tensor) -> Tensor:
        """P1 and P2, (B, 2, H, W)."""
        return on_multiple(self._stacked, self.normalise(image), STRIDE)

    def _stacked(self, image: Tensor) -> Tensor:
        return torch.cat(self.network(image), dim=1)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = PVT_V2_B2.name
        # The file says `stages.0`, the encoder that gives its maps `stages_0`.
        state = {k.replace("stages.", "stages_", 1): v for k, v in weights.read(name).items()}
        load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("head.*",))


class PolypPVTAsPublished(PolypPVT):
    """Polyp-PVT with its authors' recipe, and the structure loss as its line runs."""

    weighted_bce = False
    card = Card(
        name="polyp-pvt-as-published",
        title="Polyp-PVT, as published",
        source=PolypPVT.card.source,
        code=PolypPVT.card.code,
        licence=PolypPVT.card.licence,
        group="as-published",
        base="polyp-pvt",
        mixes=PolypPVT.card.mixes,
        pretrained_on=IMAGENET,
        weights=PolypPVT.card.weights,
        recipe=Recipe(
            epochs=99,
            batch=16,
            scales=(0.75, 1.0, 1.25),
            optimiser="adamw",
            lr=1e-4,
            weight_decay=1e-4,
            schedule="constant",
            clip_value=0.5,
            hflip=0.0,
            vflip=0.0,
            rotation_deg=0.0,
            why="the authors' recipe; they kept the epoch best on the test sets, we keep the last",
        ),
    )
