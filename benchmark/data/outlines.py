"""Masks that are published as outlines: the XML files of DDTI.

A file N.xml describes one patient. Each of its `mark` elements gives the number k of a picture,
N_k.jpg beside it, and JSON with one list of points (pixels of the picture) for each nodule.
"""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image, ImageDraw

from benchmark.core.errors import ImageError
from benchmark.data.decode import Depth
from benchmark.data.images import Case, read_image

LARGEST = 2**20  # bytes; the published files hold a few kilobytes
BORDER = 30  # pixels around an outline, as in the published crops
FAR = 100_000  # pixels; no picture is larger, so such a point is damage
BLACK = 10  # mean grey level; rows and columns below it are the border of the scanner's picture

Outline = list[tuple[float, float]]  # (x, y) in pixels


def outlines(path: Path) -> dict[int, list[Outline]]:
    """The outlines of one file by the number of the picture.

    Marks whose JSON is cut short are left out; two of the published files hold such marks. An
    outline of fewer than three points is kept, so that the others keep their positions.

    Raises: ImageError if the file is no XML, too large, or defines entities.
    """
    data = path.read_bytes()[: LARGEST + 1]
    if len(data) > LARGEST or b"<!ENTITY" in data:
        found = "more than 1 MiB" if len(data) > LARGEST else "definitions of entities"
        raise ImageError(path, found, "a few kilobytes of plain XML", "Fetch the file again.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        found = f"no XML ({error})"
        raise ImageError(path, found, "outlines as published", "Fetch the file again.") from error
    by_picture: dict[int, list[Outline]] = {}
    for mark in root.iter("mark"):
        number = (mark.findtext("image") or "").strip()
        shapes = _shapes(mark.findtext("svg") or "")
        if number.isdecimal() and shapes:
            by_picture[int(number)] = shapes
    return by_picture


def read_nodule(
    image: Path, xml: Path, which: tuple[int, int], *, size: int, depth: Depth | None = None
) -> Case:
    """One nodule: its part of the picture and its mask, squashed to a square.

    Args:
        image: the picture's file.
        xml: the file of outlines.
        which: the number of the picture, and the position of the outline in its list.
        size: side of the square in pixels.
        depth: how pictures of more than 8 bits are read.

    Raises: ImageError if the picture cannot be used, or the outline does not lie in it.
    """
    points = outlines(xml)[which[0]][which[1]]
    picture = read_image(image, depth)
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon(points, fill=1, outline=1)
    (left, right), (top, bottom) = (
        (max(0, int(min(values)) - BORDER), min(side, int(max(values)) + 1 + BORDER))
        for values, side in zip(zip(*points, strict=True), picture.size, strict=True)
    )
    if left >= right or top >= bottom or not mask.getbbox():
        found = f"outline {which[1] + 1} lies outside of {image.name}"
        raise ImageError(xml, found, "an outline in the picture", "Fetch both files again.")
    box = (left, top, right, bottom)
    part, inside = np.asarray(picture.crop(box)), np.asarray(mask.crop(box))
    grey = part.mean(axis=2)
    lit = np.ix_(grey.mean(axis=1) > BLACK, grey.mean(axis=0) > BLACK)
    if inside[lit].any():  # else the whole part is dark
        part, inside = part[lit], inside[lit]
    square = (size, size)
    small = Image.fromarray(part).resize(square, Image.Resampling.BICUBIC)
    reduced = Image.fromarray(inside).resize(square, Image.Resampling.NEAREST)
    return Case(np.asarray(small), np.asarray(reduced))


def _shapes(text: str) -> list[Outline]:
    """The outlines of a `mark`; none where its text is cut short or no list of points."""
    try:
        shapes = [
            [(float(point["x"]), float(point["y"])) for point in shape["points"]]
            for shape in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    near = all(abs(value) < FAR for points in shapes for point in points for value in point)
    return shapes if near else []  # not-a-number is not near either
