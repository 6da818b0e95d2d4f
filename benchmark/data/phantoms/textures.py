"""What the phantoms are drawn with: coordinates, noise, outlines, strokes and colours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Mask = NDArray[np.uint8]
Points = NDArray[np.complex128]
Colour = tuple[float, float, float] | Array

# Standard deviation of a cubic B-spline surface with unit normal coefficients: 151/315 per axis.
_SPLINE_STD = 151 / 315


@lru_cache(maxsize=256)
def _spline_weights(size: int, cells: int) -> Array:
    """Cubic B-spline weights (size, cells + 3) that sample a lattice at the pixel centres.

    Where the lattice is finer than the pixels the spline is widened to a pixel, which averages.
    """
    at = (np.arange(size) + 0.5) / size * cells
    away = np.abs(at[:, None] - np.arange(-1, cells + 2)) / max(1.0, cells / size)
    weights = np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.clip(2 - away, 0, None) ** 3 / 6)
    weights = np.asarray(weights / weights.sum(axis=1, keepdims=True))
    weights.flags.writeable = False  # shared by all who ask for it
    return weights


class Canvas:
    """The pixel centres of one square picture, and the random numbers it is drawn with.

    All lengths are in picture units: x to the right and y downwards, both in [0, 1]. Random
    lattices never depend on the number of pixels, so every size shows the same scene.
    """

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.rng = rng
        self.px = 1.0 / size
        centres = (np.arange(size) + 0.5) / size
        self.y, self.x = np.meshgrid(centres, centres, indexing="ij")

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A number between the two, uniformly."""
        return low + (high - low) * float(self.rng.random())

    def sampled(self, lattice: Array) -> Array:
        """A lattice (rows + 3, columns + 3) stretched over the picture."""
        rows, columns = lattice.shape
        down = _spline_weights(self.size, rows - 3)
        across = _spline_weights(self.size, columns - 3)
        return down @ lattice @ across.T

    def noise(self, rows: int, columns: int = 0) -> Array:
        """Smooth noise of mean 0 and standard deviation 1, so many cells down and across."""
        lattice = self.rng.standard_normal((rows + 3, (columns or rows) + 3))
        return self.sampled(lattice) / _SPLINE_STD

    def fractal(self, cells: int, octaves: int, gain: float = 0.5) -> Array:
        """Octaves of noise, each twice as fine and `gain` times as strong, at unit deviation."""
        strengths = gain ** np.arange(octaves)
        total = sum(s * self.noise(cells << i) for i, s in enumerate(strengths))
        return np.asarray(total / np.sqrt((strengths**2).sum()))

    def noise_at(self, x: Array, y: Array, cells: int) -> Array:
        """Noise at any coordinates; it repeats outside [0, 1]."""
        lattice = self.rng.standard_normal((cells, cells)) / _SPLINE_STD
        where = np.stack([y * cells, x * cells])
        sampled = ndimage.map_coordinates(
            lattice, where, order=3, prefilter=False, mode="grid-wrap"
        )
        return np.asarray(sampled)

    def strokes(self, curves: Sequence["Curve"]) -> Array:
        """Coverage in [0, 1] of round-tipped strokes; thinner than a pixel is fainter."""
        cover = np.zeros(self.size * self.size)
        if not curves:
            return cover.reshape(self.size, self.size)
        corners = np.concatenate([curve.points for curve in curves])
        lengths = np.abs(np.diff(corners))
        # From one curve's end to the next one's start the pen is lifted: next to no length.
        lengths[np.cumsum([len(curve.points) for curve in curves])[:-1] - 1] = 1e-12
        along = np.concatenate([[0.0], np.cumsum(lengths)])
        at = np.arange(0.0, along[-1], 0.7 * self.px)
        points = np.interp(at, along, corners) * self.size - (0.5 + 0.5j)
        radii = np.interp(at, along, np.concatenate([curve.radii for curve in curves])) * self.size
        reach = np.ceil(radii + 0.5).astype(int)
        for k in np.unique(reach):
            self._stamp(cover, points[reach == k], radii[reach == k], int(k))
        return cover.reshape(self.size, self.size)

    def _stamp(self, cover: Array, points: Points, radii: Array, reach: int) -> None:
        """Put discs of at most `reach` pixels' radius on the flat coverage, the larger wins."""
        steps = np.arange(-reach, reach + 1)
        nearest = np.rint(points)
        column = nearest.real.astype(int)[:, None, None] + steps[None, None, :]
        row = nearest.imag.astype(int)[:, None, None] + steps[None, :, None]
        away = np.abs(column + 1j * row - points[:, None, None])
        inside = (column >= 0) & (column < self.size) & (row >= 0) & (row < self.size)
        faint = np.minimum(1.0, 2 * radii)[:, None, None]
        value = np.clip(radii[:, None, None] + 0.5 - away, 0, 1) * faint
        where = np.broadcast_to(row * self.size + column, inside.shape)
        np.maximum.at(cover, where[inside], value[inside])


@dataclass(frozen=True)
class Curve:
    """A polyline: its points x + iy and the stroke's radius at each."""

    points: Points
    radii: Array


@dataclass(frozen=True)
class Blob:
    """A closed outline: an ellipse whose radius waves with the angle.

    Args:
        x, y: its centre.
        area: the share of the picture that it covers.
        aspect: width / height before the turn.
        turn: radians.
        waves: at k, what the outline waves k times around: amplitude * exp(i phase).
    """

    x: float
    y: float
    area: float
    aspect: float = 1.0
    turn: float = 0.0
    waves: Points = field(default_factory=lambda: np.zeros(1, complex))

    @property
    def radius(self) -> float:
        """That of the disc of the same area."""
        return float(np.sqrt(self.area / np.pi))

    def level(self, x: Array, y: Array) -> Array:
        """Distance from the centre as a share of the outline's: below 1 is inside."""
        dx, dy = x - self.x, y - self.y
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        stretch = np.sqrt(self.aspect)
        spot = (dx * cos + dy * sin) / stretch + 1j * (dy * cos - dx * sin) * stretch
        away = np.abs(spot)
        outline = 1 + np.polyval(self.waves[::-1], spot / np.maximum(away, 1e-12)).real
        # Waves of amplitude a add a²/2 to the mean squared radius: taken off to keep the area.
        kept = self.radius / np.sqrt(1 + (np.abs(self.waves) ** 2).sum() / 2)
        return np.asarray(away / (np.maximum(outline, 0.2) * kept))


def waves(canvas: Canvas, orders: range, strength: float) -> Points:
    """Random waves for a Blob, weaker the more often they go round."""
    found = np.zeros(orders.stop, complex)
    for k in orders:
        amplitude = strength * canvas.between(0.4, 1.0) * 2 / k
        found[k] = amplitude * np.exp(1j * canvas.between(0.0, 2 * np.pi))
    return found


def lognormal_area(
    canvas: Canvas, median: float, sigma: float, limits: tuple[float, float]
) -> float:
    """A share of the picture: lognormal, mirrored at the limits where it leaves them."""
    low, high = limits
    value = median * float(np.exp(sigma * canvas.rng.standard_normal()))
    if value < low:
        value = low * low / value
    if value > high:
        value = high * high / value
    return float(np.clip(value, low, high))


def smoothstep(value: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def blend(image: Array, colour: Colour, alpha: Array) -> Array:
    """The image with a colour, or another image, laid over it."""
    return image + (np.asarray(colour) - image) * alpha[..., None]


def to_bytes(image: Array) -> Mask:
    """An image of floats in [0, 1] as uint8."""
    return np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)


def walk(canvas: Canvas, start: complex, heading: float, bend: float, length: float) -> Points:
    """Points of a curve that leaves `start` and turns by `bend` in all, not quite evenly."""
    steps = max(3, int(length / 0.02))
    wobble = np.cumsum(canvas.rng.standard_normal(steps)) * 0.09
    angle = heading + bend / (steps - 1) * np.arange(steps) + wobble
    moves = np.exp(1j * angle) * (length / steps)
    return start + np.concatenate([[0j], np.cumsum(moves)])
