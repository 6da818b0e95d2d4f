"""How the masks of fundus pictures say disc and cup: told from the masks of the set at hand.

ORIGA and REFUGE are published with 255, 128, 0 for background, rim and cup, and copied with
0, 1, 2, with 0, 128, 255 or with 0, 255 for background and disc. The frame of a picture is
background in all of them, so the values on the frame tell which it is.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark.core.errors import ImageError
from benchmark.data.mask_rules import TOLERANCE, ListedCodes, MaskRule, Rule
from benchmark.data.masks import mask_values

PUBLISHED = MaskRule((0, 128, 255), low=0, high=254, sharp=False)  # below 255 is disc
NUMBERED = ListedCodes((1, 2), (0,))
LIGHT = MaskRule((0, 128, 255), low=64, high=255)
LOOKED_AT = 5  # masks, spread over the set
NUMBERS = 2  # largest code of a numbered mask


def disc_rule(masks: Sequence[Path]) -> Rule:
    """The one rule by which the discs of a set are read.

    Args:
        masks: all masks of the set; a few of them are looked at.

    Raises: ImageError if two masks follow different rules.
    """
    step = max(1, len(masks) // LOOKED_AT)
    rule, first = None, None
    for path in masks[::step][:LOOKED_AT]:
        found = _rule(path)
        if found is None:
            continue
        if rule not in (None, found):
            raise ImageError(
                path,
                f"{found}",
                f"{rule}, as in {first}",
                "Keep masks of one coding in a dataset.",
            )
        rule, first = found, path
    return rule or LIGHT


def _rule(path: Path) -> Rule | None:
    """The rule of one mask; None if it is empty, or no picture."""
    try:
        values, lossy = mask_values(path)
    except ImageError:
        return None  # whoever reads the mask says what is wrong with it
    frame = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    background = float(np.median(frame))
    if background >= 255 - TOLERANCE:
        return PUBLISHED
    highest = int(values.max())
    if highest == 0:
        return None
    # A lossy file of numbers is left to the other rule, which refuses it.
    return NUMBERED if highest <= NUMBERS and not lossy else LIGHT
