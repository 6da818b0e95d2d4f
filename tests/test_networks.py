"""Where networks are put, and what they give there."""

import torch
from torch import nn

from benchmark.methods.layers import to_device


def test_channels_last_is_the_same_network() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1)).double()
    image = torch.rand(2, 3, 9, 9, dtype=torch.float64)
    before = network(image)
    assert to_device(network, "cpu") is network
    first = next(network.parameters())
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert not first.is_contiguous()
    torch.testing.assert_close(network(image), before, rtol=1e-12, atol=1e-12)
