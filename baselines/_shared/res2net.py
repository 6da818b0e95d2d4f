"""Res2Net-50 v1b (26w4s) as an encoder, and the methods that stand on it.

Sources: Gao et al., Res2Net, TPAMI 2021; v1b is `res2net50d` of timm (`res2net50_26w_4s` is v1).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import timm
import torch
from torch import Tensor, nn

from baselines._shared.conv import Rules, renamed
from benchmark.methods.layers import load_strictly, on_multiple
from benchmark.methods.losses import weighted_bce_iou
from benchmark.methods.method import Inputs, Method, Normalise
from benchmark.methods.weights import WeightStore

CHANNELS = (64, 256, 512, 1024, 2048)
MULTIPLE = 32  # of the sides of an image
# Strides and dilations of the four stages, by the stride of the last one.
UNDILATED = ((1, 2, 2, 2), (1, 1, 1, 1))
STAGES = {32: ((1, 2, 2, 2), (1, 1, 2, 4)), 16: ((1, 2, 2, 1), (1, 1, 1, 2))}


class Res2Net50(nn.Module):
    """The encoder under the keys of the official file, without its classifier.

    Args:
        stages: strides and dilations of the four stages.
    """

    def __init__(self, stages: tuple[tuple[int, ...], tuple[int, ...]] = UNDILATED) -> None:
        super().__init__()
        net: Any = timm.create_model("res2net50d", num_classes=0, zero_init_last=False)
        self.conv1, self.bn1, self.act, self.pool = net.conv1, net.bn1, net.act1, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = _layers(net)
        for layer, stride, dilation in zip(_layers(self), *stages, strict=True):
            _restride(layer, stride, dilation)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised, to five maps of CHANNELS: the pooled stem, and each stage."""
        maps = [self.pool(self.act(self.bn1(self.conv1(x))))]  # (B, 64, H/4, W/4)
        for layer in _layers(self):
            maps.append(layer(maps[-1]))
        return maps


def _layers(net: Any) -> tuple[Any, ...]:
    return net.layer1, net.layer2, net.layer3, net.layer4


def _restride(layer: Any, stride: int, dilation: int) -> None:
    """Sets the stride of a stage's first block, and the dilation of all of them."""
    for block in layer:
        for conv in block.convs:
            conv.dilation = conv.padding = (dilation, dilation)
    first = layer[0]
    for conv in first.convs:
        conv.stride = (stride, stride)
    first.pool = nn.AvgPool2d(3, stride, padding=1)
    first.downsample[0] = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)


class Res2NetMethod(Method):
    """A network on that encoder, `network.encoder`, that gives a list of maps, the scored one last.

    Attributes:
        rules: of `renamed`, from official keys to those of the network.
    """

    network: nn.Module
    rules: ClassVar[Rules]

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.normalise: nn.Module = Normalise()
        self.network = network

    def maps(self, image: Tensor) -> Tensor:
        """Logits (B, K, H, W) of every map that is supervised, the scored one last."""
        return on_multiple(self._stacked, self.normalise(image), MULTIPLE)

    def _stacked(self, image: Tensor) -> Tensor:
        return torch.cat(self.network(image), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of the map that is scored; any H and W."""
        return self.maps(image)[:, -1:]

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        """The sum of `map_loss` over the maps."""
        maps = torch.split(self.maps(inputs.image), 1, dim=1)
        parts = [self.map_loss(logits, mask) for logits in maps]
        return {"total": torch.stack(parts).sum(), "last_map": parts[-1].detach()}

    def map_loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Loss of one map, both (B, 1, H, W)."""
        return weighted_bce_iou(logits, mask)

    def load_pretrained(self, weights: WeightStore) -> None:
        """The encoder's weights; the rest starts from random ones."""
        name = weights.names[0]
        encoder = self.network.get_submodule("encoder")
        load_strictly(encoder, weights.read(name), f"weights {name!r}", may_have=("fc.*",))

    def from_official(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The official keys in ours; the encoder's classifier is never used there."""
        rules = {r"^resnet\.": "encoder.", **self.rules}
        ours = renamed(state, rules, dropped=r"resnet\.fc\.")
        return {f"network.{key}": value for key, value in ours.items()}
