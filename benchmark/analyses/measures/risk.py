"""Selective prediction: how sure a map is of itself, and the risk that is left at each coverage.

**Conventions**

1. Confidences of a case, all in [0, 1], higher is surer. P is the mask p >= 0.5.
   SDC: soft Dice confidence, 2 sum over P of p / (sum of p + |P|); 1 where every p is 0.
   Maximum probability: mean over pixels of max(p, 1 - p).
   Entropy: 1 - mean over pixels of -p log2 p - (1 - p) log2 (1 - p).
2. Risk of a case: 1 - DSC of the mask at the headline threshold, with empty masks as in the scores
   (both empty: DSC 1; one of two: 0).
3. Coverage k / n keeps the k most confident of n cases; the risk there is the mean of theirs. Cases
   of one confidence come in no order: their part is the mean over all orders.
4. AURC: mean of the risk over the coverages 1 / n, 2 / n ... 1. The oracle keeps the cases of least
   risk; the excess is AURC minus its AURC, never below 0. An order by chance has, on average, the
   mean risk as its AURC. Of one case AURC is its risk and the excess is 0.

**Sources** Borges et al., arXiv 2402.10665 (SDC); Geifman and El-Yaniv, NeurIPS 2017 (risk and
coverage); Geifman et al., ICLR 2019 (AURC and its excess).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation.maps import TOP

Floats = NDArray[np.float64]
LEVELS = TOP + 1
HALF = LEVELS // 2  # the smallest level of p >= 0.5
P: Floats = np.arange(LEVELS) / TOP


def _entropies() -> Floats:
    inner = P[1:-1]
    bits = -inner * np.log2(inner) - (1 - inner) * np.log2(1 - inner)
    found: Floats = np.concatenate([[0.0], bits, [0.0]])
    return found


MAXIMA: Floats = np.maximum(P, 1 - P)
ENTROPIES = _entropies()  # in bits, by level


@dataclass(frozen=True)
class Confidences:
    """How sure a map is of itself, in three forms."""

    sdc: float
    max_probability: float
    entropy: float


def confidences(levels: np.ndarray) -> Confidences:
    """The confidences of a map.

    Args:
        levels: uint16 (H, W), p = level / 65535; at least one pixel.
    """
    counts = np.bincount(levels.ravel(), minlength=LEVELS)
    mass = np.arange(LEVELS) * counts  # integers: no order of summation changes a number
    whole = int(mass.sum()) + TOP * int(counts[HALF:].sum())
    sdc = 2 * int(mass[HALF:].sum()) / whole if whole else 1.0
    return Confidences(
        sdc, float(counts @ MAXIMA) / levels.size, 1 - float(counts @ ENTROPIES) / levels.size
    )


def risk_by_coverage(confidence: Floats, risk: Floats) -> Floats:
    """Mean risk of the k most confident cases, (n,) for k = 1 ... n.

    Args:
        confidence, risk: (n,), a value a case.
    """
    order = np.argsort(-confidence, kind="stable")
    _, block, sizes = np.unique(-confidence[order], return_inverse=True, return_counts=True)
    expected = (np.bincount(block, risk[order]) / sizes)[block]  # ties: the mean of their block
    found: Floats = np.cumsum(expected) / np.arange(1, len(risk) + 1)
    return found


def aurc(confidence: Floats, risk: Floats) -> float:
    """Area under the risk-coverage curve.

    Args:
        confidence, risk: (n,), a value a case; n >= 1.
    """
    return float(risk_by_coverage(confidence, risk).mean())


def oracle_aurc(risk: Floats) -> float:
    """AURC of the order by risk itself, the least that any confidence can reach."""
    return aurc(-risk, risk)
