"""SegFormer-B4, fine-tuned whole, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from benchmark.methods.layers import IMAGENET, SmpMethod, load_strictly
from benchmark.methods.method import Card, Weights
from benchmark.methods.weights import WeightStore

MIT_B4 = Weights(
    name="mit_b4.imagenet",
    files=("mit_b4.imagenet.safetensors", "mit_b4.pth"),
    hub="smp-hub/mit_b4.imagenet:model.safetensors",
    licence="NVIDIA Source Code License (non-commercial)",
)


class SegFormerB4(SmpMethod):
    """SegFormer: MiT-B4 and a head of 256 channels, logits enlarged four times; all of it learns.

    Ours / theirs: the library's head has 256 channels for every encoder, the authors' 768 for B4.
    """

    architecture = smp.Segformer
    encoder = "mit_b4"
    card = Card(
        name="segformer-b4",
        title="SegFormer (MiT-B4)",
        source="Xie et al., NeurIPS 2021",
        code="https://github.com/qubvel-org/segmentation_models.pytorch",
        licence="MIT; the encoder's weights: NVIDIA Source Code License (non-commercial)",
        mixes=("smoke", "mix1", "mix2", "open"),
        pretrained_on=IMAGENET,
        weights=(MIT_B4,),
    )

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights by their official keys; the head starts from random ones."""
        state = weights.read(MIT_B4.name)
        where = f"weights {MIT_B4.name!r}"
        load_strictly(self.network.encoder, state, where, may_have=("head.*",))
