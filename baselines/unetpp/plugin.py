"""U-Net++ with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from baselines._shared.smp import SmpMethod


class UNetPlusPlus(SmpMethod):
    """U-Net++: the dense skip grid, without deep supervision; decoder 256, 128, 64, 32, 16."""

    architecture = smp.UnetPlusPlus
