"""Predictions that were made elsewhere: pairs their files with test cases, and reads them.

**Conventions**

1. A file has the name of its case; `_mask`, `_segmentation`, `_seg` or `_label` may follow. It lies
   in the folder of its dataset, or beside these folders where one dataset alone has such a case.
2. Files are grey, of 1, 8 or 16 bits, and not compressed with loss. Where each holds nothing but 0
   and one other value, which is 1, 255 or 65535, all are masks. Else all are probability maps, in
   which the largest value of the format (255 or 65535) stands for 1.
3. A file has the size of the mix, or that of the original picture when upright. Masks are reduced
   by nearest neighbour like the reference, maps bilinearly with antialiasing.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from benchmark.core.errors import ImageError, MixSegError
from benchmark.data.catalog import dataset as catalog_row
from benchmark.data.decode import ORIENTATION, load
from benchmark.data.folders import OWN_SUFFIX
from benchmark.data.layouts import raw_cases
from benchmark.data.patterns import files_below

Pixels = np.ndarray
Kind = Literal["masks", "maps"]
Key = tuple[str, str]  # dataset and case
Size = tuple[int, int]  # width and height

SHOWN = 3  # files of one fault in messages
ALIKE = 0.6  # of `difflib`: names with equal numbers that are this alike are meant to be equal
TURNED = {5, 6, 7, 8}  # EXIF orientations that change width and height
KINDS = {
    "missing": "missing",
    "named": "wrongly named",
    "extra": "of no test case",
    "twice": "a second file of its case",
    "unclear": "of a name that several datasets have",
    "unfit": "that cannot be used",
    "size": "of a wrong size",
}


@dataclass
class Faults:
    """What is wrong with the files, kind by kind (`KINDS`): a phrase a file."""

    found: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, kind: str, phrase: str) -> None:
        """Notes one file."""
        self.found[kind].append(phrase)

    def lines(self) -> list[str]:
        """Counts, with the first files of each kind; empty where nothing is wrong."""
        parts = []
        for kind, phrases in self.found.items():
            if phrases:
                more = len(phrases) - SHOWN
                shown = ", ".join(phrases[:SHOWN]) + (f" and {more} more" if more > 0 else "")
                parts.append(f"{len(phrases)} {KINDS[kind]} ({shown})")
        return parts


@dataclass(frozen=True)
class Look:
    """What one file is.

    Attributes:
        size: width and height.
        top: the largest value of its format, 255 or 65535.
        highest: the largest value in it.
        code: of a mask, the value of the lesion; 0 where it is empty, None for a map.
    """

    size: Size
    top: int
    highest: int
    code: int | None


def pair(folder: Path, cases: Mapping[str, Sequence[str]], faults: Faults) -> dict[Key, Path]:
    """The file of each test case, as far as there is one; what does not fit is added to `faults`.

    Args:
        cases: the names of the test cases by dataset.
    """
    found: dict[Key, Path] = {}
    left: list[Path] = []
    for path in sorted(folder / name for name in files_below(folder)):
        place = path.relative_to(folder)
        keys = [key for key in _keys(place, cases) if key is not None]
        if not keys:
            left.append(place)
        elif len(keys) > 1:
            faults.add("unclear", f"{place}: {' and '.join(name for name, _ in keys)}")
        elif keys[0] in found:
            faults.add("twice", f"{place} beside {found[keys[0]].relative_to(folder)}")
        else:
            found[keys[0]] = path
    every = [(name, case) for name, of in cases.items() for case in of]
    _judge(left, [key for key in every if key not in found], faults)
    return found


def _judge(left: Sequence[Path], missing: Sequence[Key], faults: Faults) -> None:
    """Tells wrongly named files from those of no test case, and notes the missing cases."""
    for place in left:
        near = _nearest(place, missing)
        if near:
            faults.add("named", f"{place}, nearest is {near[0]}/{near[1]}")
        else:
            faults.add("extra", place.as_posix())
    for name, case in missing:
        faults.add("missing", f"{name}/{case}")


def look_at(path: Path) -> Look:
    """What a file is.

    Raises: ImageError if it is damaged, has colours or was compressed with loss.
    """
    pixels = _grey(path)
    top = int(np.iinfo(pixels.dtype).max)
    highest = int(pixels.max())
    plain = highest in (0, 1, 255, top) and bool(np.isin(pixels, (0, highest)).all())
    return Look(pixels.shape[::-1], top, highest, highest if plain else None)


def kind_of(looks: Mapping[Path, Look]) -> Kind:
    """Whether files are masks or probability maps (Conventions, 2).

    Raises: ImageError if some masks hold 1 and others 255, or the maps are not to scale.
    """
    if all(each.code is not None for each in looks.values()):
        ones = [path for path, each in looks.items() if each.code == 1]
        others = [path for path, each in looks.items() if (each.code or 0) > 1]
        if ones and others:
            found = f"1 as the lesion, where {others[0].name} holds {looks[others[0]].code}"
            raise ImageError(ones[0], found, "one value in all masks", "Save all with 0 and 255.")
        return "masks"
    for top in sorted({each.top for each in looks.values()}):
        own = {path: each.highest for path, each in looks.items() if each.top == top}
        first, highest = max(own.items(), key=lambda each: each[1])
        if 0 < highest <= top // 2:
            raise ImageError(
                first,
                f"{highest} is the largest value of all {len(own)} files with values up to {top}",
                f"probability maps, in which {top} is 1, or masks of 0 and 255",
                "Save the maps to scale, or the masks with 0 and 255.",
            )
    return "maps"


def read_prob(path: Path, kind: Kind, size: int) -> Pixels:
    """The probabilities of one case, float32 (size, size); 0 and 1 for a mask.

    Raises: ImageError as `look_at`.
    """
    pixels = _grey(path)
    if kind == "masks":
        picture = Image.fromarray((pixels != 0).astype(np.uint8))
        how = Image.Resampling.NEAREST
    else:
        scaled = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
        picture, how = Image.fromarray(scaled), Image.Resampling.BILINEAR
    if picture.size != (size, size):
        picture = picture.resize((size, size), how)
    prob: Pixels = np.clip(np.asarray(picture, np.float32), 0, 1)
    return prob


def original_sizes(dataset: str, raw: Path, cases: Iterable[str]) -> dict[str, Size]:
    """Width and height of the original pictures, upright; empty where they are not on this machine.

    Args:
        raw: data/raw.
    """
    wanted = set(cases)
    try:
        row = catalog_row(dataset)
        images = [] if row.drawn else raw_cases(row, raw)
        return {each.case: _upright(each.image) for each in images if each.case in wanted}
    except (MixSegError, OSError):
        return {}


def _upright(path: Path) -> Size:
    with Image.open(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(ORIENTATION) in TURNED
    return (height, width) if turned else (width, height)


def _keys(place: Path, cases: Mapping[str, Sequence[str]]) -> list[Key | None]:
    """The cases that a file may be of, by its place below the folder."""
    above, stem = place.parts[:-1], _stem(place)
    short = re.sub(f"{OWN_SUFFIX}$", "", stem, flags=re.IGNORECASE)
    datasets = list(cases) if not above else [name for name in cases if above == (name,)]
    return [
        next(((name, each) for each in (stem, short) if each in cases[name]), None)
        for name in datasets
    ]


def _stem(path: Path) -> str:
    # Some systems store an accent as a character of its own.
    return unicodedata.normalize("NFC", path.stem)


def _nearest(place: Path, missing: Sequence[Key]) -> Key | None:
    """The missing case that a file is probably of: its numbers are equal, its letters alike."""
    stem = _stem(place).casefold()
    own = [key for key in missing if _numbers(key[1]) == _numbers(stem)]
    own.sort(key=lambda key: key[0] not in place.parts)
    names = {key[1].casefold(): key for key in reversed(own)}
    inside = [name for name in names if _words(name) in _words(stem)]
    near = inside or difflib.get_close_matches(stem, names, 1, ALIKE)
    return names[max(near, key=len)] if near else None


def _words(name: str) -> str:
    words = re.findall(r"[0-9]+|[^\W\d_]+", name)
    return f" {' '.join(word.lstrip('0') or word for word in words)} "


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", name)]


def _grey(path: Path) -> Pixels:
    """The values of a grey picture, uint8 or uint16 (H, W)."""
    decoded = load(path)
    picture, do = decoded.picture, "Save it as a PNG with one grey channel of 8 or 16 bits."
    if decoded.lossy:
        raise ImageError(path, "compression with loss", "values as they were written", do)
    if decoded.grey:
        return decoded.sixteen()
    if picture.mode not in ("1", "L") or picture.has_transparency_data:
        raise ImageError(path, f"a picture of mode {picture.mode}", "one grey channel", do)
    return np.asarray(picture.convert("L"))
