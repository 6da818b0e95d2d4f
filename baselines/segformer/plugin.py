"""SegFormer, fine-tuned whole, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from baselines._shared.smp import SmpMethod


class SegFormer(SmpMethod):
    """SegFormer: a MiT and a head of 256 channels, logits enlarged four times; all of it learns.

    Ours / theirs: the library's head has 256 channels for every encoder, the authors' 768 for B4.
    """

    architecture = smp.Segformer
    classifier = ("head.*",)
