"""EVP: explicit visual prompting, the network that MMSNet's adaptor goes back to."""

import re
from collections.abc import Mapping

from torch import Tensor

from benchmark.methods.layers import IMAGENET, load_strictly, on_multiple
from benchmark.methods.losses import bce_iou
from benchmark.methods.method import Card, Inputs, Method, Normalise, Recipe, Weights
from benchmark.methods.weights import WeightStore
from mmsnet.encoders import mit_state

from .network import EVP as Network

STRIDE = 32
MIT_B4 = Weights(
    name="mit-b4",
    files=("mit_b4.safetensors", "mit_b4.pth", "mit_b4.bin"),
    hub="nvidia/mit-b4:pytorch_model.bin",
    licence="NVIDIA Source Code License (non-commercial)",
)
# Official names and ours; their stages count from 1.
PROMPTS = (
    (r"handcrafted_generator(\d)\.", "high.{}."),
    (r"embedding_generator(\d)\.", "tune.{}."),
    (r"lightweight_mlp(\d)_(\d+)\.0\.", "own.{}.{}."),
    (r"shared_mlp(\d)\.", "shared.{}."),
)
HEAD = (
    (r"linear_c(\d)\.proj\.", "reduce.{}."),
    (r"linear_fuse\.conv\.", "fuse."),
    (r"linear_fuse\.bn\.", "norm."),
    (r"linear_pred\.", "predict."),
)


class EVP(Method):
    """EVP on MiT-B4, r = 4, under the suite's recipe; prompts and head learn, the rest is kept."""

    card = Card(
        name="evp",
        title="EVP (MiT-B4, r = 4)",
        source="Liu et al., CVPR 2023; encoder: Xie et al., NeurIPS 2021",
        code="https://github.com/NiFangBaAGe/Explicit-Visual-Prompt",
        licence="BSD-3-Clause; its encoder's file: NVIDIA Source Code License (non-commercial)",
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(MIT_B4,),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; prompts and head start from random ones."""
        state = mit_state(weights.read(MIT_B4.name))
        load_strictly(self.network.encoder, state, f"weights {MIT_B4.name!r}")

    @classmethod
    def from_official(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Backbone, prompt generator and head; `decode_head.conv_seg` is used by nothing."""
        renamed: dict[str, Tensor] = {}
        encoder: dict[str, Tensor] = {}
        for key, value in state.items():
            where, _, name = key.partition(".")
            if name.startswith("prompt_generator."):
                name = _renamed(name.removeprefix("prompt_generator."), PROMPTS)
                renamed[f"network.adaptor.{name}"] = value
            elif where == "backbone":
                encoder[name] = value
            elif not name.startswith("conv_seg."):
                renamed[f"network.head.{_renamed(name, HEAD)}"] = value
        encoder = mit_state(encoder)
        return {**renamed, **{f"network.encoder.{key}": v for key, v in encoder.items()}}


def _renamed(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """The name with the first pattern that its beginning fits replaced."""
    for pattern, ours in pairs:
        if match := re.match(pattern, name):
            stage, *more = (*match.groups(), "1")
            return ours.format(int(stage) - 1, *more) + name[match.end() :]
    return name


class EVPAsPublished(EVP):
    """EVP with its authors' loss, BCE + soft IoU, and recipe."""

    card = Card(
        name="evp-as-published",
        title="EVP (MiT-B4, r = 4), as published",
        source=EVP.card.source,
        code=EVP.card.code,
        licence=EVP.card.licence,
        group="as-published",
        base="evp",
        mixes=EVP.card.mixes,
        pretrained_on=IMAGENET,
        weights=EVP.card.weights,
        recipe=Recipe(
            epochs=20,
            batch=4,
            optimiser="adamw",
            lr=2e-4,
            lr_end=1e-6,
            weight_decay=0.01,
            schedule="cosine",
            hflip=0.5,
            vflip=0.0,
            rotation_deg=0.0,
            why="the authors' recipe for natural images; they published none for medical ones",
        ),
    )

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """BCE + soft IoU, unsmoothed."""
        return {"total": bce_iou(self(inputs.image), mask)}
