"""Pictures of a segmentation laid over its image, in colours that colour-blind readers can part.

**Conventions** Images are uint8 RGB (H, W, 3), masks are true where not 0. Without a reference
the prediction is blue with a solid contour. With one: true area blue, missed area yellow, false
area vermilion, and the reference's contour white.

**Sources** Okabe and Ito, Color Universal Design, 2008 (the palette). Of its colours these three
lie farthest apart for all readers (CIEDE2000 at least 23 under each of the three colour-vision
deficiencies as simulated by Machado et al., IEEE TVCG 2009).
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmark.core.errors import ShapeError

TRUE = (0, 114, 178)
MISSED = (240, 228, 66)
FALSE = (213, 94, 0)
WHITE = (255, 255, 255)
GAP = 4


def overlay(image: np.ndarray, mask: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """The image with the mask on it, or with what is true, missed and false.

    Args:
        image: uint8 (H, W, 3).
        mask: the prediction, (H, W).
        reference: (H, W), where there is one.

    Returns: uint8 (H, W, 3).
    Raises: ShapeError if the sizes differ.
    """
    for name, array in (("mask", mask), ("reference", reference)):
        if array is not None and array.shape != image.shape[:2]:
            expected = f"{image.shape[:2]}, the size of the image"
            raise ShapeError(name, str(array.shape), expected, "Resize it first.")
    picture, mask = image.copy(), mask != 0
    if reference is None:
        _colour(picture, mask, slice(0, len(mask)))
    else:
        reference = reference != 0
        _tint(picture, mask & reference, TRUE)
        _tint(picture, ~mask & reference, MISSED)
        _tint(picture, mask & ~reference, FALSE)
        # On reddish tissue the tint alone is faint.
        whole = slice(0, len(mask))
        picture[_contour(mask, whole) & ~reference] = FALSE
        picture[_contour(reference, whole)] = WHITE
    return picture


def lay_over(picture: Image.Image, mask: np.ndarray, rows: int) -> None:
    """Lays a mask over a picture in place, so many rows at a time: a photograph is large.

    Args:
        picture: RGB.
        mask: bool (H, W), the size of the picture.
    """
    for top in range(0, picture.height, rows):
        part = slice(top, min(top + rows, picture.height))
        band = np.array(picture.crop((0, part.start, picture.width, part.stop)))
        _colour(band, mask, part)
        picture.paste(Image.fromarray(band), (0, top))


def warmed(picture: Image.Image, heat: np.ndarray, rows: int) -> Image.Image:
    """A copy of a picture under a colour map of where a network looks.

    The colour is the denser the larger the value: none at 0, three quarters at 1.

    Args:
        picture: RGB.
        heat: (h, w) in [0, 1], of any size.
        rows: of the picture that are worked on at once.
    """
    from matplotlib import colormaps

    table = (255 * np.asarray(colormaps["inferno"].colors)).astype(np.float32)  # type: ignore[attr-defined]
    small, copy = Image.fromarray(heat.astype(np.float32)), picture.copy()
    for top in range(0, picture.height, rows):
        end = min(top + rows, picture.height)
        part = (0, small.height * top / picture.height, small.width,
                small.height * end / picture.height)  # fmt: skip
        band = small.resize((picture.width, end - top), Image.Resampling.BILINEAR, box=part)
        share = np.clip(np.asarray(band), 0, 1)[..., None]
        under = np.asarray(picture.crop((0, top, picture.width, end)), np.float32)
        colour = table[np.rint(255 * share[..., 0]).astype(np.uint8)]
        mixed = under + 0.75 * share * (colour - under)
        copy.paste(Image.fromarray(np.rint(mixed).astype(np.uint8)), (0, top))
    return copy


def panel(image: np.ndarray, mask: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Image, reference and prediction side by side, with white gaps between.

    Args:
        image: uint8 (H, W, 3).
        mask: the prediction, (H, W).
        reference: (H, W).

    Returns: uint8 (H, 3 W + 2 GAP, 3); the reference in blue, the prediction in three colours.
    Raises: ShapeError if the sizes differ.
    """
    gap = np.full((image.shape[0], GAP, 3), 255, np.uint8)
    pictures = (image, overlay(image, reference), overlay(image, mask, reference))
    return np.concatenate([pictures[0], gap, pictures[1], gap, pictures[2]], axis=1)


def _colour(band: np.ndarray, mask: np.ndarray, part: slice) -> None:
    """Colours the rows `part` of a picture: the mask's area and contour."""
    _tint(band, mask[part], TRUE)
    band[_contour(mask, part)] = TRUE


def _tint(picture: np.ndarray, area: np.ndarray, colour: tuple[int, int, int]) -> None:
    # Half and half; in uint16, for a photograph in float would take eight times its memory.
    picture[area] = (picture[area].astype(np.uint16) + np.array(colour, np.uint16)) // 2


def _contour(mask: np.ndarray, part: slice) -> np.ndarray:
    """The contour of a mask in the rows `part`: what lies as near to the outside as it is wide."""
    # One pixel wide up to 352 pixels, then in proportion, so that it shows on large photographs.
    width = max(1, round(min(mask.shape) / 352))
    top = max(part.start - width, 0)
    around = mask[top : part.stop + width]
    # The picture's edge counts as outside; rows that only lie outside the part do not.
    above, below = int(part.start < width), int(part.stop + width > len(mask))
    padded = np.pad(around, ((above, below), (1, 1)))
    depth = ndimage.distance_transform_cdt(padded, metric="taxicab")
    start = above + part.start - top
    depth = depth[start : start + part.stop - part.start, 1:-1]
    contour: np.ndarray = (depth > 0) & (depth <= width)
    return contour
