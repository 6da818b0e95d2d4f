"""What claims read of the analyses beyond the scores: every name of a column stands here, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = Mapping[str, tuple[object, ...]]  # values by column of measured.csv

# Noise that applies to every modality, by its name in the analysis of corruptions.
NOISES = ("gaussian-noise", "shot-noise", "impulse-noise", "speckle-noise")
_NOISY: Lines = {"corruption": NOISES, "severity": (1, 2, 3, 4, 5)}
_CLEAN: Lines = {"severity": (0,)}
_IMAGES: Lines = {"over": ("image",)}
_CASES: Lines = {"over": ("case",)}


@dataclass(frozen=True)
class Measure:
    """A value of each case, from the lines of one analysis.

    Attributes:
        analysis: its name.
        column: of measured.csv.
        title: what tables call it.
        lines: the lines of a case over which it is averaged.
        minus: another column that is taken from it; empty for none.
        minus_lines: other lines whose mean is taken from it; empty for none.
        lower: whether less is better.
        elsewhere: whether its sets are others than the test sets of the mix.
    """

    analysis: str
    column: str
    title: str
    lines: Lines = field(default_factory=dict)
    minus: str = ""
    minus_lines: Lines = field(default_factory=dict)
    lower: bool = False
    elsewhere: bool = False


# By the name under which claims.yaml asks for it.
MEASURES = {
    "dsc under noise": Measure("corruptions", "dsc", "DSC under noise", _NOISY),
    "dsc kept under noise": Measure(
        "corruptions", "dsc", "DSC under noise − clean", _NOISY, minus_lines=_CLEAN
    ),
    "dsc on unseen sets": Measure("unseen", "dsc", "DSC on unseen sets", elsewhere=True),
    "sensitivity on unseen sets": Measure(
        "unseen", "sensitivity", "sensitivity on unseen sets", elsewhere=True
    ),
    # over all pixels the background, of which every network is sure, would decide
    "confidence": Measure("calibration", "confidence_box", "confidence around lesions", _IMAGES),
    "sharpness of uncertain pixels": Measure(
        "dropout", "sharpness_uncertain", "|p − 0.5| of uncertain pixels − of the rest", _CASES,
        minus="sharpness_rest", lower=True,
    ),
    "background among uncertain pixels": Measure(
        "dropout", "background_share", "background among the most uncertain pixels", _CASES
    ),
}  # fmt: skip
