"""A spectral correlation loss on masks: our reading of SCC, whose equation could not be read.

    total = L_spatial + scc_weight * L_spectral
    L_spatial = 0.5 BCE + 0.5 (1 - soft Dice)
    L_spectral = mean_b [ 1 - corr( |F(P_b)|, |F(G_b)| ) ]

P is the predicted probability, G the mask, both (H, W); F the two-dimensional Fourier transform,
unnormalised; corr is Pearson's over all H x W frequencies, the constant one among them.

Gorade et al. (arXiv 2401.10373, ICPR 2024) name a «Spectral Correlation Coefficient» of masks as a
regulariser beside a spatial loss; no code of theirs is public. Ours is the plain reading of the
name that is no spatial loss in disguise: by Plancherel's theorem the correlation of the complex
spectra is the cosine of P and G in space, and without the constant it is their Pearson correlation.
The magnitudes are blind to circular shifts and to the scale of P, so the spatial term is needed.

Source: Gorade et al. for the idea; the readings, their values and the clamp are our own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.methods.losses import bce_dice

# Inside the root: sqrt(a b) + eps has a gradient that is not a number where a mask is empty.
EPS = 1e-12
OVER = (-2, -1)  # all frequencies of a case


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """sum x y / sqrt(sum x^2 sum y^2) over the last two dimensions; 0 where one is all zeros."""
    energy = (x * x).sum(OVER) * (y * y).sum(OVER)
    correlation: Tensor = (x * y).sum(OVER) / energy.clamp_min(EPS).sqrt()
    return correlation


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """The cosine of the deviations from the means."""
    return cosine(x - x.mean(OVER, keepdim=True), y - y.mean(OVER, keepdim=True))


def _without_constant(x: Tensor) -> Tensor:
    # In space rather than at the frequency 0: a full mask is then 0 to the bit, not rounding noise.
    return x - x.mean(OVER, keepdim=True)


def _magnitude(x: Tensor) -> Tensor:
    magnitude: Tensor = torch.fft.fft2(x).abs()
    return magnitude


def _complex(x: Tensor) -> Tensor:
    """The spectrum with real and imaginary parts side by side, (..., H, 2 W)."""
    return torch.view_as_real(torch.fft.fft2(x)).flatten(-2)


def ring_correlation(prob: Tensor, mask: Tensor) -> Tensor:
    """Mean over the rings of the cosine of the complex spectra in a ring.

    Ring r holds the frequencies whose distance from 0 rounds to r, for r = 0 .. min(H, W) / 2.
    """
    h, w = prob.shape[-2:]
    rings = min(h, w) // 2 + 1
    fy, fx = (torch.fft.fftfreq(side, 1 / side, device=prob.device) for side in (h, w))
    index = torch.hypot(fy[:, None], fx).round().long().clamp_max(rings).flatten()

    def sums(values: Tensor) -> Tensor:
        flat = values.flatten(-2)
        empty = flat.new_zeros((*flat.shape[:-1], rings + 1))
        return empty.index_add(-1, index, flat)[..., :rings]

    p, g = torch.fft.fft2(prob), torch.fft.fft2(mask)
    both = sums(p.real * g.real + p.imag * g.imag)
    energy = sums(p.real**2 + p.imag**2) * sums(g.real**2 + g.imag**2)
    return (both / energy.clamp_min(EPS).sqrt()).mean(-1)


# The readings of «spectral correlation» by name: from P and G, (..., H, W), to a correlation (...).
MODES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "magnitude": lambda p, g: pearson(_magnitude(p), _magnitude(g)),
    "magnitude-nodc": lambda p, g: pearson(
        _magnitude(_without_constant(p)), _magnitude(_without_constant(g))
    ),
    "log-magnitude": lambda p, g: pearson(_magnitude(p).log1p(), _magnitude(g).log1p()),
    "complex": lambda p, g: cosine(_complex(p), _complex(g)),
    "complex-nodc": lambda p, g: cosine(
        _complex(_without_constant(p)), _complex(_without_constant(g))
    ),
    "ring": ring_correlation,
}


def spectral_loss(logits: Tensor, mask: Tensor, mode: str = "magnitude") -> Tensor:
    """1 - correlation of the spectra, a mean over the cases; in [0, 2].

    Outside autocast and at least in float32: half-precision transforms want powers of two.

    Args:
        logits, mask: (B, 1, H, W).
        mode: the reading, a key of MODES; their gradients differ by orders of magnitude, so no
            weight carries over from one to another.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits if logits.dtype == torch.float64 else logits.float()
        prob, mask = torch.sigmoid(logits), mask.to(logits.dtype)
        return (1 - MODES[mode](prob, mask)).mean()


@dataclass(frozen=True)
class SpatialSpectralLoss:
    """L_spatial, and a spectral term where `mode` names one.

    Attributes:
        mode: a key of MODES; empty for the spatial loss alone.
        weight: of the spectral term.
    """

    mode: str = ""
    weight: float = 0.0

    def __post_init__(self) -> None:
        if self.mode and self.mode not in MODES:
            raise ValueError(
                f"scc_mode: {self.mode!r}, expected one of {', '.join(MODES)}, or nothing for the "
                "spatial loss alone. Correct the row's arguments."
            )

    def __call__(self, logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Both parts and their weighted sum, of logits and mask (B, 1, H, W)."""
        spatial = bce_dice(logits, mask)
        if not self.mode:
            return {"total": spatial}
        spectral = spectral_loss(logits, mask, self.mode)
        total = spatial + self.weight * spectral
        return {"total": total, "spatial": spatial.detach(), "spectral": spectral.detach()}
