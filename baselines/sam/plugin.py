"""SAM ViT-B, shown a point or a box: as released, and with its mask decoder trained."""

from baselines._shared.sam_vit_b import SamVitB


class Sam(SamVitB):
    """SAM.

    The prompt encoder stays frozen: whether MMSNet's comparison trained it is not known.
    """
