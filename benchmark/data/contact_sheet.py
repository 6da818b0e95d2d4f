"""Contact sheets: images with the contour of their masks, the smallest masks first."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Array = np.ndarray

CONTOUR = (240, 228, 66)  # yellow of Okabe and Ito: seen on all four modalities
EDGE = (0, 0, 0)
SIDE = 224  # smaller images are enlarged to it
TILE = 132
ACROSS = (8, 7, 6)  # images in a row: what leaves the fewest places empty
GAP = 4
SHOWN = 24  # a third each: the smallest masks, masks between, the largest
QUALITY = 85


def by_size(areas: Array, shown: int = SHOWN) -> Array:
    """Which masks a sheet shows: the smallest, some between and the largest, in that order.

    Args:
        areas: of all masks, (n,).

    Returns: their indices, by ascending area; all of them where n is at most `shown`.
    """
    order = np.argsort(areas, kind="stable")
    third, last = shown // 3, len(order) - 1
    if len(order) <= shown:
        return order
    between = np.linspace(third, last - third, shown - 2 * third).round().astype(int)
    ranks = [*range(third), *between, *range(last - third + 1, last + 1)]
    picked: Array = order[ranks]
    return picked


def write_sheet(path: Path, images: Array, masks: Array) -> None:
    """Writes the contact sheet of a dataset as JPEG; the same bytes for the same pixels.

    Args:
        images: uint8 (n, H, H, 3), n at least 1.
        masks: uint8 (n, H, H), 0 or 1.
    """
    shown = by_size(np.array([np.count_nonzero(mask) for mask in masks]))
    sheet = contact_sheet([images[k] for k in shown], [masks[k] for k in shown])
    from PIL import Image  # slow to import; a page without pictures does not need it

    Image.fromarray(sheet).save(path, "JPEG", quality=QUALITY, subsampling=0)


def contact_sheet(images: Sequence[Array], references: Sequence[Array]) -> Array:
    """Outlined images in rows, uint8 (H, W, 3)."""
    tiles = [outlined(i, r, TILE) for i, r in zip(images, references, strict=True)]
    across = min(len(tiles), min(ACROSS, key=lambda n: -len(tiles) % n))
    down = -(-len(tiles) // across)
    step = TILE + GAP
    sheet = np.full((down * step - GAP, across * step - GAP, 3), 255, np.uint8)
    for k, tile in enumerate(tiles):
        y, x = step * (k // across), step * (k % across)
        sheet[y : y + TILE, x : x + TILE] = tile
    return sheet


def outlined(image: Array, reference: Array, side: int = SIDE) -> Array:
    """The image with the contour of its reference, uint8 (h, h, 3)."""
    from scipy.ndimage import binary_dilation

    picture, inside = enlarged(image, side).copy(), enlarged(reference != 0, side)
    ring = binary_dilation(inside) & ~inside
    picture[binary_dilation(ring) & ~inside & ~ring] = EDGE
    picture[ring] = CONTOUR
    return picture


def enlarged(picture: Array, side: int | None = None) -> Array:
    """A square picture at `side`, or at SIDE where it is smaller; masks stay masks.

    Args:
        picture: uint8 (H, W, 3) or bool (H, W).
    """
    side = side or max(SIDE, picture.shape[0])
    if picture.shape[0] == side:
        return picture
    from PIL import Image  # see above

    how = Image.Resampling.NEAREST if picture.ndim == 2 else Image.Resampling.BICUBIC
    resized: Array = np.asarray(Image.fromarray(picture).resize((side, side), how))
    return resized
