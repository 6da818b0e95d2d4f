"""The up-sampling block of MADGNet's decoder, with frequency guidance inside."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.conv import normed
from baselines._shared.frequency_guidance import Guidance, MultiscaleFrequencyGuidance


class UpBlock(nn.Module):
    """One step to a finer level.

        t = ReLU BN Conv3x3([Up(y), r])                                     (B, width, H, W)
        out = ReLU BN Conv3x3(MSFG(t))                                      (B, width, H, W)

    Args:
        channels: of y and r together.
        width: of the result.
        size: side of r's map for which the MSFG is built.
        guidance: of the MSFG; None puts the identity in its place.
    Source: Nam et al., MADGNet, CVPR 2024 (up-sampling block).
    Ours / theirs: bilinear to the size of r, which need not be twice that of y.
    """

    def __init__(self, channels: int, width: int, size: int, guidance: Guidance | None) -> None:
        super().__init__()
        self.before = normed(nn.Conv2d(channels, width, 3, padding=1))
        self.guide: nn.Module = nn.Identity()
        if guidance is not None:
            self.guide = MultiscaleFrequencyGuidance(width, size, guidance)
        self.after = normed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, y: Tensor, skip: Tensor) -> Tensor:
        """y (B, c, h, w) and r (B, c', H, W) to (B, width, H, W)."""
        if y.shape[-2:] != skip.shape[-2:]:
            y = F.interpolate(y, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        # out = ReLU BN Conv3x3(MSFG(ReLU BN Conv3x3([Up(y), r])))
        out: Tensor = self.after(self.guide(self.before(torch.cat([y, skip], dim=1))))
        return out
