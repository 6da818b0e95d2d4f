"""FEP, the frequency enhancement prompt: what is sharp in an image, at four resolutions.

Three transforms behind one interface, for the paper's comparison: contourlet, wavelet, Fourier.
Sizes: B images, 3 colours, H x W pixels; h_l x w_l the map of the encoder's stage l = 1..4.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines._shared.contourlet import Contourlet
from baselines._shared.frequency_prompt import FrequencyPrompt, Prompt, Sizes

LEVELS = 4


class ContourletPrompt(FrequencyPrompt):
    """Subbands of the contourlet transform: 4 levels ('9-7'), 2^n = 8 directions ('pkva').

    `high` is the detail I - up(low-pass) of the first level: the upper half of the frequencies of
    each axis, as in the Fourier variant, but signed (O8).

    Args:
        option: O9, how the subbands enter. "M": as 8 x 3 maps a level, resized to the stage.
            "P": as their norm over the directions, added to `high`, without any parameter.
    """

    def __init__(self, option: Literal["M", "P"] = "M") -> None:
        super().__init__()
        # O10: filters, levels, directions and borders are not given. Periodic borders would put
        # up to two thirds of a level's energy where opposite edges meet.
        self.contourlet = Contourlet(LEVELS, dfb_levels=3, border="reflect")
        self.detail = Contourlet(1, dfb_levels=0, border="reflect")
        self.option = option
        self.channels = 3 * 8 if option == "M" else 0

    def transform(self, image: Tensor, sizes: Sizes) -> Prompt:
        """Level l belongs to stage l: the short sides of its subbands are the stage's (352 px)."""
        high = self.detail(image).cropped().bands[0][0]
        levels = self.contourlet(image).cropped().bands
        if self.option == "M":
            return Prompt(high, tuple(map(_resized, levels, sizes)))
        # O9, P: high + mean_l up(|(b_1l, ..., b_8l)|) / 2^(l-1), per colour. The low-pass gains 2
        # a level; without the division the coarsest level alone would be the prompt.
        norms = (_norm(bands, size) for bands, size in zip(levels, sizes, strict=True))
        shown = [
            F.interpolate(norm / 2**k, image.shape[-2:], mode="bilinear")
            for k, norm in enumerate(norms)
        ]
        return Prompt(high + torch.stack(shown).mean(0))


def _resized(bands: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
    """Subbands (B, 3, ., .) of one level as maps (B, 3 x directions, h, w), averaged over areas."""
    return torch.cat([F.interpolate(band, size, mode="area") for band in bands], 1)


def _norm(bands: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
    """Root of the summed energy over the directions of one level, (B, 3, h, w)."""
    energies = [F.interpolate(band.square(), size, mode="area") for band in bands]
    return torch.stack(energies).sum(0).sqrt()


class WaveletPrompt(FrequencyPrompt):
    """Haar wavelets: 3 orientations x 3 colours at each of 4 levels (O11).

    `high` is the image without its first low-pass: the inverse transform with LL = 0 (O8).
    """

    channels = 3 * 3

    def transform(self, image: Tensor, sizes: Sizes) -> Prompt:
        """Level l belongs to stage l, as in the contourlet variant."""
        low, maps = image, []
        for size in sizes:
            low, *bands = haar(low)
            maps.append(_resized(tuple(bands), size))
        first, *_ = haar(image)
        # The inverse of LL alone repeats LL / 2 over its 2 x 2 pixels.
        smooth = F.interpolate(first / 2, image.shape[-2:], mode="nearest")
        return Prompt(image - smooth, tuple(maps))


def haar(image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One level of the orthonormal 2-D Haar transform.

    Args:
        image: (B, C, H, W), H and W even.
    Returns: LL, and the details between rows, between columns and of both, (B, C, H/2, W/2) each.
    Raises: ValueError if a side is odd.
    """
    h, w = image.shape[-2:]
    if h % 2 or w % 2:
        raise ValueError(
            f"haar(): an image of {h} x {w}, expected even sides. Pad it to a multiple of 16."
        )
    a, b = image[..., 0::2, 0::2], image[..., 0::2, 1::2]
    c, d = image[..., 1::2, 0::2], image[..., 1::2, 1::2]
    # LL = (a + b + c + d) / 2, and the three other sign patterns
    return (a + b + c + d) / 2, (a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2
