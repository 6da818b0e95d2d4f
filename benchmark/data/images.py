"""Reads one image and its masks, checks them, and reduces both to a square of the mix's size."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps

from benchmark.core.errors import ImageError

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

    def is_near(self, value: int) -> bool:
        """Whether a value lies within the tolerance of a code."""
        return any(abs(value - code) <= TOLERANCE for code in self.codes)

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
    square = (size, size)
    picture = read_image(image)
    upright = picture.size
    small = np.asarray(picture.resize(square, Image.Resampling.BICUBIC))
    del picture  # of large photographs, only one picture is held at a time
    mask = np.zeros(upright[::-1], np.uint8)
    for path in masks:
        mask |= _mask_of(path, rule, image, upright)
    return small, np.asarray(Image.fromarray(mask).resize(square, Image.Resampling.NEAREST))


def read_image(path: Path) -> Image.Image:
    """A picture as 8-bit RGB, turned upright.

    Transparent parts become black; of 16 bits the upper eight are kept, unless no value needs
    more than eight; grey and palette pictures become RGB; CMYK is converted without a profile.

    Raises: ImageError if it is damaged, too small, too large or deeper than 16 bits.
    """
    flat = _flat(path, _load(path))
    return flat if flat.mode == "RGB" else flat.convert("RGB")


def read_mask(path: Path, rule: MaskRule) -> Pixels:
    """A mask by its layout's rule; masks that hold nothing but 0 and 1 are read as such.

    Returns: bool (H, W).
    Raises: ImageError if it is damaged, coloured, or its values are not those of the rule.
    """
    grey = _grey(path, _load(path))
    counts = grey.histogram()
    highest = max(value for value, count in enumerate(counts) if count)
    low, high = rule.low, rule.high
    if low > TOLERANCE and highest == 1:
        low, high = 1, 1
    elif low > TOLERANCE and 1 < highest <= TOLERANCE and path.suffix.lower() not in LOSSY:
        # Numbered labels would pass as background, and the case as an empty one.
        raise ImageError(
            path, f"values up to {highest}, like label numbers", str(rule), "Save 0 and 255."
        )
    far = sum(n for value, n in enumerate(counts) if not rule.is_near(value)) / sum(counts)
    # Without the second condition a small lesion in a wrong grey passes as an empty mask.
    if far > FAR_SHARE or (far and not sum(counts[low : high + 1])):
        raise ImageError(
            path,
            f"{far:.1%} of the pixels lie farther than {TOLERANCE} from the mask's codes",
            str(rule),
            "Is this the mask, and is it the dataset as published?",
        )
    foreground: Pixels = np.asarray(grey.point([low <= value <= high for value in range(256)]))
    return foreground.astype(bool)


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


def _grey(path: Path, picture: Image.Image) -> Image.Image:
    """Mode L; refuses colours, which a conversion to grey would turn into other codes."""
    flat = _flat(path, picture)
    if flat.mode == "1":
        return flat.convert("L")
    if flat.mode == "L":
        return flat
    red, green, blue = flat.convert("RGB").split()
    lightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    spread = ImageChops.subtract(lightest, darkest).histogram()
    coloured = sum(spread[TOLERANCE + 1 :]) / sum(spread)
    if coloured > COLOUR_SHARE:
        raise ImageError(
            path,
            f"{coloured:.1%} of the pixels are coloured",
            "a grey or black-and-white mask",
            "Is this the mask, or an overlay or a palette of labels?",
        )
    return green


def _mask_of(path: Path, rule: MaskRule, image: Path, size: tuple[int, int]) -> Pixels:
    mask = read_mask(path, rule)
    height, width = mask.shape
    if (width, height) != size:
        raise ImageError(
            path,
            f"the mask is {width} x {height}",
            f"{size[0]} x {size[1]}, like {image.name} when upright",
            "Is it the mask of another picture, or is one of the two reduced or rotated?",
        )
    return mask
