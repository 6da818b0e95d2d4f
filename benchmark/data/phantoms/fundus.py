"""Fundus photographs drawn by us: the reference is the optic disc, cup included."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Eye:
    """Where things are: `side` is +1 where the macula lies to the right of the disc."""

    disc: Blob
    cup: Blob
    side: int
    macula: tuple[float, float]


def draw_fundus(canvas: Canvas) -> tuple[Array, Mask]:
    """One retina in a round field: image (size, size, 3) in [0, 1] and the disc's mask."""
    eye = _plan(canvas)
    base = np.array([canvas.between(0.38, 0.88), 0.0, 0.0])
    base[1] = base[0] * canvas.between(0.36, 0.58)
    base[2] = base[1] * canvas.between(0.1, 0.55)
    image = _background(canvas, eye, base)
    image = _spots(canvas, image)
    mask = (eye.disc.level(canvas.x, canvas.y) < 1).astype(np.uint8)
    image = _disc(canvas, eye, image)
    image = _vessels(canvas, eye, image)
    return _camera(canvas, image), mask


def _plan(canvas: Canvas) -> Eye:
    """A left or a right eye, its disc and cup of random size and place."""
    side = 1 if canvas.chance(0.5) else -1
    # Some pictures centre the disc, the others the macula.
    offset = canvas.between(0.0, 0.1) if canvas.chance(0.4) else canvas.between(0.15, 0.3)
    x, y = 0.5 - side * offset, canvas.between(0.38, 0.6)
    area = lognormal_area(canvas, 0.026, 0.38, (0.01, 0.06))
    disc = Blob(
        x,
        y,
        area,
        canvas.between(0.75, 1.0),
        canvas.between(-0.4, 0.4),
        waves(canvas, range(2, 6), 0.03),
    )
    shift = side * disc.radius * canvas.between(0.0, 0.18)
    share = canvas.between(0.28, 0.8) ** 2
    lift = disc.radius * canvas.between(-0.1, 0.1)
    cup = Blob(
        x + shift,
        y + lift,
        area * share,
        canvas.between(0.8, 1.15),
        0.0,
        waves(canvas, range(2, 5), 0.06),
    )
    away = disc.radius * canvas.between(3.6, 4.8)
    return Eye(disc, cup, side, (x + side * away, y + disc.radius * canvas.between(0.1, 0.7)))


def _background(canvas: Canvas, eye: Eye, base: Array) -> Array:
    """The red-orange retina with choroidal stripes, uneven light and the dark macula."""
    light = 1 + 0.1 * canvas.fractal(3, 2)
    angle, slope = canvas.between(0, 2 * np.pi), canvas.between(0.0, 0.75)
    light += slope * ((canvas.x - 0.5) * np.cos(angle) + (canvas.y - 0.5) * np.sin(angle))
    image = base * np.clip(light, 0.25, 1.6)[..., None]
    grain = canvas.fractal(16, 4, 0.6)
    image *= 1 + np.array([0.015, 0.04, 0.06]) * grain[..., None]
    if canvas.chance(0.55):
        # Where the pigment is thin the choroid's vessels show as pale stripes.
        stripes = smoothstep(np.abs(canvas.fractal(9, 2)), 0.7, 0.0)
        strength = canvas.between(0.05, 0.18)
        image *= 1 + strength * np.array([0.6, 1.0, 0.7]) * (stripes - 0.5)[..., None]
    away = np.hypot(canvas.x - eye.macula[0], canvas.y - eye.macula[1]) / eye.disc.radius
    dark = canvas.between(0.2, 0.5) * np.exp(-(away**2) / canvas.between(1.2, 3.5))
    image *= 1 - np.array([0.7, 1.0, 0.9]) * dark[..., None]
    return np.asarray(image)


def _spots(canvas: Canvas, image: Array) -> Array:
    """Exudates, pale scars and bleedings: what a rule of colour takes for the disc."""
    pale = np.array([1.0, 0.82, 0.45])
    for _ in range(int(canvas.rng.integers(0, 3))):
        x, y = canvas.between(0.15, 0.85), canvas.between(0.15, 0.85)
        area = lognormal_area(canvas, 0.008, 0.7, (0.002, 0.03))
        patch = Blob(x, y, area, canvas.between(0.5, 1.8), 0.0, waves(canvas, range(2, 8), 0.16))
        level = patch.level(canvas.x, canvas.y)
        body = smoothstep(level + 0.2 * canvas.fractal(14, 2), 1.35, 0.4)
        image = blend(image, image * 0.4 + pale * 0.6, body * canvas.between(0.2, 0.7))
    if canvas.chance(0.3):
        x, y = canvas.between(0.2, 0.8), canvas.between(0.2, 0.8)
        near = np.exp(-(((canvas.x - x) ** 2 + (canvas.y - y) ** 2) / canvas.between(0.005, 0.03)))
        drops = smoothstep(canvas.noise(44) + 1.1 * near, 1.8, 2.7)
        image = blend(image, pale, drops * near**0.3 * canvas.between(0.25, 0.75))
    if canvas.chance(0.25):
        blots = smoothstep(canvas.noise(28) + 0.3 * canvas.noise(70), 1.8, 3.0)
        image = image * (
            1 - canvas.between(0.5, 1.0) * np.array([0.4, 0.65, 0.55]) * blots[..., None]
        )
    return image


def _disc(canvas: Canvas, eye: Eye, image: Array) -> Array:
    """The atrophy beside the disc, the rim and the brighter cup."""
    x, y, side, radius = canvas.x, canvas.y, eye.side, eye.disc.radius
    level = eye.disc.level(x, y)
    local = image[level < 1].mean(axis=0)
    # The disc has the hue of its surroundings, about twice as bright and a little yellower.
    pale = np.clip(local * 1.75 * np.array([0.95, 1.25, 1.1]) + 0.04, 0.0, 1.0)
    if canvas.chance(0.5):
        grown = canvas.between(1.1, 1.5)
        around = Blob(
            eye.disc.x + side * radius * canvas.between(0.1, 0.5),
            eye.disc.y,
            eye.disc.area * grown**2,
            canvas.between(0.8, 1.1),
            0.0,
            waves(canvas, range(2, 7), 0.05),
        )
        mottled = 0.75 + 0.3 * canvas.fractal(24, 3, 0.7)
        crescent = smoothstep(around.level(x, y), 1.06, 0.94) * np.clip(mottled, 0, 1.2)
        image = blend(
            image, pale * np.array([0.85, 0.85, 1.0]), crescent * canvas.between(0.15, 0.6)
        )
    contrast = canvas.between(0.18, 0.8)
    soft = canvas.between(0.06, 0.22)
    toward = side * (x - eye.disc.x) / radius
    rim = smoothstep(level, 1 + soft, 1 - soft) * np.clip(0.85 + 0.25 * toward, 0.6, 1.1)
    image = blend(image, pale * np.array([1.0, 0.9, 0.85]), np.clip(rim * contrast, 0, 1))
    if canvas.chance(0.3):
        ring = np.exp(-(((level - 1.0) / 0.09) ** 2))
        image = blend(image, pale, ring * canvas.between(0.1, 0.35))
    deep = smoothstep(eye.cup.level(x, y), 1.25, 0.75)
    bright = np.clip(local * 2.4 * np.array([0.9, 1.5, 1.7]) + 0.1, 0.0, (1.0, 0.93, 0.75))
    fibres = 1 + 0.08 * canvas.noise(60)
    return blend(
        image,
        bright * fibres[..., None],
        deep * np.clip(contrast * canvas.between(0.5, 1.2), 0, 0.95),
    )


@dataclass(frozen=True)
class _Twig:
    """A vessel to be drawn; its angles are those of an eye whose macula is to the right."""

    start: complex
    heading: float
    bend: float
    length: float
    radius: float
    side: int
    depth: int


def _vessels(canvas: Canvas, eye: Eye, image: Array) -> Array:
    """Two arcades and the nasal vessels, veins wider and darker than arteries."""
    width = canvas.between(0.8, 1.2)
    dark = canvas.between(0.4, 0.85)
    for radius, tint in ((0.0085, (0.3, 0.62, 0.5)), (0.006, (0.14, 0.48, 0.42))):
        curves: list[Curve] = []
        for up in (-1, 1):
            for nasal in (False, True):
                _branch(canvas, curves, _trunk(canvas, eye, up, nasal, radius * width))
        cover = canvas.strokes(curves)
        image = image * (1 - dark * np.array(tint) * cover[..., None])
    return image


def _trunk(canvas: Canvas, eye: Eye, up: int, nasal: bool, radius: float) -> _Twig:
    """A vessel as it leaves the disc: an arcade bends round the macula, a nasal one hardly."""
    inward, lift = canvas.between(0.0, 0.35), canvas.between(0.0, 0.3)
    start = complex(
        eye.disc.x - eye.side * eye.disc.radius * inward, eye.disc.y + up * eye.disc.radius * lift
    )
    tilt = canvas.between(0.45, 1.1) if nasal else canvas.between(-0.35, 0.25)
    bend = canvas.between(0.6, 1.1) * (0.25 if nasal else -1.5)
    radius = radius * canvas.between(0.8, 1.1) * (0.7 if nasal else 1.0)
    length = canvas.between(0.5, 0.75)
    return _Twig(start, up * (np.pi / 2 + tilt), up * bend, length, radius, eye.side, 0)


def _branch(canvas: Canvas, curves: list[Curve], twig: _Twig) -> None:
    """Add a vessel and, twice over, the thinner ones that leave it."""
    points = walk(canvas, 0j, twig.heading, twig.bend, twig.length)
    radii = twig.radius * (1 - 0.6 / (len(points) - 1) * np.arange(len(points)))
    placed = twig.start + twig.side * points.real + 1j * points.imag
    curves.append(Curve(placed, radii.astype(float)))
    if twig.depth == 2:
        return
    for at in np.cumsum(canvas.rng.uniform(0.14, 0.38, 3 - twig.depth)):
        i = int(at * (len(points) - 1))
        if not 0 < i < len(points) - 1:
            continue
        turn = (1 if canvas.chance(0.5) else -1) * canvas.between(0.4, 0.9)
        heading = float(np.angle(points[i + 1] - points[i])) + turn
        length = twig.length * canvas.between(0.4, 0.65)
        child = _Twig(
            complex(placed[i]),
            heading,
            -turn * 0.8,
            length,
            float(radii[i]) * 0.62,
            twig.side,
            twig.depth + 1,
        )
        _branch(canvas, curves, child)


def _camera(canvas: Canvas, image: Array) -> Array:
    """The round field, its vignette, stray light at the rim, haze and sensor noise."""
    x0, y0 = canvas.between(0.48, 0.52), canvas.between(0.48, 0.52)
    reach = canvas.between(0.46, 0.55)
    away = np.hypot(canvas.x - x0, canvas.y - y0) / reach
    image = image * (1 - canvas.between(0.1, 0.65) * np.clip(away, 0, 1) ** 2.5)[..., None]
    if canvas.chance(0.35):
        angle = canvas.between(0, 2 * np.pi)
        near = np.hypot(
            canvas.x - x0 - reach * np.cos(angle), canvas.y - y0 - reach * np.sin(angle)
        )
        flare = np.exp(-((near / canvas.between(0.06, 0.22)) ** 2)) * canvas.between(0.3, 0.9)
        image = blend(image, (1.0, 0.8, 0.4), flare)
    if canvas.chance(0.3):
        image = blend(
            image, image.mean(axis=(0, 1)) * 1.15, np.full_like(away, canvas.between(0.1, 0.4))
        )
    image = image * (1 + 0.01 * canvas.noise(160))[..., None]
    edge = canvas.between(0.004, 0.02) + canvas.px
    return blend(np.full_like(image, 0.012), image, smoothstep(away, 1.0, 1.0 - edge / reach))
