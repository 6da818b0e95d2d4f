"""How far several predictions of one picture differ, and whether that tells where they are wrong.

**Conventions** T predictions p_t (T, ..., H, W) come from passes with dropout, or from the members
of an ensemble; all formulas are of one pixel. Entropies are in bits, so all but the variance lie in
[0, 1], and the variance in [0, 1/4]. 0 log 0 is 0. The variance divides by T.

    mean                p = 1/T sum_t p_t
    variance            1/T sum_t (p_t - p)^2
    predictive entropy  H(p) = -p log2 p - (1 - p) log2 (1 - p)
    mutual information  H(p) - 1/T sum_t H(p_t)

The predictive entropy is a function of the mean alone: it cannot tell blur from dispute. The mutual
information is the part of it on which the predictions disagree.

**Sources** Gal and Ghahramani, ICML 2016 (passes with dropout); Lakshminarayanan et al., NeurIPS
2017 (ensembles); Houlsby et al., 2011, and Smith and Gal, UAI 2018 (mutual information); Hanley and
McNeil, Radiology 1982 (the area under the ROC curve as a share of pairs).
"""

import math
from dataclasses import dataclass

import numpy as np

# Differences of sums below this are rounding: one level of a stored map makes at least 1e-10.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Uncertainty:
    """Maps (..., H, W) of one picture or of several."""

    mean: np.ndarray
    variance: np.ndarray
    entropy: np.ndarray
    information: np.ndarray


def uncertainty(probs: np.ndarray) -> Uncertainty:
    """What T predictions say together.

    Args:
        probs: in [0, 1], (T, ..., H, W).
    """
    probs = np.asarray(probs, np.float64)
    mean = probs.mean(axis=0)
    variance = np.square(probs - mean).mean(axis=0)
    entropy = binary_entropy(mean)
    information = entropy - np.mean([binary_entropy(each) for each in probs], axis=0)
    information[information < ROUNDING] = 0.0
    return Uncertainty(mean, variance, entropy, information)


def binary_entropy(prob: np.ndarray) -> np.ndarray:
    """Entropy in bits of a probability, same shape; 0 at 0 and at 1."""
    total = np.zeros(prob.shape)
    for part in (prob, 1.0 - prob):
        total -= part * np.log2(part, out=np.zeros(prob.shape), where=part > 0)
    return total


def auroc(score: np.ndarray, event: np.ndarray) -> float:
    """Share of pairs of an event and a non-event in which the event has the higher score.

    Ties count half.

    Args:
        score: (n,).
        event: bool (n,).

    Returns: in [0, 1]; NaN where there is no event, or nothing else.
    """
    from scipy.stats import rankdata

    events = int(np.count_nonzero(event))
    others = len(event) - events
    if not events or not others:
        return math.nan
    ranks = rankdata(score)  # of ties the middle
    return float((ranks[event].sum() - events * (events + 1) / 2) / (events * others))
