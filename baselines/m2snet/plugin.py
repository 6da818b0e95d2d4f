"""M2SNet, and MSNet, which is the same without the multi-scale unit."""

from typing import ClassVar

from benchmark.blocks.conv import Rules
from benchmark.blocks.res2net import RES2NET50, Res2NetMethod
from benchmark.method import Card
from benchmark.networks import IMAGENET

from .network import MSNet as Network

CARD = Card(
    name="m2snet",
    title="M2SNet",
    source="Zhao et al., arXiv 2303.10894; encoder: Gao et al., TPAMI 2021",
    code="https://github.com/Xiaoqi-Zhao-DLUT/MSNet-M2SNet",
    licence="none",
    mixes=("smoke", "mix1", "mix2", "open", "open96"),
    pretrained_on=IMAGENET,
    weights=(RES2NET50,),
)
MSNET = CARD.model_copy(
    update={
        "name": "msnet",
        "title": "MSNet",
        "source": "Zhao et al., MICCAI 2021; encoder: Gao et al., TPAMI 2021",
        "mixes": ("smoke", "mix1", "mix2", "open"),
    }
)


class M2SNet(Res2NetMethod):
    """One map is supervised."""

    card = CARD
    multiscale: ClassVar[bool] = True
    rules: ClassVar[Rules] = {
        r"^x([2-5])_dem_1\.": lambda m: f"enter.{int(m[1]) - 2}.",
        r"^x5_dem_4\.": "deepest.",
        r"^x5_dem_5\.": "top.",
        r"^conv_([35])\.norm\.": lambda m: f"boxes.{int(m[1]) // 2 - 1}.norm.",
        # x5_x4_x3 is the second difference, and stands at level 3.
        r"^x\d((?:_x\d)*)_x(\d)\.": lambda m: f"subtract.{len(m[1]) // 3}.{int(m[2]) - 1}.conv.",
        r"^level([123])\.": lambda m: f"gather.{int(m[1]) - 1}.",
        r"^output([234])\.": lambda m: f"decode.{int(m[1]) - 2}.",
        r"^output1\.0\.": "head.",
    }

    def __init__(self, size: int = 352) -> None:
        super().__init__(Network(self.multiscale))


class MSNet(M2SNet):
    """The same that compares single pixels alone."""

    card = MSNET
    multiscale: ClassVar[bool] = False
