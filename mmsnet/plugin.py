"""MMSNet, and the same on encoders that are at hand."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.method import Card, Method, Normalise, Weights
from benchmark.methods.weights import WeightStore
from mmsnet.encoders import Encoder, MiT, TinyViT, mit_state, tinyvit_state
from mmsnet.network import Design
from mmsnet.network import MMSNet as Network

KeyMap = Callable[[Mapping[str, Any]], dict[str, Any]]
STRIDE = 32  # of the deepest map; four levels of eight directions need the same
IMAGENET = frozenset({"ImageNet-1k"})
MOBILE_SAM = Weights(
    name="mobile-sam",
    files=("mobile_sam.safetensors", "mobile_sam.pt"),
    hub="dhkim2810/MobileSAM:mobile_sam.pt",
    licence="Apache-2.0",
)
SOURCE = "MMSNet: Multiscale Frequency-Guided Image Analyses for Mixed-Modality Segmentation"


def mit_weights(variant: str) -> Weights:
    """The ImageNet-1k weights of a MiT, by the hub's name, transformers 5's or the official one."""
    return Weights(
        name=f"mit-{variant}",
        files=(f"mit_{variant}.safetensors", f"mit_{variant}.pth", f"mit_{variant}.bin"),
        hub=f"nvidia/mit-{variant}:pytorch_model.bin",
        licence="NVIDIA Source Code License (non-commercial)",
    )


class MMSNet(Method):
    """MMSNet on the frozen MiT-B4, r = 1, K = 32, MFG-MSG, contourlet prompt (Option M).

    Attributes:
        design: its parts.
        own_keys: from the keys of a file of weights to the encoder's.
    """

    design: ClassVar[Design] = Design()
    own_keys: ClassVar[KeyMap] = mit_state
    card = Card(
        name="mmsnet",
        title="MMSNet",
        source=f"{SOURCE}; encoder: Xie et al., NeurIPS 2021",
        code="https://github.com/linzijin1238/MMSNet",
        licence="not released; written from its description",
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(mit_weights("b4"),),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()  # O15: the encoder's own statistics
        self.network = Network(self.make_encoder(), self.design, -(-size // STRIDE) * STRIDE)

    def make_encoder(self) -> Encoder:
        """The encoder, with random weights."""
        return MiT("b4")

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; all else starts from random ones."""
        name = self.card.weights[0].name
        state = type(self).own_keys(weights.read(name))
        load_strictly(self.network.encoder, state, f"weights {name!r}")


class MMSNetTinyViT(MMSNet):
    """The same on TinyViT-5M with the weights of MobileSAM's image encoder."""

    own_keys = tinyvit_state
    card = Card(
        name="mmsnet-tinyvit",
        title="MMSNet (TinyViT)",
        source=f"{SOURCE}; encoder: Zhang et al., arXiv 2306.14289",
        code=MMSNet.card.code,
        licence=MMSNet.card.licence,
        mixes=("smoke", "mix1", "mix2", "open", "open96"),
        pretrained_on=frozenset({"SA-1B"}),
        weights=(MOBILE_SAM,),
    )

    def make_encoder(self) -> Encoder:
        """The encoder, with random weights."""
        return TinyViT()


class MMSNetB0(MMSNet):
    """The same on MiT-B0, all of it trained: for mixes without pretrained weights."""

    design = Design(frozen=False)
    card = Card(
        name="mmsnet-b0",
        title="MMSNet (MiT-B0, encoder trained)",
        source=f"{SOURCE}; encoder: Xie et al., NeurIPS 2021",
        code=MMSNet.card.code,
        licence=MMSNet.card.licence,
        mixes=("mix0", "smoke"),
        pretrained_on=IMAGENET,
        weights=(mit_weights("b0"),),
    )

    def make_encoder(self) -> Encoder:
        """The encoder, with random weights."""
        return MiT("b0")
