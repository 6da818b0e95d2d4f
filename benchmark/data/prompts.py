"""Prompts: what a prompted method is shown at test time, drawn from the reference.

**Conventions**
1. Coordinates are (x, y) of pixels, x to the right and y down, the first pixel being 0.
2. A drawn point is one pixel, uniform over all foreground pixels (never x and y apart, which
   could fall outside). The draw depends on dataset, case and repetition alone.
3. A box is x0, y0, x1, y1 of the outermost foreground pixels, both ends included.
4. An empty reference can give no prompt. The point is then the centre of the image and the box is
   the whole image: a prompt that tells nothing.
"""

import hashlib

import numpy as np
from scipy import ndimage


def point(mask: np.ndarray, key: int, draw: int) -> np.ndarray:
    """One foreground pixel, drawn uniformly.

    Args:
        mask: (H, W), foreground where not 0.
        key: number of the case, a digest of dataset and name (`Cases.keys`).
        draw: number of the repetition.

    Returns: int64 (2,), x and y.
    """
    foreground = np.flatnonzero(mask)
    if not len(foreground):
        return _middle(mask)
    return _pixel(mask, foreground[_generator(key, draw).integers(len(foreground))])


def centre_point(mask: np.ndarray) -> np.ndarray:
    """The foreground pixel farthest from the background; the first in reading order among equals.

    What lies outside the image counts as background.

    Args:
        mask: (H, W), foreground where not 0.

    Returns: int64 (2,), x and y.
    """
    if not mask.any():
        return _middle(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask != 0, 1))[1:-1, 1:-1]
    return _pixel(mask, depth.argmax())


def box(mask: np.ndarray) -> np.ndarray:
    """The tight box around all of the foreground.

    Args:
        mask: (H, W), foreground where not 0.

    Returns: int64 (4,), x0, y0, x1, y1.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.array([0, 0, mask.shape[1] - 1, mask.shape[0] - 1])
    return np.array([columns[0], rows[0], columns[-1], rows[-1]])


def _generator(key: int, draw: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{key}/{draw}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _pixel(mask: np.ndarray, flat: np.integer) -> np.ndarray:
    y, x = np.unravel_index(flat, mask.shape)
    return np.array([x, y], np.int64)


def _middle(mask: np.ndarray) -> np.ndarray:
    return np.array([mask.shape[1] // 2, mask.shape[0] // 2])
