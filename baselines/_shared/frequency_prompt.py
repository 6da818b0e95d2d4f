"""What is sharp in an image, as a prompt for an encoder; and EVP's transform that finds it.

Sizes: B images, 3 colours, H x W pixels; h_l x w_l the map of the encoder's stage l.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

Sizes = tuple[tuple[int, int], ...]


class Prompt(NamedTuple):
    """What a transform gives.

    Attributes:
        high: (B, 3, H, W), the high-frequency image that the learned patch embeddings read (F_hf).
        maps: one a stage, (B, M, h_l, w_l), subbands that are fused with that stage's embedding;
            () for a transform without a pyramid.
    """

    high: Tensor
    maps: tuple[Tensor, ...] = ()


class FrequencyPrompt(nn.Module):
    """A transform of the normalised, augmented image; it has no parameters and no gradient.

    A flip permutes directions, so it is taken of the augmented image; float64 stays, all else is
    computed in float32.

    Attributes:
        channels: M, the maps a stage; 0 for none.
    """

    channels: int = 0

    @torch.no_grad()
    def forward(self, image: Tensor, sizes: Sizes) -> Prompt:
        """The prompt of images (B, 3, H, W) for stages of these sizes."""
        with torch.autocast(image.device.type, enabled=False):
            return self.transform(image if image.dtype == torch.float64 else image.float(), sizes)

    def transform(self, image: Tensor, sizes: Sizes) -> Prompt:
        """`forward`, of an image in float32 or float64."""
        raise NotImplementedError


class FourierPrompt(FrequencyPrompt):
    """EVP's high-frequency image: the low frequencies of the Fourier transform set to zero.

    Source: Liu et al., CVPR 2023, section 3.2. An absolute value, as theirs, and of one resolution,
    so that there are no maps.

    Args:
        share: tau, the share of the spectrum's area that is removed.
    """

    def __init__(self, share: float = 0.25) -> None:
        super().__init__()
        self.share = share

    def transform(self, image: Tensor, sizes: Sizes) -> Prompt:
        """|Re F^-1(M F(I))| with M = 0 on the centred square of side 2 * line."""
        h, w = image.shape[-2:]
        line = int((w * h * self.share) ** 0.5 // 2)
        spectrum = torch.fft.fftshift(torch.fft.fft2(image, norm="forward"), dim=(-2, -1))
        # M F(I): M = 0 on the centred square of side 2 line, line = sqrt(τ H W) / 2
        spectrum[..., h // 2 - line : h // 2 + line, w // 2 - line : w // 2 + line] = 0
        back = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1)), norm="forward")
        # |Re F^-1(M F(I))|
        return Prompt(back.real.abs())
