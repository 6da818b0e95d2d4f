"""Reads one image and its masks, checks them, and reduces both to a square of the mix's size."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmark.errors import ImageError

Pixels = np.ndarray

MIN_SIDE = 8  # smaller pictures are thumbnails or damaged files
MAX_PIXELS = 89_478_485  # where Pillow starts to warn of decompression bombs; 268 MB as RGB
TOLERANCE = 32  # grey levels around a code: JPEG ringing and antialiased edges
FAR_SHARE = 0.01  # more pixels than this away from every code: not the mask that was expected
COLOUR_SHARE = 0.001
LOSSY = {".jpg", ".jpeg"}
ORIENTATION = 0x0112  # EXIF tag
# Whatever damaged bytes make Pillow's decoders raise.
_DECODING = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)


@dataclass(frozen=True)
class MaskRule:
    """Which grey values a mask may hold, and which of them are foreground.

    Attributes:
        codes: the values that occur in a sound mask, before compression blurs them.
        low, high: values in [low, high] are foreground.
    """

    codes: tuple[int, ...] = (0, 255)
    low: int = 128
    high: int = 255

    def near(self) -> Pixels:
        """bool (256,): true for values within the tolerance of a code."""
        values = np.arange(256)[:, None]
        near: Pixels = (np.abs(values - np.array(self.codes)) <= TOLERANCE).any(axis=1)
        return near

    def __str__(self) -> str:
        codes = ", ".join(str(code) for code in self.codes)
        return f"values near {codes} (foreground {self.low} to {self.high})"


def read_case(
    image: Path, masks: Sequence[Path], rule: MaskRule, size: int
) -> tuple[Pixels, Pixels]:
    """One case, squashed to a square: the image bicubic with antialiasing, the mask nearest.

    Args:
        image: the picture's file.
        masks: files whose foregrounds are joined by OR.
        rule: how the masks' values are read.
        size: side of the square in pixels.

    Returns: uint8 (size, size, 3) RGB and uint8 (size, size), 0 or 1.
    Raises: ImageError naming the file that cannot be used.
    """
    picture = read_image(image)
    mask = np.zeros((picture.height, picture.width), np.uint8)
    for path in masks:
        mask |= _mask_of(path, rule, image, picture)
    square = (size, size)
    small = picture.resize(square, Image.Resampling.BICUBIC)
    small_mask = Image.fromarray(mask).resize(square, Image.Resampling.NEAREST)
    return np.asarray(small), np.asarray(small_mask)


def read_image(path: Path) -> Image.Image:
    """A picture as 8-bit RGB, turned upright.

    Transparent parts become black; of 16 bits the upper eight are kept, unless no value needs
    more than eight; grey and palette pictures become RGB; CMYK is converted without a profile.

    Raises: ImageError if it is damaged, too small, too large or deeper than 16 bits.
    """
    return _flat(path, _load(path)).convert("RGB")


def read_mask(path: Path, rule: MaskRule) -> Pixels:
    """A mask by its layout's rule; masks that hold nothing but 0 and 1 are read as such.

    Returns: bool (H, W).
    Raises: ImageError if it is damaged, coloured, or its values are not those of the rule.
    """
    values = _grey(path, _load(path))
    highest = int(values.max())
    if rule.low > TOLERANCE and highest == 1:
        ones: Pixels = values == 1
        return ones
    if rule.low > TOLERANCE and 1 < highest <= TOLERANCE and path.suffix.lower() not in LOSSY:
        # Numbered labels would pass as background, and the case as an empty one.
        raise ImageError(
            path, f"values up to {highest}, like label numbers", str(rule), "Save 0 and 255."
        )
    far = np.bincount(values.ravel(), minlength=256)[~rule.near()].sum() / values.size
    foreground: Pixels = (values >= rule.low) & (values <= rule.high)
    # A small lesion drawn in a wrong grey would pass as an empty mask.
    if far > FAR_SHARE or (far and not foreground.any()):
        raise ImageError(
            path,
            f"{far:.1%} of the pixels lie farther than {TOLERANCE} from the mask's codes",
            str(rule),
            "Is this the mask, and is it the dataset as published?",
        )
    return foreground


def _load(path: Path) -> Image.Image:
    """The decoded picture, turned upright."""
    try:
        with Image.open(path) as picture:
            _check_sides(path, picture)
            picture.load()
            if picture.getexif().get(ORIENTATION, 1) != 1:
                return ImageOps.exif_transpose(picture)
            return picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            path, "more pixels than can be sound", f"at most {MAX_PIXELS}", "Reduce it first."
        ) from error
    except (*_DECODING, zlib.error) as error:
        raise ImageError(
            path,
            f"cannot be read ({error})",
            "a whole picture",
            "Delete it and download or unpack the dataset again.",
        ) from error


def _check_sides(path: Path, picture: Image.Image) -> None:
    size = f"{picture.width} x {picture.height} pixels"
    if min(picture.size) < MIN_SIDE:
        least = f"at least {MIN_SIDE} x {MIN_SIDE}"
        raise ImageError(path, size, least, "Is this the picture, or a thumbnail?")
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(path, size, f"at most {MAX_PIXELS} pixels in all", "Reduce it first.")


def _flat(path: Path, picture: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel and without transparency."""
    if picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(path, np.asarray(picture)))
    if picture.mode == "F":
        raise ImageError(path, "floating-point pixels", "8 or 16 bits a channel", "Save it as PNG.")
    if picture.has_transparency_data:
        full = picture.convert("RGBA")
        black = Image.new("RGB", full.size)
        black.paste(full, mask=full.getchannel("A"))
        return black
    return picture.convert("RGB") if picture.mode == "P" else picture


def _eight_bits(path: Path, values: Pixels) -> Pixels:
    highest = int(values.max())
    if int(values.min()) < 0 or highest > 65535:
        raise ImageError(
            path, f"values up to {highest}", "8 or 16 bits a channel", "Save it as 8-bit PNG."
        )
    return (values if highest < 256 else values >> 8).astype(np.uint8)


def _grey(path: Path, picture: Image.Image) -> Pixels:
    """uint8 (H, W); refuses colours, which a conversion to grey would turn into other codes."""
    flat = _flat(path, picture)
    if flat.mode in ("1", "L"):
        return np.asarray(flat.convert("L"))
    channels = np.asarray(flat.convert("RGB"))
    coloured = (np.ptp(channels, axis=2) > TOLERANCE).mean()
    if coloured > COLOUR_SHARE:
        raise ImageError(
            path,
            f"{coloured:.1%} of the pixels are coloured",
            "a grey or black-and-white mask",
            "Is this the mask, or an overlay or a palette of labels?",
        )
    return channels[..., 1]


def _mask_of(path: Path, rule: MaskRule, image: Path, picture: Image.Image) -> Pixels:
    mask = read_mask(path, rule)
    height, width = mask.shape
    if (width, height) != picture.size:
        raise ImageError(
            path,
            f"the mask is {width} x {height}",
            f"{picture.width} x {picture.height}, like {image.name} when upright",
            "Is it the mask of another picture, or is one of the two reduced or rotated?",
        )
    return mask
