"""What an uncertainty map says of one picture and of a set, for passes and for ensembles alike.

**Conventions**
1. A pixel is wrong where the mean map, cut at the threshold, differs from the reference. The AUROC
   of a picture asks whether wrong pixels are the more uncertain ones, over at most `SAMPLED` pixels
   drawn by the name of the case. It is NaN where all pixels are right, or all wrong.
2. A case is bad where the DSC of its mean map is below the median of its set. The AUROC of a set
   asks whether bad cases have the larger mean uncertainty over all pixels.
3. Uncertain pixels are the tenth of a picture with the largest mutual information, the most
   uncertain ones the hundredth; ties are in, pixels without any are not. The mutual information is
   used because the entropy of the mean is a function of |p - 0.5| and would prove the sentence.
4. Inside is the reference; what is inside an empty one is NaN.
5. `entropy_bit` and `information_mbit` are means over pixels, in bits and thousandths of a bit;
   `sd` is the mean of the root of the variance.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.files import sha256_bytes
from benchmark.evaluation.metrics import Counts
from benchmark.evaluation.uncertainty import Uncertainty, auroc

SAMPLED = 10_000
UNCERTAIN, MOST = 0.1, 0.01
# Maps, the columns of their means, and the units of these: information is a thousandth of entropy.
KINDS = {"entropy": ("entropy_bit", 1.0), "information": ("information_mbit", 1000.0)}
CASE, SET = "case", "set"  # the values of the column `over`


def case_numbers(
    about: dict[str, str],
    found: Uncertainty,
    reference: np.ndarray,
    single: float,
    threshold: float,
) -> dict[str, Any]:
    """The line of a case.

    Args:
        about: dataset, modality, case, group.
        found: maps (H, W).
        reference: bool (H, W).
        single: DSC of the single prediction, or the mean of those of the members.
    """
    predicted = found.mean >= threshold
    dsc = dice(predicted, reference)
    numbers = {**about, "over": CASE, "dsc_single": single, "dsc_mean": dsc, "gain": dsc - single}
    drawn = sampled(f"{about['dataset']}/{about['case']}", reference.size)
    wrong = (predicted != reference).ravel()[drawn]
    for kind, (column, scale) in KINDS.items():
        pixels: np.ndarray = getattr(found, kind)
        numbers[column] = scale * pixels.mean()
        numbers[f"{column}_inside"] = scale * _mean(pixels, reference)
        numbers[f"{column}_outside"] = scale * _mean(pixels, ~reference)
        numbers[f"{kind}_auroc"] = auroc(pixels.ravel()[drawn], wrong)
    numbers["sd"] = np.sqrt(found.variance).mean()
    return {**numbers, **observed(found, reference, threshold)}


def observed(found: Uncertainty, reference: np.ndarray, threshold: float) -> dict[str, float]:
    """The two observations: how sharp uncertain pixels are, and how many are left as background."""
    sharpness = np.abs(found.mean - 0.5)
    some, most = (highest(found.information, share) for share in (UNCERTAIN, MOST))
    uncertain, rest = _mean(sharpness, some), _mean(sharpness, ~some)
    left = ~reference & (found.mean < threshold)
    return {
        "sharpness_uncertain": uncertain,
        "sharpness_rest": rest,
        "sharpness_difference": uncertain - rest,
        "background_share": _mean(left, most),
    }


def set_numbers(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of a whole set, from those of its cases."""
    table = pd.DataFrame(cases)
    dsc = table["dsc_mean"].to_numpy(float)
    bad = dsc < np.median(dsc)
    names = {"dataset": table["dataset"][0], "modality": table["modality"][0]}
    found = {
        f"{kind}_case_auroc": auroc(table[column].to_numpy(float), bad)
        for kind, (column, _) in KINDS.items()
    }
    return {**names, "case": "", "group": "", "over": SET, **found}


def dice(predicted: np.ndarray, reference: np.ndarray) -> float:
    """DSC of two bool masks (H, W)."""
    tp = np.count_nonzero(predicted & reference)
    fp, fn = np.count_nonzero(predicted) - tp, np.count_nonzero(reference) - tp
    return float(Counts(tp, fp, fn, reference.size - tp - fp - fn).dsc())


def sampled(name: str, size: int) -> np.ndarray:
    """Which pixels of a case are looked at; the same for every method."""
    if size <= SAMPLED:
        return np.arange(size)
    rng = np.random.default_rng(int(sha256_bytes(name.encode())[:16], 16))
    return rng.choice(size, SAMPLED, replace=False)


def highest(pixels: np.ndarray, share: float) -> np.ndarray:
    """Which pixels are among the highest so-many; bool, same shape."""
    chosen: np.ndarray = (pixels >= np.quantile(pixels, 1 - share)) & (pixels > 0)
    return chosen


def _mean(pixels: np.ndarray, where: np.ndarray) -> float:
    return float(pixels[where].mean()) if where.any() else math.nan
