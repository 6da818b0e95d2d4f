"""Which values of a mask are the lesion: the usual codes, a layout's own, or codes that are listed.

**Conventions** A code is a value that was written on purpose. Lossy compression and antialiased
edges blur codes, so values within TOLERANCE of a code pass for it, and a few values may lie farther
away. Where a file is not lossy and holds only a few values, every one of them is a code: none is
explained away, and a mask with other codes than 0 and 255, or 0 and 1, is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TOLERANCE = 32  # grey levels around a code: JPEG ringing and antialiased edges
FAR_SHARE = 0.01  # more pixels than this away from every code: not the mask that was expected
FEW = 5  # up to so many values are codes; blurred edges bring more
FAINT = {0, 1, 254, 255}  # but for these: JPEG at its best quality
SHOWN = 6
LARGEST = 65535
SAY_WHICH = (
    "Say which are the lesion, for example with --lesion-codes 1,2 --background-codes 0 of `mixseg "
    "data --from` or `mixseg new-dataset --from`, or in the row of the catalog or dataset.yaml. "
    "Every code must be one or the other: pixels that do not count are not supported."
)


class UnfitError(Exception):
    """Says why values do not fit a rule: what was found, what was expected, what to do."""

    def __init__(self, found: str, expected: str, do: str) -> None:
        super().__init__(found)
        self.found, self.expected, self.do = found, expected, do


@dataclass(frozen=True)
class Values:
    """The values of a mask.

    Attributes:
        counts: pixels by value, values ascending.
        lossy: whether compression may have changed them.
    """

    counts: Mapping[int, int]
    lossy: bool

    @property
    def highest(self) -> int:
        """The largest value."""
        return max(self.counts)

    def level(self, value: int) -> int:
        """A value in 8 bits: where the mask holds more, the upper byte."""
        return value >> 8 if self.highest > 255 else value

    def share(self, values: Iterable[int]) -> float:
        """Share of the pixels that hold one of these values."""
        return sum(self.counts[value] for value in values) / sum(self.counts.values())

    def __str__(self) -> str:
        frequent = sorted(self.counts, key=lambda value: -self.counts[value])[:SHOWN]
        sizes = {v: f"{self.counts[v]} pixel{'s' * (self.counts[v] != 1)}" for v in frequent}
        shown = ", ".join(f"{v} ({sizes[v]})" for v in sorted(frequent))
        more = len(self.counts) - len(frequent)
        word = "code" if len(self.counts) == 1 else "codes"
        return f"{word} {shown}" + (f" and {more} other values" if more else "")


@dataclass(frozen=True)
class MaskRule:
    """Which grey values a mask may hold, and which of them are foreground.

    Attributes:
        codes: the values that occur in a sound mask, before compression blurs them.
        low, high: values in [low, high] are foreground.
        sharp: whether a sound file that is not blurred holds one value for each code.
    """

    codes: tuple[int, ...] = (0, 255)
    low: int = 128
    high: int = 255
    sharp: bool = True

    def lesion(self, values: Values) -> set[int]:
        """The values that are foreground; masks that hold nothing but 0 and 1 are read as such.

        Raises: UnfitError if the values are not those of the rule.
        """
        if self.low > TOLERANCE and not values.lossy and values.highest == 1:
            return {1}
        if self.low > TOLERANCE and values.highest and values.level(values.highest) <= TOLERANCE:
            # Numbered labels would pass as background, and the case as an empty one.
            raise UnfitError(f"{values}, like label numbers", str(self), SAY_WHICH)
        if self.sharp and not values.lossy:
            self._refuse_codes(values)
        far = values.share(v for v in values.counts if not self._is_near(values.level(v)))
        inside = {v for v in values.counts if self.low <= values.level(v) <= self.high}
        # Without the second condition a small lesion in a wrong grey passes as an empty mask.
        if far > FAR_SHARE or (far and not inside):
            away = f"{far:.1%} of the pixels lie farther than {TOLERANCE} from the mask's codes"
            raise UnfitError(f"{values}: {away}", str(self), SAY_WHICH)
        return inside

    def _refuse_codes(self, values: Values) -> None:
        """Refuses codes beside those of the rule that are too rare to be far, or too near."""
        levels = [values.level(value) for value in values.counts]
        near = [sum(abs(level - code) <= TOLERANCE for level in levels) for code in self.codes]
        between = len(levels) - sum(near)
        few = len(levels) <= FEW and (between > 0 or max(near) > 1)
        few = few and set(values.counts) != FAINT
        # Blur changes both codes and leaves greys between them; beside a sharp 255 others are
        # labels.
        labels = not between and near[-1] == 1 and near[0] > 1
        if few or labels:
            either = "" if self.low <= TOLERANCE else ", or 0 and 1"
            raise UnfitError(str(values), f"{_and(self.codes)}{either}", SAY_WHICH)

    def _is_near(self, level: int) -> bool:
        return any(abs(level - code) <= TOLERANCE for code in self.codes)

    def __str__(self) -> str:
        codes = ", ".join(str(code) for code in self.codes)
        return f"values near {codes} (foreground {self.low} to {self.high})"


@dataclass(frozen=True)
class ListedCodes:
    """Codes that a person listed; they hold exactly, but for lossy files.

    Attributes:
        lesion_codes, background_codes: at least one each, no code in both.
    """

    lesion_codes: tuple[int, ...]
    background_codes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raises: ValueError if the two lists cannot be told apart."""
        for name, codes in (("lesion", self.lesion_codes), ("background", self.background_codes)):
            if not codes:
                raise ValueError(f"no {name} code")
            if any(not 0 <= code <= LARGEST for code in codes):
                raise ValueError(f"{name} codes {_list(codes)}: a code lies in 0 to {LARGEST}")
        both = set(self.lesion_codes) & set(self.background_codes)
        if both:
            raise ValueError(f"{_list(both)} is a lesion code and a background code")

    def lesion(self, values: Values) -> set[int]:
        """The values that are foreground; in a lossy file those nearest to a lesion code.

        Raises: UnfitError if values are listed on neither side.
        """
        listed = sorted((*self.lesion_codes, *self.background_codes))
        nearest = {v: min(listed, key=lambda code: abs(code - v)) for v in values.counts}
        allowed = TOLERANCE if values.lossy else 0
        beyond = [v for v, code in nearest.items() if abs(v - code) > allowed]
        if values.share(beyond) > (FAR_SHARE if values.lossy else 0):
            rest = Values({v: values.counts[v] for v in beyond}, values.lossy)
            raise UnfitError(f"{rest} on neither list", str(self), SAY_WHICH)
        return {v for v, code in nearest.items() if code in self.lesion_codes}

    def __str__(self) -> str:
        lesion, background = _list(self.lesion_codes), _list(self.background_codes)
        return f"lesion codes {lesion} and background codes {background}"


Rule = MaskRule | ListedCodes


def _list(codes: Iterable[int]) -> str:
    return ", ".join(str(code) for code in sorted(codes))


def _and(codes: tuple[int, ...]) -> str:
    return f"{_list(codes[:-1])} and {codes[-1]}"
