"""Convolutions with batch normalisation, bilinear resizing, and the renaming of official keys."""

import re
from collections.abc import Callable, Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

Rules = Mapping[str, str | Callable[[re.Match[str]], str]]


class ConvBN(nn.Module):
    """Convolution without bias and batch normalisation, then ReLU where asked; keeps the size.

    Args:
        kernel: side, or height and width; odd.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 3,
        dilation: int = 1,
        relu: bool = False,
    ) -> None:
        super().__init__()
        h, w = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (h // 2 * dilation, w // 2 * dilation)
        self.conv = nn.Conv2d(
            inputs, outputs, (h, w), padding=padding, dilation=dilation, bias=False
        )
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        x = self.bn(self.conv(x))
        return F.relu(x, inplace=True) if self.relu else x


def normed(conv: nn.Conv2d) -> nn.Sequential:
    """The convolution, batch normalisation and ReLU."""
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True))


def resize(x: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Bilinear to (H, W); the map itself where it has that size already."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=align_corners)


def renamed(state: Mapping[str, Tensor], rules: Rules, dropped: str) -> dict[str, Tensor]:
    """A state_dict under other keys; a key that no rule knows keeps its name, to be told of later.

    Args:
        rules: patterns and what `re.sub` puts in their place, applied one after the other.
        dropped: pattern of the beginning of keys that the network never used.
    """
    ours = {}
    for key, value in state.items():
        name = key
        for pattern, into in rules.items():
            name = re.sub(pattern, into, name)
        if not re.match(dropped, key):
            ours[name] = value
    return ours
