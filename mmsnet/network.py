"""MMSNet: a frozen encoder tuned by MFA and FEP, decoded under MSFG."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines._shared.encoder import Encoder
from baselines._shared.frequency_guidance import Guidance
from baselines._shared.frequency_prompt import FourierPrompt, FrequencyPrompt, Sizes
from baselines._shared.prompt_adaptor import Adaptor
from mmsnet.decoder import Decoder
from mmsnet.fep import ContourletPrompt, WaveletPrompt
from mmsnet.fusion import StageFusion

WHOLE = Guidance()
Transform = Literal["contourlet", "contourlet-norm", "wavelet", "fourier", "none"]


@dataclass(frozen=True)
class Design:
    """Which parts a network has, in the paper's words; the defaults are the whole of it.

    Attributes:
        r: divides the adaptor's width.
        transform: of FEP; "contourlet" is Option M, "contourlet-norm" Option P (O9).
        adaptor: whether there is MFA.
        guidance: of MSFG; None is without it.
        frozen: whether the encoder is kept; without MFA and not frozen is full tuning.
    """

    r: int = 1
    transform: Transform = "contourlet"
    adaptor: bool = True
    guidance: Guidance | None = WHOLE
    frozen: bool = True

    def __post_init__(self) -> None:
        known = get_args(Transform)
        if self.transform not in known:
            raise ValueError(
                f"mmsnet: transform {self.transform!r}, expected one of {', '.join(known)}. "
                "Choose one of them."
            )
        if not self.adaptor and self.transform in ("contourlet-norm", "fourier"):
            raise ValueError(
                f"mmsnet: transform {self.transform!r} without an adaptor, expected one "
                "with maps to add to the stages, or none. Choose contourlet, wavelet or none."
            )


class MMSNet(nn.Module):
    """F = MFA(encoder, FEP(I), I);  logits = up_4(head(MSFG-decoder(F))).

    I is (B, 3, H, W), F four maps (B, d_i, H / s_i, W / s_i), logits (B, 1, H, W).
    Source: the published description of MMSNet; see README.md for what it leaves open.

    Args:
        encoder: with weights or without.
        size: H = W that the DCT bases are made for; other sizes are pooled to them.
    """

    def __init__(self, encoder: Encoder, design: Design, size: int) -> None:
        super().__init__()
        self.encoder = encoder.freeze() if design.frozen else encoder
        self.fep = _transform(design.transform)
        self.mfa: Adaptor | None = None
        self.fusion: StageFusion | None = None
        channels = self.fep.channels if self.fep else 0
        if design.adaptor:
            self.mfa = Adaptor(encoder, design.r, channels, frequency=self.fep is not None)
        elif channels:
            self.fusion = StageFusion(encoder.dims, channels)
        sides = [h for h, _ in self._sizes(size, size)]
        self.decoder = Decoder(encoder.dims, sides, design.guidance)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of normalised images (B, 3, H, W); H and W divisible by 32."""
        logits = self.decoder(self.features(image))
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)

    def features(self, image: Tensor) -> list[Tensor]:
        """The four stages' maps, (B, d_i, h_i, w_i), as the decoder gets them."""
        high, maps = None, ()
        if self.fep is not None:
            high, maps = self.fep(image, self._sizes(*image.shape[-2:]))
        if self.mfa is not None:
            adapted: list[Tensor] = self.mfa(self.encoder, image, high, maps)
            return adapted
        # In front of a frozen encoder nothing learns, so no gradient has to be kept for it.
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.encoder.frozen):
            features: list[Tensor] = self.encoder(image)
        return self.fusion(features, maps) if self.fusion is not None else features

    def _sizes(self, h: int, w: int) -> Sizes:
        return tuple((-(-h // s), -(-w // s)) for s in self.encoder.strides)


def _transform(name: Transform) -> FrequencyPrompt | None:
    made: dict[Transform, Callable[[], FrequencyPrompt | None]] = {
        "contourlet": lambda: ContourletPrompt("M"),
        "contourlet-norm": lambda: ContourletPrompt("P"),
        "wavelet": WaveletPrompt,
        "fourier": FourierPrompt,
        "none": lambda: None,
    }
    return made[name]()
