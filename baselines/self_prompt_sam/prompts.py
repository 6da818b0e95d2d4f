"""A point and a box from a mask, as Self-prompt SAM makes them, without its unseeded jitter."""

import numpy as np
from scipy import ndimage

SQUARE = np.ones((5, 5), bool)
ERODED, DILATED = 3, 5  # times


def deepest(mask: np.ndarray) -> np.ndarray:
    """The pixel x, y that is farthest from the background; the first in reading order.

    What lies outside the image does not count as background, as officially.

    Args:
        mask: bool (H, W), not empty.
    """
    depth = ndimage.distance_transform_edt(mask) if not mask.all() else mask.astype(float)
    y, x = np.unravel_index(depth.argmax(), mask.shape)
    return np.array([x, y], np.float32)


def bounds(mask: np.ndarray) -> np.ndarray:
    """The box x0, y0, x1, y1 around the mask, eroded three times and then dilated five times.

    Its authors move each side outwards by up to 20 pixels, drawn without a seed; not here. Where
    erosion leaves nothing, the box is that of the mask itself.

    Args:
        mask: bool (H, W), not empty.
    """
    core = ndimage.binary_erosion(mask, SQUARE, ERODED, border_value=1)
    wide = ndimage.binary_dilation(core, SQUARE, DILATED) if core.any() else mask
    columns, rows = np.flatnonzero(wide.any(0)), np.flatnonzero(wide.any(1))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)
