"""SegFormer, fine-tuned whole, through segmentation-models-pytorch."""

from collections.abc import Mapping

import segmentation_models_pytorch as smp
from torch import Tensor

from baselines._shared.smp import SmpMethod

from .official import segformer_keys


class SegFormer(SmpMethod):
    """SegFormer: a MiT and a head of 256 channels, logits enlarged four times; all of it learns.

    Ours / theirs: the library's head has 256 channels for every encoder, the authors' 768 for B4.
    """

    architecture = smp.Segformer
    classifier = ("head.*",)

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The keys of the authors, of transformers or of the library in ours.

        The authors' heads for B4 have 768 channels and a map a class, so their files do not fit.
        """
        return super().from_official(segformer_keys(state))
