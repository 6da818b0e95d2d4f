"""Dermoscopy pictures drawn by us: the reference is the pigmented lesion."""

import numpy as np

from benchmark.data.phantoms.textures import (
    Array,
    Blob,
    Canvas,
    Curve,
    Mask,
    blend,
    lognormal_area,
    smoothstep,
    walk,
    waves,
)

# Pigments by the colours that dermatologists name; each is a factor on the skin's own colour.
_PIGMENTS = {
    "light brown": (0.86, 0.68, 0.50),
    "brown": (0.68, 0.45, 0.30),
    "dark brown": (0.44, 0.29, 0.23),
    "black": (0.22, 0.20, 0.22),
    "red": (0.92, 0.62, 0.60),
    "blue-grey": (0.55, 0.60, 0.72),
    "white": (1.06, 1.05, 1.08),
}
_STICKERS = ((0.95, 0.6, 0.25), (0.2, 0.5, 0.65), (0.65, 0.65, 0.65))


def draw_dermoscopy(canvas: Canvas) -> tuple[Array, Mask]:
    """One lesion on skin: image (size, size, 3) in [0, 1] and its mask."""
    area = lognormal_area(canvas, 0.1, 0.9, (0.008, 0.6))
    room = 0.24 - 0.2 * np.sqrt(area)
    blob = Blob(
        0.5 + canvas.between(-room, room),
        0.5 + canvas.between(-room, room),
        area,
        canvas.between(0.55, 1.0),
        canvas.between(0, np.pi),
        waves(canvas, range(2, 10), canvas.between(0.04, 0.2)),
    )
    bent = min(canvas.between(0.02, 0.12) * blob.radius, 0.018)
    level = blob.level(canvas.x + bent * canvas.noise(9), canvas.y + bent * canvas.noise(9))
    image = _skin(canvas)
    image = _marks(canvas, image)
    image = _lesion(canvas, image, level)
    image = _extras(canvas, image)
    return _lens(canvas, image), (level < 1).astype(np.uint8)


def _skin(canvas: Canvas) -> Array:
    """Pale to tanned skin with its fine furrows and a flush here and there."""
    red = canvas.between(0.66, 0.98)
    green = red * canvas.between(0.66, 0.94)
    base = np.array([red, green, green * canvas.between(0.72, 1.02)])
    image = base * (1 + 0.05 * canvas.fractal(2, 3))[..., None]
    flush = smoothstep(canvas.fractal(4, 3, 0.6), 0.3, 2.0) * canvas.between(0.0, 0.6)
    image = blend(image, image * np.array([1.0, 0.78, 0.78]), flush)
    furrows = smoothstep(np.abs(canvas.fractal(26, 2)), 0.35, 0.0)
    image = image * (1 - canvas.between(0.0, 0.07) * furrows)[..., None]
    pores = smoothstep(canvas.noise(50), 1.6, 2.4) * canvas.between(0.0, 0.12)
    return image * (1 - np.array([0.5, 1.0, 1.0]) * pores[..., None])


def _marks(canvas: Canvas, image: Array) -> Array:
    """Freckles and a stain: pigment that is not the lesion."""
    if canvas.chance(0.35):
        dots = smoothstep(canvas.noise(14) + 0.3 * canvas.noise(40), 1.8, 2.4)
        image = blend(
            image, image * np.array(_PIGMENTS["light brown"]), dots * canvas.between(0.3, 1.0)
        )
    if canvas.chance(0.3):
        blush = Blob(
            canvas.between(0.1, 0.9),
            canvas.between(0.1, 0.9),
            canvas.between(0.01, 0.06),
            canvas.between(0.6, 1.6),
            0.0,
            waves(canvas, range(2, 5), 0.15),
        )
        stain = smoothstep(blush.level(canvas.x, canvas.y), 1.5, 0.4)
        image = blend(image, image * np.array([0.93, 0.72, 0.7]), stain * canvas.between(0.3, 0.9))
    return image


def _lesion(canvas: Canvas, image: Array, level: Array) -> Array:
    """Two to four pigments in patches, a network, globules, and an edge sharp or fading."""
    names = list(_PIGMENTS)
    # The first covers the whole lesion: never the white of regression, rarely blue-grey.
    first = int(canvas.rng.choice(len(names), p=[0.33, 0.33, 0.12, 0.04, 0.15, 0.03, 0.0]))
    chosen = [first, *canvas.rng.permutation(len(names))[: int(canvas.rng.integers(1, 4))]]
    pigment = np.ones_like(image) * np.array(_PIGMENTS[names[chosen[0]]])
    cells = 4 if canvas.chance(0.5) else 9
    for i in chosen[1:]:
        patch = smoothstep(canvas.fractal(cells, 4, 0.65), canvas.between(-0.8, 0.4), 2.0)
        pigment = blend(pigment, _PIGMENTS[names[i]], patch)
    if canvas.chance(0.6):
        cells = int(canvas.rng.integers(20, 44))
        network = smoothstep(np.abs(canvas.noise(cells)), 0.55, 0.05)
        network = network * smoothstep(canvas.noise(5), -0.8, 0.6)
        pigment = pigment * (1 - canvas.between(0.08, 0.3) * network)[..., None]
    if canvas.chance(0.4):
        globules = smoothstep(canvas.noise(36), 1.2, 1.9)
        pigment = pigment * (1 - canvas.between(0.2, 0.5) * globules)[..., None]
    grain = canvas.between(0.0, 0.16) * canvas.fractal(30, 2, 0.9)
    dense = canvas.between(0.4, 1.0)
    soft = canvas.between(0.03, 0.28)
    # An uneven edge: where it fades the reference still goes out to the last trace of pigment.
    fade = soft * np.clip(1 + 0.8 * canvas.noise(5), 0.15, 1.8)
    ragged = level + 0.4 * fade * np.abs(canvas.fractal(24, 3, 0.7))
    cover = smoothstep((1 - ragged) / fade, -0.1, 1.0)
    uneven = np.clip(1 + 0.25 * canvas.fractal(6, 3) + grain, 0.15, 1.2)
    return blend(image, image * pigment, np.clip(dense * cover * uneven, 0, 1))


def _extras(canvas: Canvas, image: Array) -> Array:
    """Hair, gel bubbles, a ruler, a pen's marks, a coloured sticker."""
    if canvas.chance(0.55):
        image = _hair(canvas, image)
    if canvas.chance(0.3):
        for _ in range(int(canvas.rng.integers(1, 8))):
            radius = canvas.between(0.01, 0.05)
            dx, dy = canvas.x - canvas.between(0, 1), canvas.y - canvas.between(0, 1)
            away = np.hypot(dx, dy) / radius
            ring = np.exp(-(((away - 1) / (0.14 + canvas.px / radius)) ** 2))
            ring = ring * (0.6 + 0.4 * dx / (radius * np.maximum(away, 0.1)))
            image = blend(image, (1.0, 1.0, 1.0), 0.55 * np.clip(ring, 0, 1))
    if canvas.chance(0.2):
        image = _ruler(canvas, image)
    if canvas.chance(0.12):
        pen = smoothstep(canvas.noise(110) + canvas.noise(6), -0.2, 2.4)
        away = np.hypot(canvas.x - 0.5, canvas.y - 0.5)
        ring = smoothstep(np.abs(away - canvas.between(0.42, 0.55)), 0.1, 0.02)
        image = blend(image, (0.45, 0.25, 0.6), pen * ring * canvas.between(0.4, 0.9))
    if canvas.chance(0.1):
        turn = canvas.between(0, 2 * np.pi)
        away = np.hypot(canvas.x - 0.5 - 0.62 * np.cos(turn), canvas.y - 0.5 - 0.62 * np.sin(turn))
        radius = canvas.between(0.12, 0.28)
        hue = _STICKERS[int(canvas.rng.integers(len(_STICKERS)))]
        image = blend(image, hue, smoothstep(away, radius + canvas.px, radius - canvas.px))
    return image


def _hair(canvas: Canvas, image: Array) -> Array:
    """Few or many hairs, dark or fair, that mostly lie one way."""
    count = int(np.exp(canvas.between(np.log(3), np.log(45))))
    way = canvas.between(0, 2 * np.pi)
    thick = canvas.between(0.0012, 0.0036)
    curves = []
    for _ in range(count):
        start = complex(canvas.between(-0.1, 1.1), canvas.between(-0.1, 1.1))
        heading = way + 0.5 * float(canvas.rng.standard_normal())
        points = walk(canvas, start, heading, canvas.between(-1.2, 1.2), canvas.between(0.25, 0.9))
        curves.append(Curve(points, np.full(len(points), thick * canvas.between(0.5, 1.1))))
    colour = (0.1, 0.07, 0.06) if canvas.chance(0.75) else (0.72, 0.6, 0.45)
    return blend(image, colour, canvas.strokes(curves) * canvas.between(0.55, 0.95))


def _ruler(canvas: Canvas, image: Array) -> Array:
    """A scale with ticks near one of the edges."""
    step, at = canvas.between(0.02, 0.05), canvas.between(0.03, 0.12)
    ticks = []
    for i in range(int(1 / step) + 1):
        reach = 0.05 if i % 5 == 0 else 0.025
        foot = complex(i * step, at)
        ticks.append(Curve(np.array([foot, foot + reach * 1j]), np.full(2, 0.0025)))
    cover = np.rot90(canvas.strokes(ticks), int(canvas.rng.integers(4)))
    return blend(image, (0.15, 0.15, 0.18), cover * canvas.between(0.4, 0.9))


def _lens(canvas: Canvas, image: Array) -> Array:
    """Uneven light, dark corners or a round black frame, and the camera's noise."""
    x0, y0 = canvas.between(0.42, 0.58), canvas.between(0.42, 0.58)
    away = np.hypot(canvas.x - x0, canvas.y - y0)
    image = image * (1 - canvas.between(0.0, 0.9) * away**2)[..., None]
    turn = canvas.between(0, 2 * np.pi)
    slope = (canvas.x - 0.5) * np.cos(turn) + (canvas.y - 0.5) * np.sin(turn)
    image = image * (1 + canvas.between(0.0, 0.4) * slope)[..., None]
    if canvas.chance(0.35):
        reach, soft = canvas.between(0.5, 0.66), canvas.between(0.02, 0.12)
        image = image * (0.04 + 0.96 * smoothstep(away, reach + soft, reach))[..., None]
    return image * (1 + 0.012 * canvas.noise(150))[..., None]
