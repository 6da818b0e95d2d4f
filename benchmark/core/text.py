"""Plain text: columns, percentages and durations in one style, and numbers as letters."""

import difflib
import shutil
import textwrap
from collections.abc import Iterable, Sequence

WIDEST = 100  # characters of a printed line


def columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose columns are aligned with spaces."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    out = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(line.rstrip() for line in out)


def width() -> int:
    """Characters of a line that is printed: those of the terminal, at most 100; COLUMNS counts."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)


def wrapped(text: str) -> str:
    """Long lines as lines of the width of the terminal; paths and addresses stay whole."""
    return "\n".join(_wrapped(line) for line in text.split("\n"))


def _wrapped(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.strip(),
        width(),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The advice of an error about an unknown name: the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage for reading, with a space before the sign."""
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """Seconds for reading: 45 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 else "less than 1 s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def about(seconds: float) -> str:
    """An estimate of a time: about 45 s."""
    return f"about {duration(seconds)}" if seconds >= 1 else duration(seconds)


def letter(number: int) -> str:
    """1 is a, 26 is z, 27 is aa."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
