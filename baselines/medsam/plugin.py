"""MedSAM: SAM ViT-B trained on medical images; as released, shown a box or a point.

Its images are stretched to [0, 1] one by one and not normalised. Its published masks are enlarged
as probabilities; here as logits, like those of SAM. It was trained with boxes that were shifted at
random, and with no points: its authors call a point experimental.
"""

from baselines._shared.sam_vit_b import SamVitB


class MedSam(SamVitB):
    """MedSAM; a box is the tight one, without the shifts that it was trained with."""

    minmax = True
