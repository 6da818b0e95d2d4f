"""Decodes one picture file: whole, upright, of a sane size, with all the bits it holds.

**Conventions** A picture of more than 8 bits a channel is called deep. Pillow gives grey ones with
all their bits and coloured ones with the upper byte of each value; the lower bytes are decoded
apart. One file alone does not tell how many of its 16 bits are in use, so that number is one for a
whole folder: the smallest of DEPTHS that holds the largest value of all its deep pictures.
"""

import struct
import sys
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from benchmark.core.errors import ImageError

Pixels = np.ndarray

MIN_SIDE = 8  # smaller pictures are thumbnails or damaged files
MAX_PIXELS = 89_478_485  # where Pillow starts to warn of decompression bombs; 268 MB as RGB
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners use
ORIENTATION = 0x0112  # EXIF tag
BITS, PLANES = 258, 284  # TIFF tags
NEVER_DEEP = {".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
DEEP = ";16"  # in Pillow's names of raw modes
GREY_ALPHA = "LA;16B"
SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
# Whatever damaged bytes make Pillow's decoders raise.
_DECODING = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError),
    *(struct.error, zlib.error),
)
# Pictures beyond the bound are refused here by name; Pillow's line would only be noise.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Depth:
    """How the deep pictures of a folder are read.

    Attributes:
        pictures: how many of them are deep.
        largest: the largest value in any of them.
    """

    pictures: int
    largest: int

    @property
    def bits(self) -> int:
        """The bits in use, one of DEPTHS."""
        return next(bits for bits in DEPTHS if self.largest < 1 << bits)

    def __str__(self) -> str:
        many = "1 picture has" if self.pictures == 1 else f"{self.pictures} pictures have"
        return (
            f"{many} 16 bits a channel with values up to {self.largest}: "
            f"read as {self.bits} bits, of which the upper 8 are kept"
        )


@dataclass(frozen=True)
class Decoded:
    """A file's picture.

    Attributes:
        picture: turned upright, in the mode of the file.
        lossy: whether compression may have changed its values (JPEG, lossy WebP, JPEG in TIFF).
            The bytes decide, not the name: many a file called .png is a JPEG.
        raw: how the bytes lie in the file, as Pillow names it.
    """

    path: Path
    picture: Image.Image
    lossy: bool
    raw: str

    @property
    def deep(self) -> bool:
        """Whether it holds more than 8 bits a channel."""
        return self.grey or DEEP in self.raw

    @property
    def grey(self) -> bool:
        """Whether it is deep and has one channel."""
        return self.picture.mode.startswith("I")

    def largest(self) -> int:
        """The largest value of a deep picture's colours.

        Raises: ImageError if values are negative or need more than 16 bits.
        """
        if not self.grey:
            return self._largest_colour()
        values = np.asarray(self.picture)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            found = f"values from {low} to {high}"
            do = "Save it as 8-bit PNG."
            raise ImageError(self.path, found, "8 or 16 bits a channel", do)
        return high

    def reduced(self, depth: Depth | None = None) -> Image.Image:
        """The picture with 8 bits a channel: of a deep one, the upper 8 of the bits in use.

        Args:
            depth: of its folder; of the picture alone where None.

        Raises: ImageError if its values cannot be read.
        """
        if not self.deep:
            return self.picture
        own = Depth(1, self.largest())
        bits = max(own.bits, (depth or own).bits)
        if self.grey:
            return Image.fromarray((np.asarray(self.picture) >> (bits - 8)).astype(np.uint8))
        if bits == 16:
            return self.picture
        # Channel by channel, as a large photograph fills the memory.
        lower, channels = self._lower(), []
        for name in self.picture.getbands():
            upper = self.picture.getchannel(name)
            if name != "A":  # opaque is 65535 however many bits the colours use
                below = np.asarray(lower.getchannel(name)) >> (bits - 8)
                upper = Image.fromarray(np.asarray(upper) << (16 - bits) | below)
            channels.append(upper)
        del lower
        return Image.merge(self.picture.mode, channels)

    def sixteen(self) -> Pixels:
        """The values of a deep picture, uint16 (H, W) or (H, W, channels)."""
        if self.grey:
            self.largest()  # refuses what 16 bits cannot hold
            return np.asarray(self.picture).astype(np.uint16)
        values: Pixels = np.asarray(self.picture).astype(np.uint16) << 8
        values |= np.asarray(self._lower())
        return values

    def _largest_colour(self) -> int:
        lower, largest = self._lower(), 0
        for name in self.picture.getbands():
            upper = np.asarray(self.picture.getchannel(name))
            top = int(upper.max())
            if name != "A" and top >= largest >> 8:
                below = np.asarray(lower.getchannel(name))[upper == top]
                largest = max(largest, top << 8 | int(below.max()))
        return largest

    def _lower(self) -> Image.Image:
        """The lower byte of each value of deep colours, in the mode of the picture."""
        lower = _decode(self.path, lower_bytes=True).picture
        if self.raw != GREY_ALPHA:
            return lower
        _, grey, _, alpha = lower.split()
        return Image.merge("RGBA", (grey, grey, grey, alpha))


def load(path: Path) -> Decoded:
    """Decodes a file.

    Raises: ImageError if it is damaged, too small, too large or holds several pages.
    """
    return _decode(path)


def depth_of(paths: Iterable[Path]) -> Depth | None:
    """How the deep pictures among these files are read; None if none is deep.

    Files that cannot be read are passed over: whoever reads them names them.
    """
    largest = []
    for path in paths:
        if path.suffix.lower() not in NEVER_DEEP and _opens_deep(path):
            try:
                largest.append(load(path).largest())
            except ImageError:
                continue
    return Depth(len(largest), max(largest)) if largest else None


def pixels_of(path: Path) -> int:
    """How many pixels a file promises; 0 if it cannot be opened."""
    try:
        with Image.open(path) as picture:
            return picture.width * picture.height
    except (*_DECODING, *_BOMBS):
        return 0


def _decode(path: Path, *, lower_bytes: bool = False) -> Decoded:
    """Decodes a file; with `lower_bytes` the lower byte of each value of deep colours."""
    try:
        with Image.open(path) as picture:
            _check_sides(path, picture)
            _check_pages(path, picture)
            lossy, raw = _is_lossy(path, picture), _raw(picture)
            if lower_bytes:
                picture.tile = [tile._replace(args=_swapped(tile.args)) for tile in picture.tile]
            picture.load()
            upright: Image.Image = picture
            if picture.getexif().get(ORIENTATION, 1) != 1:
                upright = ImageOps.exif_transpose(picture)
            return Decoded(path, upright, lossy, raw)
    except _BOMBS as error:
        raise ImageError(
            path, "more pixels than can be sound", f"at most {MAX_PIXELS}", "Reduce it first."
        ) from error
    except _DECODING as error:
        raise ImageError(
            path,
            f"cannot be read ({error})",
            "a whole picture",
            "Delete it and download or unpack the dataset again.",
        ) from error


def _opens_deep(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return Decoded(path, picture, False, _raw(picture)).deep
    except (*_DECODING, *_BOMBS):
        return False


def _is_lossy(path: Path, picture: Image.Image) -> bool:
    if picture.format == "WEBP":
        with path.open("rb") as file:
            return b"VP8L" not in file.read(64)
    return picture.format in ("JPEG", "MPO") or picture.info.get("compression") == "jpeg"


def _raw(picture: ImageFile) -> str:
    return _raw_of(picture.tile[0].args) if picture.tile else ""


def _raw_of(args: Any) -> str:
    return str(args[0] if isinstance(args, tuple) and args else args)


def _swapped(args: Any) -> Any:
    """Decoder arguments by which Pillow keeps the other byte of each 16-bit value."""
    raw = _raw_of(args)
    if raw == GREY_ALPHA:
        return "RGBA"  # both bytes of both channels, as four channels
    if raw[:-1] not in ("RGB;16", "RGBA;16", "RGBX;16", "CMYK;16"):
        raise ValueError(f"16 bits a channel, stored as {raw}; save it as RGB or grey")
    raw = raw[:-1] + SWAPPED[raw[-1]]
    return (raw, *args[1:]) if isinstance(args, tuple) else raw


def _check_sides(path: Path, picture: Image.Image) -> None:
    size = f"{picture.width} x {picture.height} pixels"
    if min(picture.size) < MIN_SIDE:
        least = f"at least {MIN_SIDE} x {MIN_SIDE}"
        raise ImageError(path, size, least, "Is this the picture, or a thumbnail?")
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(path, size, f"at most {MAX_PIXELS} pixels in all", "Reduce it first.")


def _check_pages(path: Path, picture: Image.Image) -> None:
    # In the JPEGs of many telephones a second picture, the depth or a preview, follows the first.
    pages = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
    if pages > 1:
        do = "Save the page that is meant as a file of its own."
        raise ImageError(path, f"{pages} pages or frames", "one picture", do)
    tags = getattr(picture, "tag_v2", {})
    if tags.get(PLANES) == 2 and 16 in tags.get(BITS, ()):
        # Pillow would take each byte for a value.
        found, do = "16 bits in separate planes", "Save the channels interleaved."
        raise ImageError(path, found, "8 bits, or channels interleaved", do)
