"""U-Net with a ResNet encoder, through segmentation-models-pytorch."""

import segmentation_models_pytorch as smp

from baselines._shared.smp import SmpMethod


class UNet(SmpMethod):
    """U-Net; decoder widths 256, 128, 64, 32, 16."""

    architecture = smp.Unet
