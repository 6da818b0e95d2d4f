"""How many masks of a prepared mix are empty or cover more than half, and whether that is usual.

A mask that was read by the wrong rule is empty or inverted far more often than it looks odd.

**Sources** Shares counted in the prepared sets. Empty: none but in ultrasound, where 133 of the 780
pictures of BUSI show no lesion. More than half: 8.5 % of ISIC2017, 3.4 % of DDTI, 2.8 % of
Kvasir-SEG, 0.3 % of BUSI, none of DRISHTI-GS and CVC-ClinicDB. The bounds leave room above that.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.data.cases import Cases, load_cases
from benchmark.data.splits import SPLITS

# Modality to the shares, of empty masks and of those over half, above which a set is unusual.
USUAL = {
    "fundus": (0.02, 0.05),
    "colonoscopy": (0.02, 0.10),
    "ultrasound": (0.25, 0.15),
    "dermoscopy": (0.02, 0.30),
}
HALF = 0.5
NAMED = 3


@dataclass(frozen=True)
class Coverage:
    """What the masks of one dataset cover.

    Attributes:
        masks: how many there are.
        empty, large: the cases whose masks are empty, or cover more than half.
    """

    dataset: str
    modality: str
    masks: int
    empty: tuple[str, ...]
    large: tuple[str, ...]

    def warnings(self) -> list[str]:
        """A line for each of the two that is unusual for the modality."""
        lines: list[str] = []
        if not self.masks:
            return lines
        kinds = (("are empty", self.empty), ("cover more than half", self.large))
        for (what, cases), most in zip(kinds, USUAL[self.modality], strict=True):
            if len(cases) > most * self.masks:
                names = ", ".join(cases[:NAMED]) + (", ..." if len(cases) > NAMED else "")
                lines.append(
                    f"{self.dataset}: {len(cases)} of {self.masks} masks {what} ({names}), "
                    f"unusual for {self.modality} (up to {most:.0%}). Were the masks read right?"
                )
        return lines


def coverage(prepared: Path) -> dict[str, Coverage]:
    """By dataset; masks are counted at the mix's size.

    Args:
        prepared: data/prepared/<mix>.
    """
    cases = load_cases(prepared, SPLITS)
    return {name: _of(cases, name) for name in cases.masks}


def _of(cases: Cases, name: str) -> Coverage:
    table = cases.table[cases.table["dataset"] == name]
    shares = np.array([cases.masks[name][row].mean() for row in table["row"]])
    modality = str(table["modality"].iloc[0]) if len(table) else ""
    cases_of = table["case"].to_numpy()
    empty, large = cases_of[shares == 0], cases_of[shares > HALF]
    return Coverage(name, modality, len(table), tuple(empty), tuple(large))
