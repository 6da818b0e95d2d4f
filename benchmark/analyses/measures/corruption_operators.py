"""How a picture is corrupted: each operator takes a picture, a strength and random numbers.

**Conventions**
1. A picture is float32 (H, W, C) in [0, 1], C = 3, or C = 1 for a grey one: noise is then the same
   in all channels. Operators may leave [0, 1]; `corruption_sets.corrupted` clips.
2. Lengths are in pixels of a picture of 224 pixels and are scaled with H / 224.
3. All is computed in floating point; only JPEG needs whole numbers from 0 to 255.

**Sources** Hendrycks and Dietterich, ICLR 2019 (ImageNet-C); Di Salvo et al., ADSMI 2024
(MedMNIST-C: `scale`, `spread` and `pixelate`); `specular` and `motion_blur` are ours.
"""

import io
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Operator = Callable[[Picture, float, np.random.Generator], Picture]
BASE = 224  # the side that lengths are given for
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
RADII = (0.01, 0.03)  # of a highlight, as shares of the side


def gaussian_noise(image: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """x + N(0, sigma)."""
    return image + np.float32(sigma) * rng.standard_normal(image.shape, np.float32)


def shot_noise(image: Picture, photons: float, rng: np.random.Generator) -> Picture:
    """Poisson(x c) / c."""
    return (rng.poisson(image * photons) / photons).astype(np.float32)


def impulse_noise(image: Picture, share: float, rng: np.random.Generator) -> Picture:
    """A share of the values becomes 0 or 1, each as often."""
    hit, white = rng.random(image.shape) < share, rng.random(image.shape) < 0.5
    return np.where(hit, white.astype(np.float32), image)


def speckle_noise(image: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """x + x N(0, sigma)."""
    return image + image * np.float32(sigma) * rng.standard_normal(image.shape, np.float32)


def gaussian_blur(image: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """A Gaussian of sigma pixels at 224, cut off at 4 sigma; the edge is repeated."""
    from scipy.ndimage import gaussian_filter

    wide = sigma * len(image) / BASE
    blurred: Picture = gaussian_filter(image, (wide, wide, 0), mode="nearest", truncate=4)
    return blurred


def contrast(image: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Distances from each channel's mean, times a factor."""
    mean: Picture = image.mean((0, 1), np.float64, keepdims=True).astype(np.float32)
    return (image - mean) * np.float32(factor) + mean


def brightness(image: Picture, more: float, rng: np.random.Generator) -> Picture:
    """HSV value plus a constant, hue and saturation kept."""
    value = image.max(2, keepdims=True)
    raised = np.minimum(value + np.float32(more), 1)
    ratio = np.divide(raised, value, out=np.zeros_like(value), where=value > 0)
    return np.where(value > 0, image * ratio, raised)


def jpeg(image: Picture, quality: float, rng: np.random.Generator) -> Picture:
    """JPEG of that quality, there and back; colour at half the resolution (4:2:0)."""
    from PIL import Image

    whole = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole).save(
        file, "JPEG", quality=int(quality), subsampling="4:2:0"
    )
    with Image.open(file) as read:
        found = np.asarray(read, np.float32) * np.float32(1 / 255)
    return found.reshape(image.shape)


def pixelate(image: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Box-averaged to a share of the side, and back by boxes."""
    from PIL import Image

    height, width = image.shape[:2]
    small = max(int(width * share), 1), max(int(height * share), 1)
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., k]))
            .resize(small, Image.Resampling.BOX)
            .resize((width, height), Image.Resampling.BOX)
        )
        for k in range(image.shape[2])
    ]
    return np.stack(channels, 2)


def scale(image: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """x times a factor."""
    return image * np.float32(factor)


def spread(image: Picture, factor: float, rng: np.random.Generator) -> Picture:
    """Distances from the mean luminance of the picture, times a factor."""
    luma = image @ np.array(LUMA, np.float32) if image.shape[2] == 3 else image
    mean = np.float32(luma.mean(dtype=np.float64))
    return (image - mean) * np.float32(factor) + mean


def specular(image: Picture, spots: float, rng: np.random.Generator) -> Picture:
    """White ellipses with a soft rim, as light that the wet wall throws back (ours).

    A spot of radii (a, b) covers exp(-d^4), d the distance from its centre in radii.
    """
    side, out = len(image), image.copy()
    for _ in range(int(spots)):
        centre, angle = rng.uniform(0, side, 2), rng.uniform(0, math.pi)
        radii = rng.uniform(*RADII, 2) * side
        reach = math.ceil(2 * radii.max())
        low = np.maximum(centre.astype(int) - reach, 0)
        high = np.minimum(centre.astype(int) + reach + 1, side)
        y, x = np.mgrid[low[0] : high[0], low[1] : high[1]] - centre[:, None, None]
        along, across = x * math.cos(angle) + y * math.sin(angle), x * math.sin(angle)
        across = across - y * math.cos(angle)
        cover = np.exp(-(((along / radii[0]) ** 2 + (across / radii[1]) ** 2) ** 2))
        part = out[low[0] : high[0], low[1] : high[1]]
        part += (1 - part) * cover[..., None].astype(np.float32)
    return out


def motion_blur(image: Picture, length: float, rng: np.random.Generator) -> Picture:
    """The mean along a straight line of that many pixels at 224, in a random direction (ours)."""
    taps = line_taps(length * len(image) / BASE, rng.uniform(0, math.pi))
    edge = max(max(abs(y), abs(x)) for y, x in taps)
    wide = np.pad(image, ((edge, edge), (edge, edge), (0, 0)), "edge")
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    for (y, x), weight in taps.items():
        out += np.float32(weight) * wide[edge + y : edge + y + height, edge + x : edge + x + width]
    return out


def line_taps(length: float, angle: float) -> Mapping[tuple[int, int], float]:
    """Weights of the pixels (dy, dx) on a centred line; they add up to 1.

    Points half a pixel apart or closer share their weight among the four pixels around them.
    """
    count = 2 * math.ceil(length) + 1
    taps: dict[tuple[int, int], float] = {}
    for t in np.linspace(-(length - 1) / 2, (length - 1) / 2, count):
        y, x = t * math.sin(angle), t * math.cos(angle)
        top, left = math.floor(y), math.floor(x)
        for dy in (0, 1):
            for dx in (0, 1):
                weight = (1 - abs(y - top - dy)) * (1 - abs(x - left - dx)) / count
                if weight > 0:
                    place = (top + dy, left + dx)
                    taps[place] = taps.get(place, 0.0) + weight
    return taps


OPERATORS: Mapping[str, Operator] = {
    each.__name__: each
    for each in (gaussian_noise, shot_noise, impulse_noise, speckle_noise, gaussian_blur, contrast,
                 brightness, jpeg, pixelate, scale, spread, specular, motion_blur)
}  # fmt: skip
