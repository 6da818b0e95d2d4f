"""U-Net++ with a ResNet encoder, through segmentation-models-pytorch."""

from typing import ClassVar

import segmentation_models_pytorch as smp
from torch import Tensor

from benchmark.method import Card, Method, Normalise, Weights
from benchmark.networks import load_strictly, on_multiple
from benchmark.weights import WeightStore

IMAGENET = frozenset({"ImageNet-1k"})
STRIDE = 32  # of the encoder's last level


class UNetPlusPlus(Method):
    """U-Net++, ResNet-34 encoder: the dense skip grid, without deep supervision."""

    encoder: ClassVar[str] = "resnet34"
    card = Card(
        name="unetpp",
        title="U-Net++ (ResNet-34)",
        source="Zhou et al., DLMIA 2018; encoder: He et al., CVPR 2016",
        code="https://github.com/qubvel-org/segmentation_models.pytorch",
        licence="MIT",
        mixes=("mix0", "smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(
            Weights(
                name="resnet34.imagenet",
                files=("resnet34.imagenet.safetensors",),
                hub="smp-hub/resnet34.imagenet:model.safetensors",
                licence="BSD-3-Clause (torchvision)",
            ),
        ),
    )

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.network = smp.UnetPlusPlus(self.encoder, encoder_weights=None)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W); any H and W."""
        return on_multiple(self.network, self.normalise(image), STRIDE)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's ImageNet weights; the decoder starts from random ones."""
        name = self.card.weights[0].name
        state = weights.read(name)
        load_strictly(self.network.encoder, state, f"weights {name!r}", may_have=("fc.*",))


class UNetPlusPlusResNet50(UNetPlusPlus):
    """U-Net++, ResNet-50 encoder."""

    encoder = "resnet50"
    card = Card(
        name="unetpp-resnet50",
        title="U-Net++ (ResNet-50)",
        source=UNetPlusPlus.card.source,
        code=UNetPlusPlus.card.code,
        licence=UNetPlusPlus.card.licence,
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(
            Weights(
                name="resnet50.imagenet",
                files=(
                    "resnet50.imagenet.safetensors",
                    "resnet50_keras_v1.torchvision-keys.fp16.safetensors",
                ),
                hub="smp-hub/resnet50.imagenet:model.safetensors",
                licence="BSD-3-Clause (torchvision); the file converted from Keras: MIT",
            ),
        ),
    )
