"""Pointer files: data/raw/<raw>.from names a folder of one's own that stands for data/raw/<raw>.

The first line is the folder, to the letter: names may end in a space. Two more lines may list the
codes of its masks: `lesion codes: 1,2` and `background codes: 0`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import MissingDataError
from benchmark.core.files import write_text
from benchmark.data.mask_rules import ListedCodes

LESION, BACKGROUND = "lesion codes", "background codes"


@dataclass(frozen=True)
class Pointer:
    """What a pointer file says.

    Attributes:
        folder: absolute.
        codes: how its masks are read; None for the usual rule.
    """

    folder: Path
    codes: ListedCodes | None = None


def pointer_path(raw: Path, name: str) -> Path:
    """Where the pointer of a raw folder lies.

    Args:
        raw: data/raw.
        name: of the raw folder.
    """
    return raw / f"{name}.from"


def read_pointer(raw: Path, name: str) -> Pointer | None:
    """The pointer of a raw folder; None where there is none.

    Raises: MissingDataError if it names no absolute folder, or if its codes cannot be used.
    """
    path = pointer_path(raw, name)
    if not path.is_file():
        return None
    text = path.read_bytes().decode(errors="replace").replace("\r\n", "\n")
    target, *more = text.split("\n")
    if not Path(target).is_absolute():
        do = "Delete it, or use --from."
        raise MissingDataError(path, repr(target), "the absolute path of a folder", do)
    said = dict(line.split(":", 1) for line in more if ":" in line)
    if not said:
        return Pointer(Path(target))
    try:
        return Pointer(Path(target), parse_codes(said.get(LESION, ""), said.get(BACKGROUND, "")))
    except ValueError as error:
        expected = f"{LESION!r} and {BACKGROUND!r}, numbers with commas between"
        raise MissingDataError(path, str(error), expected, "Delete it, or use --from.") from error


def write_pointer(raw: Path, name: str, pointer: Pointer) -> None:
    """Writes the pointer of a raw folder."""
    lines = [str(pointer.folder)]
    if pointer.codes:
        lines += [f"{LESION}: {_text(pointer.codes.lesion_codes)}"]
        lines += [f"{BACKGROUND}: {_text(pointer.codes.background_codes)}"]
    write_text(pointer_path(raw, name), "\n".join(lines) + "\n")


def parse_codes(lesion: str, background: str) -> ListedCodes:
    """Codes from two lists such as "1,2" and "0".

    Raises: ValueError if they are no lists of whole numbers, or cannot be told apart.
    """
    return ListedCodes(_numbers(lesion), _numbers(background))


def codes_of(lesion: str | None, background: str | None) -> ListedCodes | None:
    """Codes from two options; None where neither is given.

    Raises: ValueError as `parse_codes`, and if one is missing.
    """
    if lesion is None and background is None:
        return None
    if lesion is None or background is None:
        raise ValueError("give both --lesion-codes and --background-codes")
    return parse_codes(lesion, background)


def _numbers(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    odd = [word for word in words if not word.isascii() or not word.isdigit()]
    if odd:
        raise ValueError(f"{odd[0]!r} is no code: codes are whole numbers with commas between")
    return tuple(int(word) for word in words)


def _text(codes: Iterable[int]) -> str:
    return ",".join(str(code) for code in codes)
