"""Reads one image and its masks, checks them, and reduces both to a square of the mix's size."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmark.core.errors import ImageError
from benchmark.data.decode import Depth, load
from benchmark.data.masks import Mask, Rule, read_mask

Pixels = np.ndarray


class Case(NamedTuple):
    """One case at the mix's size.

    Attributes:
        image: uint8 (size, size, 3) RGB.
        mask: uint8 (size, size), 0 or 1.
        codes: the values by which the lesion was known in its masks: see `masks.Mask.code`.
    """

    image: Pixels
    mask: Pixels
    codes: frozenset[int] = frozenset()


def read_case(
    image: Path, masks: Sequence[Path], rule: Rule, size: int, depth: Depth | None = None
) -> Case:
    """One case, squashed to a square: the image bicubic with antialiasing, the mask nearest.

    Args:
        image: the picture's file.
        masks: files whose foregrounds are joined by OR.
        rule: how the masks' values are read.
        size: side of the square in pixels.
        depth: how pictures of more than 8 bits are read.

    Raises: ImageError naming the file that cannot be used.
    """
    square = (size, size)
    picture = read_image(image, depth)
    upright = picture.size
    small = np.asarray(picture.resize(square, Image.Resampling.BICUBIC))
    del picture  # of large photographs, only one picture is held at a time
    mask = np.zeros(upright[::-1], np.uint8)
    codes = set()
    for path in masks:
        read = _mask_of(path, rule, image, upright)
        mask |= read.pixels
        codes.add(read.code)
    reduced = np.asarray(Image.fromarray(mask).resize(square, Image.Resampling.NEAREST))
    return Case(small, reduced, frozenset(code for code in codes if code is not None))


def read_image(path: Path, depth: Depth | None = None) -> Image.Image:
    """A picture as 8-bit RGB, turned upright.

    Transparent parts become black, unless all is transparent: then nobody used it. Of more than 8
    bits the upper eight of those in use are kept; grey and palette pictures become RGB; CMYK is
    converted without a profile.

    Args:
        depth: how the deep pictures of its folder are read; None judges by this one alone.

    Raises: ImageError if it is damaged, too small, too large or deeper than 16 bits.
    """
    decoded = load(path)
    if decoded.picture.mode == "F":
        raise ImageError(path, "floating-point pixels", "8 or 16 bits a channel", "Save it as PNG.")
    flat = decoded.reduced(depth)
    del decoded
    if flat.has_transparency_data:
        full = flat if flat.mode == "RGBA" else flat.convert("RGBA")
        alpha = full.getchannel("A")
        if alpha.getextrema() == (0, 0):
            return full.convert("RGB")
        black = Image.new("RGB", full.size)
        black.paste(full, mask=alpha)
        return black
    return flat if flat.mode == "RGB" else flat.convert("RGB")


def _mask_of(path: Path, rule: Rule, image: Path, size: tuple[int, int]) -> Mask:
    mask = read_mask(path, rule)
    height, width = mask.pixels.shape
    if (width, height) != size:
        raise ImageError(
            path,
            f"the mask is {width} x {height}",
            f"{size[0]} x {size[1]}, like {image.name} when upright",
            "Is it the mask of another picture, or is one of the two reduced or rotated?",
        )
    return mask
