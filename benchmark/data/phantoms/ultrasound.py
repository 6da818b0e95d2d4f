"""Breast ultrasound drawn by us: speckle over layered tissue; the reference is the lesion."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchmark.data.phantoms.textures import (
    Array,
    Blob,
    Canvas,
    Curve,
    Mask,
    lognormal_area,
    smoothstep,
    waves,
)

# The speckle is made on one lattice for all sizes: cells down (axial) and across (lateral).
_CELLS = (230, 190)


@dataclass(frozen=True)
class Lesion:
    """Where it is (level below 1) and what it does: decibels inside, at its rim and behind it."""

    level: Array
    blob: Blob
    inside_db: float
    rim_db: float
    behind_db: float
    soft: float


def draw_ultrasound(canvas: Canvas) -> tuple[Array, Mask]:
    """One B-mode picture: image (size, size, 3) grey in [0, 1] and the lesion's mask."""
    lesions = _lesions(canvas)
    echo = _tissue(canvas)
    for lesion in lesions:
        echo = _with_lesion(canvas, echo, lesion)
    echo = echo + _losses(canvas)
    grey = _detected(canvas, echo)
    mask = np.min([lesion.level for lesion in lesions], axis=0) < 1
    return np.repeat(_screen(canvas, grey)[..., None], 3, axis=2), mask.astype(np.uint8)


def _lesions(canvas: Canvas) -> list[Lesion]:
    """A smooth oval (benign), an irregular spiked one (malignant), or two small ovals."""
    malignant = canvas.chance(0.4)
    count = 2 if not malignant and canvas.chance(0.1) else 1
    median = 0.075 if malignant else 0.04 / count
    found = []
    for _ in range(count):
        area = lognormal_area(canvas, median, 0.9, (0.004, 0.32))
        radius = np.sqrt(area / np.pi)
        x, y = canvas.between(0.18, 0.82), 0.17 + 0.6 * radius + canvas.between(0.0, 0.3)
        if malignant:
            outline = waves(canvas, range(2, 13), canvas.between(0.12, 0.26))
            blob = Blob(x, y, area, canvas.between(0.75, 1.5), canvas.between(-0.4, 0.4), outline)
            values = (
                canvas.between(-16, -6),
                canvas.between(0, 4),
                canvas.between(-16, 2),
                canvas.between(0.12, 0.5),
            )
        else:
            outline = waves(canvas, range(2, 6), 0.07)
            blob = Blob(x, y, area, canvas.between(1.1, 2.1), canvas.between(-0.3, 0.3), outline)
            values = (
                canvas.between(-20, -4),
                canvas.between(0, 5),
                canvas.between(-2, 9),
                canvas.between(0.03, 0.15),
            )
        bent = min((0.12 if malignant else 0.03) * blob.radius, 0.01)
        level = blob.level(canvas.x + bent * canvas.noise(14), canvas.y + bent * canvas.noise(14))
        found.append(Lesion(level, blob, *values))
    return found


def _tissue(canvas: Canvas) -> Array:
    """Echo strength in decibels: skin, fat lobules, gland, muscle, and what lies below it."""
    y = canvas.y + 0.025 * canvas.fractal(3, 2) + canvas.between(-0.15, 0.15) * (canvas.x - 0.5)
    skin = canvas.between(0.025, 0.05)
    fat, gland = skin + canvas.between(0.04, 0.2), canvas.between(0.45, 0.72)
    muscle = gland + canvas.between(0.08, 0.2)
    # Bright strands follow the layers: the same warp, many cells down and few across.
    strands = _strands(canvas, y)
    septa = smoothstep(np.abs(canvas.noise(8, 5)), 0.3, 0.0)
    echo = -8 + canvas.between(3, 9) * septa + 0.5 * strands
    # Fibroglandular tissue: bright, with dark fat between; some of it looks like a small lesion.
    pockets = smoothstep(canvas.noise(10, 6) + 0.3 * canvas.noise(24, 14), 0.6, 1.5)
    mixed = canvas.between(-3, 2) + canvas.between(2, 5) * canvas.fractal(6, 4, 0.75)
    mixed = mixed - canvas.between(3, 12) * pockets + 3 * septa + canvas.between(0.3, 1.2) * strands
    echo = echo + (mixed - echo) * smoothstep(y + 0.03 * canvas.noise(5), fat - 0.02, fat + 0.03)
    striated = canvas.between(-12, -5) + 1.3 * strands
    echo = echo + (striated - echo) * smoothstep(y, gland - 0.02, gland + 0.02)
    line = np.exp(-(((y - gland) / 0.012) ** 2)) + 0.8 * np.exp(-(((y - muscle) / 0.015) ** 2))
    echo = echo + canvas.between(2, 10) * line * smoothstep(canvas.noise(3), -1.2, 0.3)
    below = canvas.between(-22, -8) + 2 * canvas.fractal(6, 3) + 0.5 * strands
    echo = echo + (below - echo) * smoothstep(y, muscle, muscle + 0.08)
    top = canvas.y + 0.006 * canvas.fractal(3, 2)
    surface = canvas.between(0, 7) - 5 * np.exp(-(((top - 0.6 * skin) / (0.2 * skin)) ** 2))
    return np.asarray(echo + (surface - echo) * smoothstep(top, skin + 0.008, skin - 0.008))


def _strands(canvas: Canvas, y: Array) -> Array:
    """Fibrous strands of 0 to 11 dB that lie along the layers, here dense and there absent."""
    x = canvas.x + 0.03 * canvas.noise(4)
    tilted = y + 0.05 * canvas.noise(3, 2)
    fine = canvas.noise_at(x / 5, tilted, 36) + 0.7 * canvas.noise_at(x / 4, tilted, 64)
    return 11 * smoothstep(fine, 0.4, 2.6) * smoothstep(canvas.noise(4), -0.8, 1.2)


def _with_lesion(canvas: Canvas, echo: Array, lesion: Lesion) -> Array:
    """The lesion in place of what it displaces, its rim, and the beam behind it."""
    level, blob = lesion.level, lesion.blob
    cover = smoothstep(level, 1 + lesion.soft, 1 - lesion.soft)
    ring = np.exp(-(((level - 1.3) / 0.3) ** 2))
    around = float((echo * ring).sum() / ring.sum())
    inner = around + lesion.inside_db + canvas.between(0.5, 2.5) * canvas.fractal(10, 2, 0.8)
    rim = np.exp(-(((level - 1.08) / 0.1) ** 2)) * np.clip(1 + 0.6 * canvas.noise(9), 0, 2)
    echo = echo + (inner - echo) * cover + lesion.rim_db * rim
    # The beam runs down: what lies below the lesion's chord gets its gain or its shadow.
    half = blob.radius * np.sqrt(blob.aspect)
    across = (canvas.x - blob.x) / half
    below = smoothstep(canvas.y - blob.y, 0.3 * blob.radius, 1.2 * blob.radius) * (1 - cover)
    fades = np.exp(-np.clip(canvas.y - blob.y, 0, None) / canvas.between(0.2, 0.6))
    column = smoothstep(np.abs(across), 1.1, 0.7)
    edges = np.exp(-(((np.abs(across) - 1.0) / 0.1) ** 2)) * canvas.between(0, 5)
    return np.asarray(echo + below * fades * (lesion.behind_db * column - edges))


def _losses(canvas: Canvas) -> Array:
    """What depth, the focus, poor contact and dense strands take from the beam, in decibels."""
    depth = canvas.y
    loss = -canvas.between(4, 22) * np.clip(depth - canvas.between(0.1, 0.5), 0, None)
    focus = canvas.between(0.25, 0.6)
    loss = loss - canvas.between(0, 5) * ((depth - focus) / 0.5) ** 2
    # Shadows are columns that start at some depth.
    shadow = smoothstep(canvas.noise(1, 9) + 0.15 * canvas.noise(5, 9), 0.9, 2.0)
    start = smoothstep(depth, canvas.between(0.0, 0.2), canvas.between(0.25, 0.6))
    loss = loss - canvas.between(0, 18) * shadow * start
    side = np.clip(np.abs(canvas.x - canvas.between(0.4, 0.6)) - 0.35, 0, None)
    return loss - canvas.between(0, 70) * side + 1.5 * canvas.noise(3)


def _detected(canvas: Canvas, echo: Array) -> Array:
    """Rayleigh speckle, whose grain widens with depth, log-compressed to grey."""
    rows, columns = _CELLS
    field = canvas.rng.standard_normal((2, rows + 3, columns + 3))
    near = ndimage.uniform_filter1d(field, 4, axis=2, mode="nearest") * np.sqrt(4)
    far = ndimage.uniform_filter1d(near, 7, axis=2, mode="nearest") * 1.9
    mix = np.linspace(0, 1, rows + 3)[:, None]
    field = (near * (1 - mix) + far * mix) / np.hypot(mix, 1 - mix)
    power = (field**2).sum(axis=0) / 2
    level = 10 * np.log10(power + 0.1)  # the floor stands for the scanner's compounding
    speckle_db = canvas.sampled(level)
    span = canvas.between(38, 55)
    gain = canvas.between(0.55, 0.78)
    return np.clip(gain + (echo + 0.8 * speckle_db) / span, 0, 1)


def _screen(canvas: Canvas, grey: Array) -> Array:
    """The scanner's grey curve, and now and then a margin or a caliper's crosses."""
    grey = grey ** canvas.between(1.1, 1.9)
    if canvas.chance(0.3):
        margin = canvas.between(0.0, 0.05)
        grey = grey * ((canvas.x > margin) & (canvas.y < 1 - margin))
    if canvas.chance(0.25):
        crosses = []
        for _ in range(2):
            at = complex(canvas.between(0.1, 0.9), canvas.between(0.1, 0.7))
            for arm in (0.015, 0.015j):
                crosses.append(Curve(np.array([at - arm, at + arm]), np.full(2, 0.002)))
        grey = np.maximum(grey, 0.85 * canvas.strokes(crosses))
    return np.asarray(grey)
