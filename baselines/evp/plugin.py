"""EVP: explicit visual prompting, the network that MMSNet's adaptor goes back to."""

import re
from collections.abc import Mapping

from torch import Tensor

from baselines._shared.mix_transformer import mit_state
from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

from .network import EVP as Network

STRIDE = 32
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
    """EVP on MiT-B4, r = 4; prompts and head learn, the encoder is kept."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = Network()

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; prompts and head start from random ones."""
        name = weights.names[0]
        load_strictly(self.network.encoder, mit_state(weights.read(name)), f"weights {name!r}")

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Backbone, prompt generator and head; `decode_head.conv_seg` is used by nothing.

        The authors' training writes the two parts that learn alone, `prompt` and `decode_head`.
        """
        renamed: dict[str, Tensor] = {}
        encoder: dict[str, Tensor] = {}
        for key, value in state.items():
            where, _, name = key.partition(".")
            if where == "prompt" or name.startswith("prompt_generator."):
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
    """EVP with its authors' loss, BCE + soft IoU."""

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """BCE + soft IoU, unsmoothed."""
        return {"total": bce_iou(self(inputs.image), mask)}
