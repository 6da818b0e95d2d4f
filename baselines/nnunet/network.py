"""nnU-Net's plain 2-D network, as its own library builds it for 352 pixels."""

from collections.abc import Mapping

from dynamic_network_architectures.architectures.unet import PlainConvUNet
from dynamic_network_architectures.building_blocks.simple_conv_blocks import ConvDropoutNormReLU
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = (32, 64, 128, 256, 512, 512)  # 32 * 2^i, at most 512
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


def plain_unet() -> PlainConvUNet:
    """6 stages of two conv3 (bias), InstanceNorm and LeakyReLU .01; strided down, transposed up.

    Normalised images (B, 3, H, W), sides divisible by 32, to logits (B, 2, H / 2^k, W / 2^k) for
    k = 0 .. 4, finest first. Source: Isensee et al., nnU-Net, Nature Methods 2021.
    """
    network = PlainConvUNet(
        input_channels=3,
        n_stages=len(FEATURES),
        features_per_stage=FEATURES,
        conv_op=nn.Conv2d,
        kernel_sizes=3,
        strides=(1, 2, 2, 2, 2, 2),
        n_conv_per_stage=2,
        num_classes=CLASSES,
        n_conv_per_stage_decoder=2,
        conv_bias=True,
        norm_op=InstanceNorm,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )
    network.apply(network.initialize)
    del network.decoder.encoder
    for module in network.modules():
        if isinstance(module, ConvDropoutNormReLU):
            for name in _COPIES:
                delattr(module, name)
    return network


def without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The library's state_dict, each tensor once."""
    copies = tuple(f".{name}." for name in _COPIES)
    return {
        key: value
        for key, value in state.items()
        if not key.startswith("decoder.encoder.")
        and not (".convs." in key and any(copy in key for copy in copies))
    }
