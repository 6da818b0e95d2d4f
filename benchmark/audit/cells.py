"""Reads a printed cell: the number with its digits, its mark, and what may stand beside it.

**Conventions**

1. A number keeps its printed digits: 0.91 stands for anything between 0.905 and 0.915.
2. Bold marks the best and underlining the second; a number that is both is the best. The mark is
   that of the number, whatever else in the cell is bold.
3. Behind the number may stand a spread, an interval, a gain, a unit and signs of footnotes. They
   are passed over.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from benchmark.audit import latex

NOTHING = {"", "-", "–", "—", "−", "/", "\\", ".", "..", "...", "…", "?", "*", "x", "×", "✗", "✘",
           "n/a", "na", "n.a.", "n.a", "nr", "n.r.", "nan", "none", "null", "nil", "not reported",
           "not available", "unknown", "tbd", "tba", "oom", "inf", "∞", "failed", "fail", "xx",
           "n/r", "n.d.", "❌", "✓", "✅", "--", "---", "-/-"}  # fmt: skip
MARKS = re.compile(
    r"(?P<bold>\*\*|</?(?:b|strong)\b[^>]*>)|(?P<under>__|</?(?:u|ins)\b[^>]*>)"
    r"|(?P<drop><(sup|sub|del)\b[^>]*>.*?</\4>|</?[a-z][^>]*>|\[\^[^\]]*\]|`|~~)",
    re.I | re.S,
)
DASHES = str.maketrans({"−": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "－": "-",
                        "\u00ad": None,
                        "·": ".", "∙": ".", "％": "%", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
                        "\u200b": None, "\ufeff": None})  # fmt: skip
ARROWS = "↑↓▲▼△▽⬆⬇"
ORNAMENTS = ("So", "Sk", "Cf", "Mn", "Me")  # emoji and the like
RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹ªº⁺⁻ᵃᵇᶜᵈ]+")
NUM = r"(?:\d+\.?\d*|\.\d+)"
NUMBER = re.compile(rf"^[+-]?{NUM}$")
BESIDE = rf"""(?:
    (?:±|\+/?-|\\pm)\s*{NUM}\s*%?                     # a spread
  | [(\[][^()\[\]]*[)\]]                              # a spread, an interval, a gain
  | [{ARROWS}]\s*[+-]?{NUM}?\s*%?                     # a gain with its arrow
  | (?:mm|cm|px|pixels?|vox(?:els?)?|ms|%|pp|pts?)\b  # a unit
  | %
  | [*†‡§¶#⋆!]+                                       # a footnote
  | [a-e](?![a-z])                                    # a footnote
  )"""
CELL = re.compile(rf"^[~≈]?\s*(?P<number>[+-]?\s?{NUM})\s*(?P<percent>%)?(?:\s*{BESIDE})*$", re.X)
COMMA = re.compile(r"(?<![\d.])(\d+),(\d+)(?![\d,])")


@dataclass(frozen=True)
class Cell:
    """A printed number.

    Attributes:
        text: as printed, without its mark.
        value: the number; `scale` times the share for metrics that are shares.
        half: half a unit of the last printed digit.
        mark: "best", "second" or "".
        scale: 100 for percentages, else 1.
        signed: whether a plus or a minus is printed before it.
    """

    text: str
    value: float
    half: float
    mark: str = ""
    scale: float = 1.0
    signed: bool = False

    @property
    def share(self) -> float:
        """The value with percentages taken out."""
        return self.value / self.scale

    @property
    def slack(self) -> float:
        """Half a unit of the last printed digit, in the unit of `share`."""
        return self.half / self.scale

    @property
    def low(self) -> float:
        """The smallest share that prints like this."""
        return self.share - self.slack

    @property
    def high(self) -> float:
        """The largest share that prints like this."""
        return self.share + self.slack


@lru_cache(maxsize=1 << 16)
def unmarked(text: str) -> tuple[str, str]:
    """The text without its marks, and the mark of its number (of its first sign where it has none).

    Returns: the text; "best", "second" or "".
    """
    if "\\" in text or "$" in text:
        text = latex.plain(text)
    text = html.unescape(text) if "&" in text else text
    text = re.sub(r"^\s*([*_])(?![*_])(.+)(?<![*_])\1\s*$", r"\2", text)  # italics
    text = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", text)  # a link
    text = text.replace("***", "**")
    out: list[tuple[str, bool, bool]] = []
    bold = under = False
    at = 0
    for found in MARKS.finditer(text):
        out += [(char, bold, under) for char in text[at : found.start()]]
        at = found.end()
        bold ^= bool(found.group("bold"))
        under ^= bool(found.group("under"))
    out += [(char, bold, under) for char in text[at:]]
    bare = "".join(char for char, _, _ in out).strip()
    digits = [style for style in out if style[0].isdigit()]
    _, bold, under = (digits or out or [("", False, False)])[0]
    return bare, "best" if bold else "second" if under else ""


def plain_number(text: str) -> str:
    """A cell without its marks, with plain dashes and points, in lower case."""
    bare = RAISED.sub("", unmarked(text)[0].translate(DASHES))
    bare = "".join(c for c in bare if c in ARROWS or unicodedata.category(c) not in ORNAMENTS)
    return unicodedata.normalize("NFKC", bare).translate(DASHES).casefold().strip()


@lru_cache(maxsize=1 << 16)
def is_nothing(text: str) -> bool:
    """Whether a cell holds no number on purpose: empty, a dash, n/a."""
    bare = plain_number(text)
    return bare in NOTHING or not any(char.isalnum() for char in bare)


@lru_cache(maxsize=1 << 16)
def cell_of(text: str, comma: bool = False) -> Cell | None:
    """The number of a cell; None where it holds something else.

    Args:
        comma: whether a comma is a decimal point.
    """
    bare = plain_number(text)
    if comma:
        bare = COMMA.sub(r"\1.\2", bare)
    found = CELL.match(bare)
    if not found:
        return None
    digits = found.group("number").replace(" ", "")
    value, decimals = float(digits), len(digits.partition(".")[2])
    percent = bool(found.group("percent"))
    return Cell(
        digits.lstrip("+"), value, 0.5 * 10.0**-decimals, unmarked(text)[1],
        100.0 if percent else 1.0, digits[0] in "+-",
    )  # fmt: skip
