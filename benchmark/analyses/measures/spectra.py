"""Radial power spectra of pictures, and energies of their contourlet subbands.

**Conventions** The spectrum is of the picture less its mean, under a Hann window along both axes,
so that its border is no edge; the constant frequency is left out. Frequencies are in cycles per
image, bins half an octave wide from 1 up: bin k holds 2^(k/2) <= f < 2^((k+1)/2), the last one all
beyond it too, up to the corners. A spectrum is given as shares of its energy, which sum to 1. A
picture that is even all over has none.

**Sources** Welch, IEEE T. Audio Electroacoust. 15(2), 1967 (windows); Lin, IEEE T. Inform. Theory
37(1), 1991 (the divergence).
"""

import functools
import math
from collections.abc import Sequence

import numpy as np

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def bins_of(size: int) -> int:
    """The number of bins of a picture with this side: the last begins below size / 2."""
    return max(math.ceil(2 * math.log2(size / 2)), 1)


def middles(bins: int) -> np.ndarray:
    """The geometric middle of each bin, in cycles per image."""
    middle: np.ndarray = 2.0 ** ((np.arange(bins) + 0.5) / 2)
    return middle


@functools.cache
def _index(size: int) -> np.ndarray:
    """The bin of every frequency (H, W); -1 of the constant."""
    f = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(f[:, None], f)
    # The radius 2^(k/2) is a square root in floating point and belongs to bin k.
    octaves = 2 * np.log2(np.maximum(radius, 1)) + 1e-9
    index: np.ndarray = np.minimum(octaves.astype(int), bins_of(size) - 1)
    index[0, 0] = -1
    return index


@functools.cache
def counts(size: int) -> np.ndarray:
    """How many frequencies a bin holds."""
    index = _index(size)
    return np.bincount(index[index >= 0], minlength=bins_of(size))


def power(picture: np.ndarray) -> np.ndarray:
    """|F|^2 (H, W) of a square picture, windowed, so normalised that its sum is the energy.

    By Parseval's theorem its sum is that of the squares of the windowed picture.
    """
    size = len(picture)
    window = np.hanning(size + 1)[:-1]  # periodic
    windowed = (picture - picture.mean()) * window[:, None] * window
    found: np.ndarray = np.abs(np.fft.fft2(windowed)) ** 2 / picture.size
    return found


def spectrum(picture: np.ndarray) -> np.ndarray:
    """Shares of the energy by bin, (bins,); NaN where there is none.

    Args:
        picture: square, real.
    """
    index = _index(len(picture)).ravel()
    inside = index >= 0
    energy = np.bincount(
        index[inside], power(picture).ravel()[inside], minlength=bins_of(len(picture))
    )
    total = energy.sum()
    # Rounding leaves about 1e-30 of an even picture.
    return energy / total if total > 1e-20 * picture.size else np.full(len(energy), np.nan)


def grey(image: np.ndarray) -> np.ndarray:
    """Luma in [0, 1], (H, W), of uint8 (H, W, 3)."""
    luma: np.ndarray = image @ np.array(GREY) / 255
    return luma


def centroid(shares: np.ndarray) -> float:
    """The energy's mean frequency on the logarithmic scale, in cycles per image."""
    return float(2 ** (shares @ np.log2(middles(len(shares)))))


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two distributions in bits: 0 of equal, 1 of disjoint ones."""

    def entropy(x: np.ndarray) -> float:
        some = x[x > 0]
        return float(-(some * np.log2(some)).sum())

    return max(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2, 0.0)


def nearest_shares(spectra: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """How often the mean spectrum that is nearest to a case is that of its own label.

    The case itself is left out of the mean of its label; a label of one case is left out.

    Args:
        spectra: (cases, bins) of shares.
    """
    names = np.asarray(labels)
    kinds = [k for k in dict.fromkeys(labels) if (names == k).sum() > 1]
    means = {k: spectra[names == k].mean(axis=0) for k in kinds}
    hits: dict[str, list[bool]] = {k: [] for k in kinds}
    for row, own in zip(spectra, names, strict=True):
        if own not in means:
            continue
        n = int((names == own).sum())
        without = {**means, own: (n * means[own] - row) / (n - 1)}
        best = min(kinds, key=lambda k: divergence(row, without[k]))
        hits[own].append(best == own)
    return {k: float(np.mean(found)) for k, found in hits.items()}
