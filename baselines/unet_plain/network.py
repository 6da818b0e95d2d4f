"""The U-Net of 2015 as it is built today: padded convolutions, batch norm, transposed convolutions.

    level k = 0..4 has 64 * 2^k channels at H / 2^k
    down: max-pool 2, then twice [Conv3, BN, ReLU]
    up:   ConvTranspose2, stride 2, to half the channels; concat [skip, up]; twice [Conv3, BN, ReLU]

Source: Ronneberger et al., MICCAI 2015. Ours / theirs: the paper pads nothing and cuts the skips,
has no batch norm, and one input channel. Published tables mean several networks by «U-Net»; this is
the one of 31,037,633 parameters (34,527,041 is the one that up-samples before a 3 x 3).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
WIDTHS = (64, 128, 256, 512, 1024)


def double_conv(cin: int, cout: int) -> nn.Sequential:
    """Twice a 3 x 3 convolution without bias, batch norm, ReLU."""
    layers: list[nn.Module] = []
    for channels in (cin, cout):
        layers += [
            nn.Conv2d(channels, cout, 3, padding=1, bias=False),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """The whole network; sides must divide by STRIDE."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(map(double_conv, (3, *WIDTHS), WIDTHS))
        above = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))  # (1024, 512), ..., (128, 64)
        self.up = nn.ModuleList(nn.ConvTranspose2d(wide, half, 2, 2) for wide, half in above)
        self.decoder = nn.ModuleList(double_conv(wide, half) for wide, half in above)
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to logits (B, 1, H, W)."""
        skips = [self.encoder[0](image)]
        for level in self.encoder[1:]:
            skips.append(level(F.max_pool2d(skips[-1], 2)))
        feats = skips.pop()
        for up, level in zip(self.up, self.decoder, strict=True):
            feats = level(torch.cat([skips.pop(), up(feats)], dim=1))
        logits: Tensor = self.head(feats)
        return logits
