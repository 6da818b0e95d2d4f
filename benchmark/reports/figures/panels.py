"""Pictures for the gallery: an image beside what was made of it."""

import base64
import io

import numpy as np

from benchmark.data.contact_sheet import GAP, QUALITY, enlarged

Array = np.ndarray


def side_by_side(image: Array, mask: Array, reference: Array) -> Array:
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


def data_uri(picture: Array) -> str:
    """A picture as JPEG inside an address; the same bytes for the same picture."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
