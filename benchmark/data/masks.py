"""Reads a mask from a picture of any mode: finds the channel that carries it, then its lesion.

**Conventions** A mask may lie in a grey channel, in the one channel (or several equal ones) of a
coloured picture that is not black throughout, in a picture of black and one other colour, or in the
transparency. Where the picture and its transparency could both be the mask and do not agree, or
where colours differ in more than one way, the mask is refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

from benchmark.core.errors import ImageError
from benchmark.data.decode import Decoded, load
from benchmark.data.mask_rules import (
    SAY_WHICH,
    TOLERANCE,
    ListedCodes,
    MaskRule,
    Rule,
    UnfitError,
    Values,
)

__all__ = ["ListedCodes", "Mask", "MaskRule", "Rule", "read_mask"]

Pixels = np.ndarray

COLOUR_SHARE = 0.001  # of a blurred mask; its edges may be a little coloured
FEW_COLOURS = 8
DIFFERENT = 0.05  # of the joint area: where two readings of one mask differ more, they disagree
ROWS = 4_000_000  # pixels that are counted at once; counting takes 8 bytes each
GREY_MASK = "a grey or black-and-white mask"


@dataclass(frozen=True)
class Mask:
    """A mask as it was read.

    Attributes:
        pixels: bool (H, W).
        code: the value by which the lesion was known, 1 or another (255 stands for all others);
            None where the mask is empty, or where its rule lists the codes.
    """

    pixels: Pixels
    code: int | None


@dataclass(frozen=True)
class _Plane:
    """One channel that could carry the mask: its pixels, uint8 or uint16, and their values."""

    pixels: Pixels
    values: Values


def read_mask(path: Path, rule: Rule) -> Mask:
    """A mask by its layout's rule; masks that hold nothing but 0 and 1 are read as such.

    Raises: ImageError if it is damaged, its colours or its transparency are not those of a mask, or
        its values are not those of the rule.
    """
    decoded = load(path)
    try:
        alpha = _alpha(decoded)
        if alpha is None:
            return _read(_picture(decoded), rule)
        return _of_two(decoded, alpha, rule)
    except UnfitError as unfit:
        raise ImageError(path, unfit.found, unfit.expected, unfit.do) from None


def mask_values(path: Path) -> tuple[Pixels, bool]:
    """The channel that carries a mask, without regard to transparency, and whether it is lossy.

    Returns: uint8 or uint16 (H, W), and whether compression may have changed the values.

    Raises: ImageError if it is damaged, or its colours are not those of a mask.
    """
    try:
        plane = _picture(load(path))
        return plane.pixels, plane.values.lossy
    except UnfitError as unfit:
        raise ImageError(path, unfit.found, unfit.expected, unfit.do) from None


def _read(plane: _Plane, rule: Rule) -> Mask:
    lesion = sorted(rule.lesion(plane.values))
    table = np.zeros(np.iinfo(plane.pixels.dtype).max + 1, bool)
    table[lesion] = True
    code = None
    if lesion and isinstance(rule, MaskRule):
        code = 1 if lesion[-1] == 1 else 255
    return Mask(table[plane.pixels], code)


def _of_two(decoded: Decoded, alpha: _Plane, rule: Rule) -> Mask:
    """The mask of a picture with transparency, from whichever of the two carries it."""
    even = len(alpha.values.counts) == 1
    try:
        picture = _picture(decoded)
        seen = _read(picture, rule)
    except UnfitError:
        if even:
            raise
        return _read(alpha, rule)
    flat = len(picture.values.counts) == 1
    if flat and not even:
        return _read(alpha, rule)
    hidden = flat and alpha.values.highest == 0
    if isinstance(rule, ListedCodes) or (even and not hidden):
        return seen
    try:
        through = _read(alpha, rule)
    except UnfitError:
        return seen
    joint = np.count_nonzero(seen.pixels | through.pixels)
    if np.count_nonzero(seen.pixels != through.pixels) > DIFFERENT * joint:
        raise _undecided(picture, seen, through)
    return Mask(seen.pixels & through.pixels, seen.code)


def _undecided(picture: _Plane, seen: Mask, through: Mask) -> UnfitError:
    by_grey, by_alpha = np.count_nonzero(seen.pixels), np.count_nonzero(through.pixels)
    dark, light = min(picture.values.counts), picture.values.highest
    return UnfitError(
        f"{picture.values} and transparent parts: the picture would make {by_grey} pixels the "
        f"lesion, the transparency {by_alpha}",
        "a mask in one of the two",
        "Save it without transparency, or say which codes of the picture are the lesion, with "
        f"--lesion-codes {dark} --background-codes {light} or the other way round.",
    )


def _picture(decoded: Decoded) -> _Plane:
    """The channel of the colours, without regard to transparency."""
    picture, lossy = decoded.picture, decoded.lossy
    if picture.mode == "F":
        raise UnfitError("floating-point pixels", "8 or 16 bits a channel", "Save it as PNG.")
    if decoded.grey:
        return _plane(decoded.sixteen(), lossy)
    if decoded.deep:
        _refuse_deep_colours(decoded)
    if picture.mode in ("1", "L"):
        return _plane(np.asarray(picture.convert("L")), lossy)
    if picture.mode in ("LA", "La"):
        return _plane(np.asarray(picture.convert("LA").getchannel("L")), lossy)
    # RGBA keeps the colours of transparent pixels, and so does not lose what lies under them.
    full = "RGBA" if picture.has_transparency_data else "RGB"
    rgb = Image.merge("RGB", picture.convert(full).split()[:3])
    return _plane(np.asarray(_carrier(rgb, lossy)), lossy)


def _alpha(decoded: Decoded) -> _Plane | None:
    """The transparency; None where there is none, or where all is opaque."""
    picture = decoded.picture
    if decoded.grey or not picture.has_transparency_data:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else _plane(np.asarray(alpha), decoded.lossy)


def _plane(pixels: Pixels, lossy: bool) -> _Plane:
    size = np.iinfo(pixels.dtype).max + 1
    step = max(1, ROWS // pixels.shape[1])
    parts = (pixels[row : row + step].ravel() for row in range(0, len(pixels), step))
    counts = np.zeros(size, np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=size)
    found = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    return _Plane(pixels, Values(found, lossy))


def _carrier(rgb: Image.Image, lossy: bool) -> Image.Image:
    """The channel of a coloured picture that carries the mask."""
    bands = rgb.split()
    lightest = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    live = [band for band in bands if band.getextrema() != (0, 0)] or [bands[0]]
    if all(_equal(live[0], other) for other in live[1:]):
        return live[0]
    colours = None if lossy else rgb.getcolors(FEW_COLOURS)
    if colours is None:
        return _blurred(bands, lightest)
    by_colour = {colour: count for count, colour in colours if isinstance(colour, tuple)}
    if len(by_colour) == 2 and (0, 0, 0) in by_colour:
        return lightest
    if len(by_colour) == 2 and all(max(colour) - min(colour) <= TOLERANCE for colour in by_colour):
        return bands[1]
    shown = ", ".join(f"{colour} ({count} pixels)" for colour, count in sorted(by_colour.items()))
    do = f"Save label numbers in one channel. {SAY_WHICH}"
    raise UnfitError(f"colours {shown}", "black and one other colour", do)


def _blurred(bands: tuple[Image.Image, ...], lightest: Image.Image) -> Image.Image:
    """The channel of a mask whose values are blurred: it may be a little coloured, not more."""
    darkest = ImageChops.darker(ImageChops.darker(bands[0], bands[1]), bands[2])
    spread = ImageChops.subtract(lightest, darkest).histogram()
    coloured = sum(spread[TOLERANCE + 1 :])
    if coloured / sum(spread) > COLOUR_SHARE or (coloured and _disagree(bands[1], lightest)):
        share = f"{coloured / sum(spread):.2%} of the pixels are coloured"
        do = "Is this the mask, or an overlay or a palette of labels?"
        raise UnfitError(share, GREY_MASK, do)
    return bands[1] if np.asarray(lightest).max() > TOLERANCE else lightest


def _equal(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getextrema() == (0, 0)


def _disagree(one: Image.Image, other: Image.Image) -> bool:
    """Whether two channels would give other foregrounds."""
    return bool(((np.asarray(one) > 127) != (np.asarray(other) > 127)).any())


def _refuse_deep_colours(decoded: Decoded) -> None:
    """Colours of 16 bits are read if they are 8 bits written twice; the rest would be lost."""
    values = decoded.sixteen()
    if (values % 257).any():
        found = f"colours of 16 bits with values up to {values.max()}"
        raise UnfitError(found, "a mask of 8 bits, or a grey one", "Save it as grey PNG.")
