"""Pictures for the gallery: an image beside what was made of it, and contact sheets."""

import base64
import io
from collections.abc import Sequence

import numpy as np

Array = np.ndarray

CONTOUR = (240, 228, 66)  # yellow of Okabe and Ito: seen on all four modalities
EDGE = (0, 0, 0)
SIDE = 224  # smaller images are enlarged to it
TILE = 132
ACROSS = (8, 7, 6)  # images in a row: what leaves the fewest places empty
GAP = 4
QUALITY = 85


def beside(image: Array, mask: Array, reference: Array) -> Array:
    """The image, and beside it true, missed and false area.

    Args:
        image: uint8 (H, W, 3).
        mask, reference: (H, W).

    Returns: uint8 (h, 2 h + GAP, 3), h = H or SIDE where that is more.
    """
    left = enlarged(image)
    gap = np.full((left.shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, judged(image, mask, reference)], axis=1)


def judged(image: Array, mask: Array, reference: Array) -> Array:
    """True, missed and false area on the image in grey, uint8 (h, h, 3).

    Grey, because the colour of false area is near that of fundus and mucosa.
    """
    from benchmark.evaluation.overlays import overlay

    grey = np.repeat(enlarged(image).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    return overlay(grey, enlarged(mask != 0), enlarged(reference != 0))


def outlined(image: Array, reference: Array, side: int = SIDE) -> Array:
    """The image with the contour of its reference, uint8 (h, h, 3)."""
    from scipy.ndimage import binary_dilation

    picture, inside = enlarged(image, side).copy(), enlarged(reference != 0, side)
    ring = binary_dilation(inside) & ~inside
    picture[binary_dilation(ring) & ~inside & ~ring] = EDGE
    picture[ring] = CONTOUR
    return picture


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


def enlarged(picture: Array, side: int | None = None) -> Array:
    """A square picture at `side`, or at SIDE where it is smaller; masks stay masks.

    Args:
        picture: uint8 (H, W, 3) or bool (H, W).
    """
    from PIL import Image

    side = side or max(SIDE, picture.shape[0])
    if picture.shape[0] == side:
        return picture
    how = Image.Resampling.NEAREST if picture.ndim == 2 else Image.Resampling.BICUBIC
    resized: Array = np.asarray(Image.fromarray(picture).resize((side, side), how))
    return resized


def data_uri(picture: Array) -> str:
    """A picture as JPEG inside an address; the same bytes for the same picture."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
