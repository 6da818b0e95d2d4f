"""Colonoscopy frames drawn by us: a lit height field of folds; the reference is its polyps."""

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
class Polyp:
    """One polyp: its level (below 1 inside), how far and how steeply it stands out, its colour."""

    blob: Blob
    level: Array
    height: float
    edge: float
    tint: Array
    lobes: Array


@dataclass(frozen=True)
class Wall:
    """The bowel wall: its height, how much light reaches it, and its colour."""

    height: Array
    light: Array
    colour: Array


def draw_colonoscopy(canvas: Canvas) -> tuple[Array, Mask]:
    """One frame: image (size, size, 3) in [0, 1] and the mask of the visible polyps."""
    visible = _frame(canvas)
    polyps = _polyps(canvas)
    visible = visible * _inset(canvas, polyps)
    image = _lit(canvas, _wall(canvas, polyps))
    image = _debris(canvas, image)
    mask = (np.min([p.level for p in polyps], axis=0) < 1) & (visible > 0.5)
    return _screen(canvas, image, visible), mask.astype(np.uint8)


def _polyps(canvas: Canvas) -> list[Polyp]:
    """One polyp, or two or three smaller ones; a fifth of them are flat."""
    count = int(canvas.rng.choice([1, 2, 3], p=[0.85, 0.1, 0.05]))
    flat = canvas.chance(0.2)
    tint = np.array([1.08, 0.93, 0.92]) + canvas.rng.standard_normal(3) * [0.04, 0.09, 0.08]
    found = []
    for _ in range(count):
        area = lognormal_area(canvas, 0.075 / count, 0.85, (0.006, 0.4))
        room = 0.3 - 0.2 * np.sqrt(area)
        blob = Blob(
            0.5 + canvas.between(-room, room),
            0.5 + canvas.between(-room, room),
            area,
            canvas.between(0.6, 1.0),
            canvas.between(0, np.pi),
            waves(canvas, range(2, 6), 0.09),
        )
        bent = min(0.08 * blob.radius, 0.012)
        level = blob.level(canvas.x + bent * canvas.noise(8), canvas.y + bent * canvas.noise(8))
        tall = canvas.between(0.05, 0.15) if flat else canvas.between(0.3, 0.85)
        edge = canvas.between(0.65, 1.6)
        lobes = canvas.noise(max(5, int(1.5 / blob.radius))) * canvas.between(0.0, 0.1)
        found.append(Polyp(blob, level, tall * blob.radius, edge, tint, lobes))
    return found


def _wall(canvas: Canvas, polyps: list[Polyp]) -> Wall:
    """Folds around a lumen that may lie outside the frame, and the polyps on them."""
    # The lumen lies away from the first polyp: what stands in its dark cannot be seen.
    at = complex(polyps[0].blob.x - 0.5, polyps[0].blob.y - 0.5)
    turn = float(np.angle(-at)) + canvas.between(-1.3, 1.3)
    reach = canvas.between(0.12, 0.75)
    x = canvas.x - 0.5 - reach * np.cos(turn) + 0.05 * canvas.noise(4)
    y = canvas.y - 0.5 - reach * np.sin(turn) + 0.05 * canvas.noise(4)
    away = np.hypot(x, y * canvas.between(0.75, 1.3)) + 0.03
    ripples = 0.35 * np.cos(3 * np.arctan2(y, x) + canvas.between(0, 6)) + 0.7 * canvas.noise(3)
    phase = (canvas.between(0, 1) + ripples / 3 - canvas.between(0.9, 2.6) * np.log(away)) % 1.0
    # Towards the lumen a fold brightens up to its crest; behind the crest lies shadow.
    fold = phase**1.5 * smoothstep(phase, 1.0, 0.9)
    strength = canvas.between(0.1, 1.0) * smoothstep(canvas.noise(3), -1.2, 1.0)
    height = 0.02 * strength * fold + 0.014 * canvas.fractal(4, 2)
    light = smoothstep(away, 0.0, canvas.between(0.25, 0.8)) * (0.75 + strength * (fold - 0.35))
    spot = np.hypot(canvas.x - canvas.between(0.3, 0.7), canvas.y - canvas.between(0.3, 0.7))
    light = np.clip(light, 0.02, None) * (1.1 - canvas.between(0.4, 1.2) * spot**1.5)
    shade = canvas.between(0, 2 * np.pi)
    for polyp in polyps:
        dome = np.clip(1 - polyp.level**2, 0, 1) ** polyp.edge
        covered = smoothstep(polyp.level, 1.02, 0.8) * np.clip(10 * polyp.height, 0, 0.9)
        height = height * (1 - covered) + polyp.height * dome * (1 + polyp.lobes)
        # Standing out it is nearer to the lamp; on one side it keeps light from the wall.
        light = light + (0.55 + 0.4 * light.mean() + 4 * (height - 0.03) * dome - light) * covered
        side = np.cos(np.arctan2(canvas.y - polyp.blob.y, canvas.x - polyp.blob.x) - shade)
        cast = np.exp(-(np.clip(polyp.level - 1, 0, None) / 0.16)) * np.clip(side + 0.5, 0, 1)
        light = light * (1 - np.clip(5 * polyp.height, 0, 0.55) * cast * (polyp.level > 1))
    return Wall(height, np.clip(light, 0.02, None), _mucosa(canvas, polyps))


def _mucosa(canvas: Canvas, polyps: list[Polyp]) -> Array:
    """Pink to orange, with patches and fine vessels that polyps lack."""
    red = canvas.between(0.78, 0.95)
    green = red * canvas.between(0.36, 0.56)
    base = np.array([red, green, green * canvas.between(0.6, 0.92)])
    patches = canvas.fractal(3, 4, 0.6)
    colour = base * (1 + np.array([0.03, 0.09, 0.1]) * patches[..., None])
    bare = np.min([smoothstep(p.level, 0.85, 1.1) for p in polyps], axis=0)
    if canvas.chance(0.6):
        lines = smoothstep(np.abs(canvas.fractal(8, 3, 0.6)), 0.16, 0.0)
        lines = lines * smoothstep(canvas.noise(5), -0.5, 1.0) * bare
        colour = colour * (
            1 - canvas.between(0.15, 0.45) * np.array([0.5, 1, 0.9]) * lines[..., None]
        )
    pits = canvas.fractal(40, 2, 0.8)
    colour = colour * (1 + canvas.between(0.01, 0.05) * pits)[..., None]
    pits = canvas.between(0.0, 0.06) * pits
    for polyp in polyps:
        soft = smoothstep(polyp.level, 1.12, 0.88)
        grain = 1 + (pits + 0.5 * polyp.lobes)[..., None]
        colour = blend(colour, colour * polyp.tint * grain, soft)
    return colour


def _lit(canvas: Canvas, wall: Wall) -> Array:
    """Lambert's law, and highlights where the wet surface mirrors the lamp."""
    bumps = canvas.fractal(22, 2, 0.6), canvas.fractal(22, 2, 0.6)
    down, across = np.gradient(wall.height, canvas.px)
    lamp = np.array([canvas.between(-0.5, 0.5), canvas.between(-0.5, 0.5), 1.0])
    lamp = lamp / np.linalg.norm(lamp)
    facing = (lamp[2] - across * lamp[0] - down * lamp[1]) / np.sqrt(1 + across**2 + down**2)
    image = wall.colour * (wall.light * np.clip(facing, 0.25, 1) ** 1.3)[..., None]
    # A bright scene, bent over where the sensor saturates.
    image = 1.12 * (1 - np.exp(-canvas.between(1.5, 2.6) * image))
    wet = canvas.between(0.12, 0.35)
    slope_x = across + wet * bumps[0] - 0.5 * lamp[0]
    slope_y = down + wet * bumps[1] - 0.5 * lamp[1]
    mirror = np.exp(-(slope_x**2 + slope_y**2) / 0.012) * smoothstep(wall.light, 0.3, 0.8)
    patchy = smoothstep(canvas.noise(6), canvas.between(-0.8, 0.9), 1.7)
    glints = smoothstep(mirror * patchy, 0.12, 0.45)
    return blend(image, (1.0, 0.98, 0.97), 0.95 * glints)


def _debris(canvas: Canvas, image: Array) -> Array:
    """Mucus, bubbles and now and then an instrument: none of them is a polyp."""
    if canvas.chance(0.35):
        level = canvas.noise(5) + 0.35 * canvas.fractal(20, 2)
        pool = smoothstep(level, 1.2, 1.7) * canvas.between(0.25, 0.8)
        image = blend(image, image.max(axis=-1, keepdims=True) * np.array([0.95, 0.75, 0.3]), pool)
    if canvas.chance(0.3):
        x, y = canvas.between(0.2, 0.8), canvas.between(0.2, 0.8)
        for _ in range(int(canvas.rng.integers(4, 14))):
            radius = canvas.between(0.008, 0.03)
            off = canvas.rng.standard_normal(2) * 0.07
            away = np.hypot(canvas.x - x - off[0], canvas.y - y - off[1]) / radius
            ring = np.exp(-(((away - 1) / (0.25 + 0.5 * canvas.px / radius)) ** 2))
            image = blend(image, np.clip(image * 1.5 + 0.1, 0, 1), 0.6 * ring)
    if canvas.chance(0.1):
        angle = canvas.between(0, 2 * np.pi)
        start = 0.5 + 0.5j + 0.75 * np.exp(1j * angle)
        tool = walk(canvas, complex(start), angle + np.pi, 0.2, canvas.between(0.35, 0.6))
        cover = canvas.strokes([Curve(tool, np.full(len(tool), canvas.between(0.012, 0.03)))])
        image = blend(image, (0.75, 0.78, 0.8), cover * 0.9)
    return image


def _frame(canvas: Canvas) -> Array:
    """What the endoscope shows: a square whose corners are cut or rounded."""
    x, y = np.abs(canvas.x - 0.5), np.abs(canvas.y - 0.5)
    wide, high = canvas.between(0.455, 0.52), canvas.between(0.47, 0.52)
    if canvas.chance(0.6):
        corner = (x + y) - canvas.between(0.68, 0.86)
    else:
        corner = np.hypot(x, y) - canvas.between(0.52, 0.66)
    outside = np.maximum(np.maximum(x - wide, y - high), corner)
    return smoothstep(outside, canvas.px, -0.012)


def _inset(canvas: Canvas, polyps: list[Polyp]) -> Array:
    """0 where a small window of the endoscope's position covers the lower left corner, else 1."""
    right, top = canvas.between(0.25, 0.36), canvas.between(0.66, 0.78)
    hides = any(p.blob.x < right and p.blob.y > top for p in polyps)
    if hides or not canvas.chance(0.25):
        return np.ones_like(canvas.x)
    return np.where((canvas.x < right) & (canvas.y > top), 0.0, 1.0)


def _screen(canvas: Canvas, image: Array, visible: Array) -> Array:
    """The black surround with its small print, and the camera's noise."""
    image = image * (1 + 0.02 * canvas.noise(150))[..., None]
    image = blend(np.full_like(image, 0.015), image, visible)
    if canvas.chance(0.4):
        image = blend(image, (0.9, 0.9, 0.9), 0.8 * canvas.strokes(_small_print(canvas)))
    return image


def _small_print(canvas: Canvas) -> list[Curve]:
    """A few lines of what reads as text from afar, at the left."""
    letters = []
    for _ in range(int(canvas.rng.integers(2, 6))):
        place, end = complex(0.01, canvas.between(0.06, 0.5)), canvas.between(0.08, 0.2)
        while place.real < end:
            letters.append(Curve(np.array([place, place + 0.004 + 0.006j]), np.full(2, 0.003)))
            place += canvas.between(0.008, 0.02)
    return letters
