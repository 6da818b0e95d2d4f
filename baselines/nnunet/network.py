"""nnU-Net's 2-D networks, as its own library builds them for 352 pixels."""

from collections.abc import Mapping
from typing import Any

from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = (32, 64, 128, 256, 512, 512)  # 32 * 2^i, at most 512
BLOCKS = (1, 3, 4, 6, 6, 6)  # residual blocks of a stage
CLASSES = 2  # background and foreground
# What the library holds under two names; state_dict() would hold it twice, and all of it again.
_COPIES = ("conv", "norm", "nonlin")


class InstanceNorm(nn.InstanceNorm2d):
    """The same values from the kernel of group norm, a group a channel.

    PyTorch's own is slow where channels are last: the whole network takes 0.37 s forward with it,
    and 0.24 s with this (352 pixels, two CPU threads).
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)


# What both are given.
_SHARED: dict[str, Any] = {
    "input_channels": 3,
    "n_stages": len(FEATURES),
    "features_per_stage": FEATURES,
    "conv_op": nn.Conv2d,
    "kernel_sizes": 3,
    "strides": (1, 2, 2, 2, 2, 2),
    "num_classes": CLASSES,
    "conv_bias": True,
    "norm_op": InstanceNorm,
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "nonlin": nn.LeakyReLU,
    "nonlin_kwargs": {"inplace": True},
    "deep_supervision": True,
}


def plain_unet() -> nn.Module:
    """6 stages of two conv3 (bias), InstanceNorm and LeakyReLU .01; strided down, transposed up.

    Normalised images (B, 3, H, W), sides divisible by 32, to logits (B, 2, H / 2^k, W / 2^k) for
    k = 0 .. 4, finest first. Source: Isensee et al., nnU-Net, Nature Methods 2021.
    """
    return _each_once(PlainConvUNet(n_conv_per_stage=2, n_conv_per_stage_decoder=2, **_SHARED))


def residual_unet() -> nn.Module:
    """A stem, 6 stages of residual blocks (ResNet-D) down, one conv3 a stage up; else the same.

    Blocks a stage are those of nnU-Net's planners M, L and XL, which differ in their budget of
    memory alone. Source: Isensee et al., nnU-Net Revisited, MICCAI 2024.
    """
    return _each_once(
        ResidualEncoderUNet(n_blocks_per_stage=BLOCKS, n_conv_per_stage_decoder=1, **_SHARED)
    )


def _each_once(network: Any) -> nn.Module:
    """The network with new weights, each of which it holds under one name."""
    network.apply(network.initialize)
    del network.decoder.encoder
    for module in network.modules():
        if isinstance(module, ConvDropoutNormReLU):
            for name in _COPIES:
                if hasattr(module, name):  # what precedes a residual sum has no non-linearity
                    delattr(module, name)
    return network  # type: ignore[no-any-return]


def without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The library's state_dict, each tensor once."""
    copies = tuple(f".{name}." for name in _COPIES)
    return {
        key: value
        for key, value in state.items()
        if not key.startswith("decoder.encoder.") and not any(copy in key for copy in copies)
    }
