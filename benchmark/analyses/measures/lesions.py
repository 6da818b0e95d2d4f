"""Connected components of a predicted mask beside those of the reference.

**Conventions**
1. Pixels that touch along a side or at a corner belong to one component (8-connectivity). None is
   too small to count.
2. A reference component is detected when a predicted component overlaps it with an intersection
   over union above a threshold; each pair is looked at alone. Above 0.5 at most one predicted
   component can. One predicted component that covers two reference components may detect neither.
3. A predicted component that detects no reference component is a false one. Where the reference is
   empty, each predicted component is.
4. The size of a reference component is its share of the image (`benchmark.statistics.sizes`).

**Sources** Maier-Hein et al., Nat. Methods 2024 (localisation by overlap of components).
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from benchmark.statistics.sizes import LARGE, MIDDLE

THRESHOLDS = (0.1, 0.5)
SIZES = ("small", "middle", "large")
EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Matched:
    """The components of one case.

    Attributes:
        sizes: share of the image of each reference component (references,).
        best_reference: its largest IoU with a predicted component (references,).
        best_predicted: likewise, of each predicted component (predicted,).
    """

    sizes: np.ndarray
    best_reference: np.ndarray
    best_predicted: np.ndarray

    def missed(self, threshold: float, size: str = "") -> int:
        """Reference components that are not detected, of one size or of all."""
        return int((self.of(size) & (self.best_reference <= threshold)).sum())

    def of(self, size: str) -> np.ndarray:
        """Which reference components are of a size; all of them where it is empty."""
        places = np.digitize(self.sizes, (MIDDLE, LARGE))
        found: np.ndarray = places == SIZES.index(size) if size else places >= 0
        return found

    def false(self, threshold: float) -> int:
        """Predicted components that detect nothing."""
        return int((self.best_predicted <= threshold).sum())


def matched(pred: np.ndarray, reference: np.ndarray) -> Matched:
    """Matches the components of two masks.

    Args:
        pred, reference: bool (H, W).
    """
    (ours, n), (theirs, m) = label(pred, EIGHT), label(reference, EIGHT)
    area_pred = np.bincount(ours.ravel(), minlength=n + 1)
    area_reference = np.bincount(theirs.ravel(), minlength=m + 1)
    shared = pred & reference
    pairs, both = np.unique(
        theirs[shared].astype(np.int64) * (n + 1) + ours[shared], return_counts=True
    )
    at_reference, at_pred = np.divmod(pairs, n + 1)
    iou = both / (area_reference[at_reference] + area_pred[at_pred] - both)
    best_reference, best_pred = np.zeros(m + 1), np.zeros(n + 1)
    np.maximum.at(best_reference, at_reference, iou)
    np.maximum.at(best_pred, at_pred, iou)
    return Matched(area_reference[1:] / reference.size, best_reference[1:], best_pred[1:])
