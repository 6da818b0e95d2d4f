"""The per-case Wilcoxon test, common practice in the field: shown and used for no verdict.

**Conventions**

1. The two rows are paired by case; cases without a difference are dropped, as is usual. Where no
   case differs, p is 1.
2. `p` is that of the means over seeds; `p_low` and `p_high` are the smallest and the largest over
   all pairs of single runs, one of each row.

**Sources** Wilcoxon 1945; Åkesson et al., Comput. Biol. Med. 2024 (tests between identical
methods).
"""

from dataclasses import dataclass

import numpy as np

from benchmark.statistics.schema import Array

COMMON_PRACTICE = (
    "the per-case test that is common practice. It is shown for comparison and used for no "
    "verdict. It treats one trained network, or the mean of a few, as if it were the method: "
    "it ignores that another seed gives other scores. So between identical methods it "
    "rejects far more often than in 5 % of cases, and more often with more test cases. It "
    "counts cases of one patient or video as independent. It tests the median of the ranks, "
    "not the mean that the tables show."
)


@dataclass(frozen=True)
class PairedWilcoxon:
    """p-values of the per-case Wilcoxon test (Conventions, 2)."""

    p: float
    p_low: float
    p_high: float


def paired_wilcoxon(one: Array, other: Array) -> PairedWilcoxon:
    """From the scores (seeds, cases) of two rows with the same cases."""
    single = (one[:, None] - other[None]).reshape(-1, one.shape[1])
    means = one.mean(axis=0) - other.mean(axis=0)
    found = wilcoxon(np.concatenate([means[None], single]))
    return PairedWilcoxon(float(found[0]), float(found[1:].min()), float(found[1:].max()))


def wilcoxon(differences: Array) -> Array:
    """Two-sided p of each row (..., cases) of differences."""
    from scipy import stats  # slow to import, and wanted here alone

    rounded = np.round(differences, 9)  # scores have six digits: what is left is rounding
    flat = (rounded == 0).all(axis=-1)
    safe = np.where(flat[..., None], 1.0, rounded)
    p = np.asarray(stats.wilcoxon(safe, axis=-1, method="approx", correction=False).pvalue)
    return np.where(flat, 1.0, p)
