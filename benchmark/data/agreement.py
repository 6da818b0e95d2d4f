"""What the masks of one dataset must have in common."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmark.core.errors import ImageError
from benchmark.data.mask_rules import SAY_WHICH

EMPTY = (
    "Open some of the masks: lossy compression may have wiped out label numbers. Save 0 and 255 as "
    "PNG, or say which codes are the lesion with --lesion-codes and --background-codes."
)


class Agreement:
    """Looks at the masks of one dataset as they are read."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        self.files: dict[int, str] = {}  # by the code of the lesion, the first that has it
        self.masks = self.lesions = 0

    def add(self, files: Iterable[Path], mask: np.ndarray, codes: Iterable[int]) -> None:
        """Takes a case.

        Args:
            files: of its mask.
            mask: (H, W), 0 or 1.
            codes: see `masks.Mask.code`.

        Raises: ImageError where the lesion is 1 here and 255 there: one of the two is no lesion.
        """
        here = " ".join(map(str, files))
        self.masks += 1
        self.lesions += int(mask.any())
        for code in codes:
            self.files.setdefault(code, here)
        if len(self.files) > 1:
            (one, first), (other, second) = sorted(self.files.items())
            found = f"the lesion has code {other}, and code {one} in {first}"
            raise ImageError(second, found, "one code in all masks of a dataset", SAY_WHICH)

    def end(self) -> None:
        """Raises ImageError where no mask at all holds a lesion."""
        if self.masks and not self.lesions:
            found = f"all {self.masks} masks are empty at the mix's size"
            raise ImageError(self.dataset, found, "a lesion in some", EMPTY)
