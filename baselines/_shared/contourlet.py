"""Contourlet transform: a Laplacian pyramid whose details go through a directional filter bank.

Conventions: every channel is on its own; index (row, column). Filtering by t of length L is
y[m] = Σ_k t[k] x[m + ⌊L/2⌋ − shift − k], here a product with a matrix, faster at these sizes. A
level's subbands hold as many samples as its detail: a depth of the tree permutes H·W samples.

Sources: Do & Vetterli, IEEE T. Image Process. 14(12), 2005 (pyramid, tree, order of subbands);
Antonini et al., ibid. 1(2), 1992 ('9-7'); Phoong et al., IEEE T. Signal Process. 43(3), 1995 (f).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import sqrt
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Border = Literal["periodic", "reflect"]
Area = tuple[int, int, int, int]  # of the image on its canvas: top, left, height, width
_Pair = tuple[Tensor, Tensor]  # polyphase parts, or a filter's matrices: rows', columns' transposed
_Filters = tuple[_Pair, _Pair]  # F₁ and F

_H = (0.037828455506995, -0.023849465019380, -0.110624404418420, 0.377402855612650)
_G = (-0.064538882628938, -0.040689417609558, 0.418092273222210)
_V = (0.63, -0.193, 0.0972, -0.0526, 0.0272, -0.0144)
H_TAPS = (*_H, 0.852698679009400, *_H[::-1])  # '9-7': analysis low-pass
G_TAPS = (*_G, 0.788485616405660, *_G[::-1])  # '9-7': synthesis low-pass
# 'pkva': [v reversed, v] with every second tap negated, the first one too.
F_TAPS = tuple(t * (-1) ** (k + 1) for k, t in enumerate((*_V[::-1], *_V)))
MARGIN = 64  # px mirrored around the image by border "reflect"


class Subbands(NamedTuple):
    """What the transform gives.

    `low` is (B, C, H/2^L, W/2^L), `bands` a tuple of 2^n directional subbands a level, the finest
    level first: with its H and W, n = 3 gives four of (H/4, W/2), then four of (H/2, W/4).
    `area` is None where the image is its own canvas, so always with periodic borders.
    """

    low: Tensor
    bands: tuple[tuple[Tensor, ...], ...]
    area: Area | None = None

    def cropped(self) -> "Subbands":
        """The samples over the image alone, ⌈H / step⌉ rows of each; `inverse` needs them all."""
        side = self.low.shape[-1] << len(self.bands)
        bands = tuple(tuple(_crop(x, self.area, side) for x in level) for level in self.bands)
        return Subbands(_crop(self.low, self.area, side), bands)


class _Step(NamedTuple):
    order: list[Tensor]  # indices of p0, p1 of each block of nodes (K, h, w), or of each subband
    filters: list[_Filters]  # of the ladder on each block; none of subbands


class _Level(NamedTuple):
    down: _Pair  # h, then every second sample: (H/2, H) and (W, W/2)
    up: _Pair  # zeros between, then g: (H, H/2) and (W/2, W)
    steps: list[_Step]


class Contourlet(nn.Module):
    """Contourlet transform of every channel, with perfect reconstruction; it has no parameters.

    At each of L pyramid levels, where the next level's x is c; F₁ is F shifted by one sample:
        c = (H x)↓2             (1)    H, G, F: filters h, g ('9-7'), f ('pkva') along both axes
        d = x − G (c↑2)         (2)
        y0 = (p0 − F₁ p1) / √2  (3)    p0, p1: polyphase parts of d, then of each y: quincunx at
        y1 = −√2 p1 − F y0      (4)    depths 1 and 2 of the tree, parallelogram at 3 to n

    Borders: "periodic" wraps around; H and W must divide by `divisor`. It is meant for squares:
    others come back exactly too, but their first quincunx lattice does not close, and a seam
    crosses the image. "reflect" takes any size: its outermost samples mirror it onto a square
    canvas, MARGIN px or more larger on each side, that is transformed periodically (352 px, n = 3:
    the wrap moves levels 1 to 3 by < 1 % and level 4 by 7 % of its maximum). `Subbands.cropped`
    keeps what lies over the image; `inverse` crops by itself.
    float64 stays, all else is computed in float32, also under autocast; TF32 would be too coarse.

    Args:
        levels: L, at least 1.
        dfb_levels: n, depth of the directional filter bank; 0 leaves the details as they are.
    """

    def __init__(self, levels: int = 4, dfb_levels: int = 3, border: Border = "periodic") -> None:
        super().__init__()
        if levels < 1 or dfb_levels < 0 or border not in ("periodic", "reflect"):
            raise ValueError(
                f"Contourlet: levels {levels}, dfb_levels {dfb_levels}, border {border!r}; "
                "expected at least 1, at least 0, and 'periodic' or 'reflect'."
            )
        self.depths, self.border = (levels, dfb_levels), border
        self.divisor = max(2, 2 ** (dfb_levels - 1)) << (levels - 1)

    def forward(self, image: Tensor) -> Subbands:
        """Subbands of an image (B, C, H, W)."""
        low, area = _canvas(image, self.border, self.divisor)
        lead, bands = image.shape[:2], []
        with torch.autocast(image.device.type, enabled=False):
            for level in _plan(low.shape[-2:], self.depths, low.dtype, low.device):
                low, detail = _decompose(low, level)
                bands.append(tuple(y.view(lead + y.shape[1:]) for y in _analyse(detail, level)))
        return Subbands(low.view(lead + low.shape[1:]), tuple(bands), area)

    def inverse(self, subbands: Subbands) -> Tensor:
        """The image (B, C, H, W) that has these subbands."""
        low, bands, area = subbands
        if (area is None) != (self.border == "periodic") or len(bands) != self.depths[0]:
            raise ValueError(
                f"Contourlet.inverse: {len(bands)} levels of area {area}; expected what forward "
                f"gave, {self.depths[0]} levels with border {self.border!r}, before cropped()."
            )
        x = _planes(low)
        size = torch.Size(side << self.depths[0] for side in x.shape[-2:])
        with torch.autocast(low.device.type, enabled=False):
            plan = _plan(size, self.depths, x.dtype, x.device)
            for level, parts in zip(plan[::-1], bands[::-1], strict=True):
                x = _compose(x, _synthesise(parts, level), level)
        return _crop(x.view(low.shape[:2] + x.shape[1:]), area, x.shape[-1])


def laplacian(image: Tensor) -> tuple[Tensor, Tensor]:
    """One level of the pyramid, periodic: low (B, C, H/2, W/2), gain 2, and detail (B, C, H, W).

    The detail is the image less its low-pass: zero where the image is even.
    """
    low, ((detail,),), _ = Contourlet(levels=1, dfb_levels=0)(image)
    return low, detail


def _planes(x: Tensor) -> Tensor:
    return (x if x.dtype == torch.float64 else x.float()).flatten(0, 1)  # (B·C, H, W)


def _canvas(image: Tensor, border: Border, divisor: int) -> tuple[Tensor, Area | None]:
    """What is transformed periodically: the image's planes, or their mirrored squares."""
    if image.ndim != 4:
        raise ValueError(f"contourlet: image is {tuple(image.shape)}, expected (B, C, H, W).")
    height, width = image.shape[-2:]
    if border == "reflect":
        start = -(-MARGIN // divisor) * divisor
        side = start - (-(max(height, width) + MARGIN) // divisor) * divisor
        at = torch.arange(side, device=image.device) - start
        periods = (max(2 * s - 2, 1) for s in (height, width))
        rows, columns = (torch.minimum(at % p, -at % p) for p in periods)
        return _planes(image)[:, rows][..., columns], (start, start, height, width)
    if height % divisor or width % divisor:
        near = ({s // divisor, -(-s // divisor)} - {0} for s in (height, width))
        sides = [" or ".join(str(k * divisor) for k in sorted(n)) for n in near]
        raise ValueError(
            f"contourlet: image is {height} x {width}, expected multiples of {divisor}; resize it "
            f"to {sides[0]} rows and {sides[1]} columns, or use border 'reflect'."
        )
    return _planes(image), None


def _crop(x: Tensor, area: Area | None, side: int) -> Tensor:
    """The part over the image of a canvas of side² px, sampled as x."""
    if area is None:
        return x
    step = (side // x.shape[-2], side // x.shape[-1])
    top, left, height, width = (-(-a // step[k % 2]) for k, a in enumerate(area))
    return x[..., top : top + height, left : left + width]


def _sum(a: float, x: Tensor, b: float, filters: _Pair, z: Tensor) -> Tensor:
    """a x + b (rows z columns), added while multiplying to spare passes over memory."""
    rows, z = filters[0], z @ filters[1]
    if rows.shape[1] == 2 * z.shape[1]:  # two heights of the first quincunx lattice
        z = torch.cat([z, z.roll(z.shape[2] // 2, 2)], 1)
    return torch.baddbmm(x, rows.expand(len(z), -1, -1), z, beta=a, alpha=b)


def _decompose(x: Tensor, level: _Level) -> _Pair:
    # Eq. 1: c = (H x)↓2
    low = level.down[0] @ (x @ level.down[1])
    # Eq. 2: d = x − G (c↑2)
    return low, _sum(1, x, -1, level.up, low)


def _compose(low: Tensor, detail: Tensor, level: _Level) -> Tensor:
    """The pseudo-inverse of Eqs. 1 and 2: x = d + G ((c − (H d)↓2)↑2)."""
    return _sum(1, detail, 1, level.up, _sum(1, low, -1, level.down, detail))


def _ladder(p0: Tensor, p1: Tensor, filters: _Filters) -> _Pair:
    # Eq. 3: y0 = (p0 − F₁ p1) / √2
    y0 = _sum(sqrt(0.5), p0, -sqrt(0.5), filters[0], p1)
    # Eq. 4: y1 = −√2 p1 − F y0
    return y0, _sum(-sqrt(2), p1, -1, filters[1], y0)


def _unladder(y0: Tensor, y1: Tensor, filters: _Filters) -> _Pair:
    p1 = _sum(-sqrt(0.5), y1, -sqrt(0.5), filters[1], y0)
    return _sum(sqrt(2), y0, 1, filters[0], p1), p1


def _take(samples: Tensor, index: Tensor) -> Tensor:
    picked = samples.gather(1, index.flatten().expand(len(samples), -1))
    return picked.view(len(samples), *index.shape)


def _on_blocks(ladder: Callable[..., _Pair], parts: Sequence[Tensor], step: _Step) -> Tensor:
    """The ladder on both parts (N, K, h, w) of every block; all their samples (N, H·W)."""
    done = list(parts)
    for k, filters in enumerate(step.filters):
        pair = (x.flatten(0, 1) for x in parts[2 * k : 2 * k + 2])
        done[2 * k : 2 * k + 2] = (y.view(parts[2 * k].shape) for y in ladder(*pair, filters))
    return torch.cat([x.flatten(1) for x in done], 1)


def _analyse(detail: Tensor, level: _Level) -> list[Tensor]:
    samples = detail.flatten(1)
    for step in level.steps[:-1]:
        samples = _on_blocks(_ladder, [_take(samples, index) for index in step.order], step)
    return [_take(samples, index) for index in level.steps[-1].order]


def _synthesise(bands: Sequence[Tensor], level: _Level) -> Tensor:
    samples = torch.cat([_planes(band).flatten(1) for band in bands], 1)
    for step in level.steps[::-1]:
        flat = torch.split(samples, [index.numel() for index in step.order], 1)
        parts = [x.view(len(x), *i.shape) for x, i in zip(flat, step.order, strict=True)]
        index = torch.cat([i.flatten() for i in step.order]).expand_as(samples)
        samples = torch.empty_like(samples).scatter(1, index, _on_blocks(_unladder, parts, step))
    return samples.view(len(samples), len(level.up[0]), level.up[1].shape[1])


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch's own
@lru_cache(maxsize=32)
@torch.inference_mode(False)  # autograd would refuse what an inference had left here
def _plan(
    size: torch.Size, depths: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> tuple[_Level, ...]:
    with device:
        return tuple(_level([s >> k for s in size], depths[1], dtype) for k in range(depths[0]))


def _level(size: Sequence[int], dfb_levels: int, dtype: torch.dtype) -> _Level:
    """Its permutations are found by moving the samples' own indices through the tree."""
    h, g = ([_circulant(taps, side, 0, dtype) for side in size] for taps in (H_TAPS, G_TAPS))
    down, up = (h[0][::2], h[1][::2].mT), (g[0][:, ::2].contiguous(), g[1].mT[::2])
    nodes, steps = [torch.arange(size[0] * size[1]).view(*size)], []
    for depth in range(dfb_levels):
        parts = _polyphase(nodes, depth)
        filters = [_ladder_filters(p.shape[-2:], depth == 0, dtype) for p in parts]
        steps.append(_Step([x.contiguous() for p in parts for x in p], filters))
        at = torch.split(torch.arange(nodes[0].numel() * len(nodes)), [p.numel() for p in parts])
        # A ladder leaves its children in the order y0, y1; the tree has y1, y0 below the first.
        pairs = (a.view(p.shape).flip([0] if depth else []) for a, p in zip(at, parts, strict=True))
        nodes = [child for pair in pairs for child in pair.transpose(0, 1).flatten(0, 1)]
    return _Level(down, up, [*steps, _Step([x.contiguous() for x in _in_order(nodes)], [])])


def _circulant(taps: Sequence[float], size: int, shift: int, dtype: torch.dtype) -> Tensor:
    m, matrix = torch.arange(size), torch.zeros(size, size, dtype=dtype)
    for k, tap in enumerate(taps):
        matrix[m, (m + len(taps) // 2 - shift - k) % size] += tap
    return matrix


def _ladder_filters(size: Sequence[int], first: bool, dtype: torch.dtype) -> _Filters:
    """F₁ and F. The first quincunx lattice closes after two heights, half a width aside."""
    sides = (size[0] << first, size[1])
    (r1, r), (c1, c) = ([_circulant(F_TAPS, s, k, dtype) for k in (1, 0)] for s in sides)
    return (r1[: size[0]], c1.mT), (r[: size[0]], c.mT)


def _polyphase(nodes: list[Tensor], depth: int) -> list[Tensor]:
    """Parts of all nodes, (2, K, h, w); of even and odd rows, then of even and odd columns."""
    half = len(nodes) // 2 if depth > 1 else 1 - depth
    upper = [_parts(x, k, depth) for k, x in enumerate(nodes[:half])]
    lower = [_parts(x.mT, k, depth).mT for k, x in enumerate(nodes[half:])]
    return [torch.stack(parts, 1) for parts in (upper, lower) if parts]


def _parts(x: Tensor, k: int, depth: int) -> Tensor:
    x, sign = (_shear(x, -1), 1) if depth < 2 else (x, (-1) ** k)
    odd = x[1::2].roll(-1, 1) if sign > 0 else x[1::2]
    return torch.stack([_shear(part.mT, sign).mT for part in (x[::2], odd)])


def _shear(x: Tensor, amount: int, per: int = 1) -> Tensor:
    """y[i, j] = x[(i + ⌊amount j / per⌋) mod h, j]."""
    i, j = torch.arange(x.shape[0])[:, None], torch.arange(x.shape[1])
    return x[(i + amount * j // per) % x.shape[0], j]


def _in_order(nodes: list[Tensor]) -> list[Tensor]:
    """By direction, and without the shear that the tree leaves (back-sampling)."""
    half = len(nodes) // 2
    upper, lower = nodes[:half], nodes[half:]
    if half == 1:
        upper, lower = ([_shear(_shear(x.mT, -1).mT, 1, per=2) for x in h] for h in (upper, lower))
    if half > 2:
        amounts = [2 * (k // 2) + 1 - half // 2 for k in range(half)]
        upper = [_shear(x.mT, a).mT for x, a in zip(upper, amounts, strict=True)]
        lower = [_shear(x, a) for x, a in zip(lower, amounts, strict=True)]
    return upper + lower[::-1]
