"""U-Net trained on each modality alone: what mixing costs it."""

from baselines.unet.plugin import UNet

MIXES = ("smoke", "mix1", "mix2", "open")


class OnFundus(UNet):
    """Fundus alone."""

    card = UNet.card.alone("fundus", MIXES)


class OnColonoscopy(UNet):
    """Colonoscopy alone."""

    card = UNet.card.alone("colonoscopy", MIXES)


class OnUltrasound(UNet):
    """Ultrasound alone."""

    card = UNet.card.alone("ultrasound", MIXES)


class OnDermoscopy(UNet):
    """Dermoscopy alone."""

    card = UNet.card.alone("dermoscopy", MIXES)
