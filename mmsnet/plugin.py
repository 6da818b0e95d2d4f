"""MMSNet on several encoders; its ablations are other arguments."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor

from baselines._shared.encoder import Encoder
from baselines._shared.frequency_guidance import Guidance
from baselines._shared.mix_transformer import DEPTHS, MiT, mit_state
from baselines._shared.tiny_vit import TinyViT, tiny_vit_state
from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Method, Normalise
from benchmark.methods.weights import WeightStore
from mmsnet.network import Design, Transform
from mmsnet.network import MMSNet as Network

STRIDE = 32  # of the deepest map; four levels of eight directions need the same
TINY_VIT = "tinyvit-5m"
ENCODERS = (*(f"mit-{variant}" for variant in DEPTHS), TINY_VIT)
WHOLE: Mapping[str, Any] = MappingProxyType({})


class MMSNet(Method):
    """MMSNet; by default on the frozen MiT-B4, r = 1, K = 32, MFG-MSG, contourlet (Option M).

    Args:
        encoder: one of ENCODERS.
        r, transform, adaptor, frozen: see `Design`.
        guidance: what differs from the defaults of `Guidance`, such as {frequencies: 16}; None is
            a decoder without MSFG.
    """

    def __init__(
        self,
        size: int = 352,
        encoder: str = "mit-b4",
        r: int = 1,
        transform: Transform = "contourlet",
        adaptor: bool = True,
        guidance: Mapping[str, Any] | None = WHOLE,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        guided = None if guidance is None else Guidance(**guidance)
        design = Design(r, transform, adaptor, guided, frozen)
        self.encoder_name = encoder
        self.normalise = Normalise()  # O15: the encoder's own statistics
        self.network = Network(_encoder(encoder), design, -(-size // STRIDE) * STRIDE)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = weights.names[0]
        own_keys = tiny_vit_state if self.encoder_name == TINY_VIT else mit_state
        load_strictly(self.network.encoder, own_keys(weights.read(name)), f"weights {name!r}")


def _encoder(name: str) -> Encoder:
    """The encoder, with random weights.

    Raises: ValueError for an unknown name.
    """
    if name not in ENCODERS:
        raise ValueError(
            f"encoder {name!r}, expected one of {', '.join(ENCODERS)}. Correct the row's arguments."
        )
    # O28: the weights are the ImageNet-1k ones of this variant; random until they are loaded.
    return TinyViT() if name == TINY_VIT else MiT(name.removeprefix("mit-"))
