"""MMSNet with K = 32 and K = 16, trained on each modality alone: what mixing costs it."""

from mmsnet.msfg import Guidance
from mmsnet.network import Design
from mmsnet.plugin import MMSNet

MIXES = MMSNet.card.mixes
# The row K = 16 of the ablations, which are not imported: a further one would be new code here.
SIXTEEN = MMSNet.card.model_copy(update={"name": "mmsnet-k16", "title": "MMSNet (K = 16)"})


class OnFundus(MMSNet):
    """Fundus alone."""

    card = MMSNet.card.alone("fundus", MIXES)


class OnColonoscopy(MMSNet):
    """Colonoscopy alone."""

    card = MMSNet.card.alone("colonoscopy", MIXES)


class OnUltrasound(MMSNet):
    """Ultrasound alone."""

    card = MMSNet.card.alone("ultrasound", MIXES)


class OnDermoscopy(MMSNet):
    """Dermoscopy alone."""

    card = MMSNet.card.alone("dermoscopy", MIXES)


class K16(MMSNet):
    """The base of what follows; it has no card, so it is no row here."""

    design = Design(guidance=Guidance(frequencies=16))


class K16OnFundus(K16):
    """K = 16, fundus alone."""

    card = SIXTEEN.alone("fundus", MIXES)


class K16OnColonoscopy(K16):
    """K = 16, colonoscopy alone."""

    card = SIXTEEN.alone("colonoscopy", MIXES)


class K16OnUltrasound(K16):
    """K = 16, ultrasound alone."""

    card = SIXTEEN.alone("ultrasound", MIXES)


class K16OnDermoscopy(K16):
    """K = 16, dermoscopy alone."""

    card = SIXTEEN.alone("dermoscopy", MIXES)
