"""Patterns of files below a folder: `*` is any text within a name, `**/` any folders.

**Conventions** A pattern is compared with a path relative to the folder, letter by letter. Of each
folder and of the file, the part from the first placeholder to the last belongs to the *name* of
what was found; a folder or file without a placeholder does not count. Image and mask belong
together where their names are equal. Every placeholder takes the shortest text that fits.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from benchmark.data.folders import PICTURES

GROUP = "{group}"
_PLACEHOLDER = re.compile(r"\*\*/|\*|\{group\}")
_MEANING = {"**/": r"(?:[^/]+/)*?", "*": r"[^/]*?", GROUP: r"(?P<group>[^/]+?)"}


def _inside(text: str) -> str:
    """A path that stays below its folder."""
    parts = PurePosixPath(text).parts
    if not text or text.startswith(("/", "~")) or ".." in parts or "\\" in text or "\0" in text:
        raise ValueError(f"{text!r} leaves its folder: give a path below it, with / and without ..")
    return text


def _files(text: str) -> str:
    """A pattern of pictures below a folder."""
    if "*" not in _some(text):
        raise ValueError(f"{text!r} has no *: it names one file, not those of a dataset")
    return text


def _some(text: str) -> str:
    """A picture below a folder, or a pattern of several."""
    _inside(text)
    if "**" in text.replace("**/", "") or "{" in text:
        raise ValueError(f"{text!r}: placeholders are * and **/")
    if not text.lower().endswith(PICTURES):
        raise ValueError(f"{text!r} is of no picture: a pattern ends in {', '.join(PICTURES)}")
    return text


def _groups(text: str) -> str:
    """A pattern of names that says what of them is the group."""
    if text.count(GROUP) != 1 or "{" in text.replace(GROUP, "") or "**" in text:
        raise ValueError(
            f"{text!r}: {GROUP} must stand in it once, and no placeholder but * beside"
        )
    return text


InsidePath = Annotated[str, AfterValidator(_inside)]
FilePattern = Annotated[str, AfterValidator(_files)]
SomeFiles = Annotated[str, AfterValidator(_some)]
GroupPattern = Annotated[str, AfterValidator(_groups)]


def files_below(root: Path) -> list[str]:
    """The pictures below a folder as relative paths with /, sorted; hidden ones are left out."""
    return sorted(_below(root))


def _below(root: Path) -> Iterator[str]:
    for folder, inside, names in os.walk(root):
        inside[:] = [name for name in inside if not name.startswith((".", "__"))]
        for name in names:
            if name.lower().endswith(PICTURES) and not name.startswith("."):
                yield Path(folder, name).relative_to(root).as_posix()


def name_in(pattern: str, path: str) -> str | None:
    """The name that a path has by a pattern; None where the path does not fit."""
    match = _compiled(pattern).fullmatch(path)
    if match is None:
        return None
    parts = [text for key, text in match.groupdict().items() if key.startswith("part")]
    return "/".join(text.rstrip("/") for text in parts if text)


def group_in(pattern: str, name: str) -> str | None:
    """The group that a name tells; None where the name does not fit."""
    match = _compiled(pattern).fullmatch(name)
    return match["group"] if match else None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\*\*/|[^/]+/?", pattern)
    return re.compile("".join(_part(k, part) for k, part in enumerate(parts)))


def _part(number: int, text: str) -> str:
    """The expression of one name of a path, with what its placeholders span as a group."""
    found = list(_PLACEHOLDER.finditer(text))
    if not found:
        return re.escape(text)
    first, last = found[0].start(), found[-1].end()
    spanned = re.split(f"({_PLACEHOLDER.pattern})", text[first:last])
    inner = "".join(_MEANING.get(piece, re.escape(piece)) for piece in spanned)
    return f"{re.escape(text[:first])}(?P<part{number}>{inner}){re.escape(text[last:])}"
