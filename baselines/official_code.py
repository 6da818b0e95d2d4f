"""How the official networks are built and trained, for `mixseg bench networks --official DIR`.

DIR holds their repositories as cloned; nothing of them is copied here. Each loss is the one that
the official training script computes, at one size. No run depends on this module.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.speed.official import Official

Loss = Callable[[Tensor, Tensor], Tensor]


def _of(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def uacanet(channels: int, stride: int, ours: Any, size: int) -> tuple[nn.Module, Loss]:
    """The network computes its loss itself."""
    net = _of("lib.UACANet", "UACANet")(channels, stride, pretrained=False)
    return net, lambda image, mask: net({"image": image, "gt": mask})["loss"]


def supervised_maps(
    module: str, name: str, script: str, ours: Any, size: int
) -> tuple[nn.Module, Loss]:
    """The structure loss of each map, added."""
    net, structure = _of(module, name)(), _of(script, "structure_loss")
    return net, lambda image, mask: sum(structure(logits, mask) for logits in net(image))


def dcsaunet(ours: Any, size: int) -> tuple[nn.Module, Loss]:
    """Dice of the whole batch."""
    net = _of("pytorch_dcsaunet.DCSAU_Net", "Model")(img_channels=3, n_classes=1)
    dice = _of("loss", "DiceLoss_binary")()
    return net, lambda image, mask: dice(net(image), mask)


def m2snet(name: str, ours: Any, size: int) -> tuple[nn.Module, Loss]:
    """Structure loss and a tenth of LossNet."""
    module = import_module("model.miccai_msnet")
    net, lossnet = getattr(module, name)(), module.LossNet().eval().requires_grad_(False)
    structure = _of("train", "structure_loss")
    ours._side = lambda side: side  # theirs draws the size where it loads data, ours in the loss

    def loss(image: Tensor, mask: Tensor) -> Tensor:
        logits = net(image)
        total: Tensor = structure(logits, mask) + 0.1 * lossnet(torch.sigmoid(logits), mask)
        return total

    return net, loss


def transunet(ours: Any, size: int) -> tuple[nn.Module, Loss]:
    """Half cross-entropy, half Dice, of two classes."""
    module = import_module("networks.vit_seg_modeling")
    config = module.CONFIGS["R50-ViT-B_16"]
    config.n_classes, config.n_skip, config.patches.grid = 2, 3, (size // 16, size // 16)
    net, dice = module.VisionTransformer(config, img_size=size), _of("utils", "DiceLoss")(2)

    def loss(image: Tensor, mask: Tensor) -> Tensor:
        logits, labels = net(image), mask[:, 0].long()
        total: Tensor = F.cross_entropy(logits, labels) + dice(logits, labels, softmax=True)
        return total / 2

    return net, loss


def madgnet(ours: Any, size: int) -> tuple[nn.Module, None]:
    """Its training was not released: our loss takes its place."""
    scales = {"scale_branches": 3, "min_channel": 32, "cnn_backbone": "resnest50"}
    return _of("IS2D_models.mfmsnet", "MFMSNet")(**scales), None


_UACANET = ("https://github.com/plemeri/UACANet", "6b9e54e")
_MSNET = ("https://github.com/Xiaoqi-Zhao-DLUT/MSNet-M2SNet", "6aa1ed2")
OFFICIAL = {
    "uacanet-s-as-published": Official(*_UACANET, partial(uacanet, 32, 32)),
    "uacanet-l-as-published": Official(*_UACANET, partial(uacanet, 256, 16)),
    "dcsaunet-as-published": Official(
        "https://github.com/xq141839/DCSAU-Net", "40b796e", dcsaunet
    ),
    "m2snet-as-published": Official(*_MSNET, partial(m2snet, "M2SNet")),
    "msnet-as-published": Official(*_MSNET, partial(m2snet, "MSNet")),
    "transunet-as-published": Official(
        "https://github.com/Beckschen/TransUNet", "02ef001", transunet
    ),
    "pranet-as-published": Official(
        "https://github.com/DengPingFan/PraNet", "95f12bd",
        partial(supervised_maps, "lib.PraNet_Res2Net", "PraNet", "MyTrain"),
    ),
    "polyp-pvt-as-published": Official(
        "https://github.com/DengPingFan/Polyp-PVT", "cd71fbf",
        partial(supervised_maps, "lib.pvt", "PolypPVT", "Train"),
    ),
    "madgnet-as-published": Official(
        "https://github.com/Inha-CVAI/MADGNet", "b8b4442", madgnet
    ),
}  # fmt: skip
