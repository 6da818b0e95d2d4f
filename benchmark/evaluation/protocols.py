"""Every other convention of the field as a named protocol, computed from the stored maps.

A published number can be compared only under the convention that gave it. `PROTOCOLS` are columns
of scores.csv, one value a case; the mean over the cases of a dataset is what the named tool
prints. `POOLED` are made from the tp, fp, fn, tn columns of a whole dataset.

**Conventions**
1. Tools that read 8-bit PNG files are followed to the PNG: a map is rounded to the 256 values
   k = round(255 p), and foreground at threshold t is k >= t for t = 0 ... 255. (PySODMetrics
   reads k / 255 and multiplies again in floating point, which costs some k one threshold.)
2. Min-max: p becomes (p - min p) / (max p - min p) before it is rounded; a constant map stays as
   it is (PySODMetrics), except in soft Dice, where it becomes 0 (Polyp-PVT).
3. A «max» is taken where the mean curve over the cases of the dataset is highest (the lowest such
   threshold when several are), as the tools do; the column holds each case's value there, so that
   its mean is the published kind of maximum. It is not the mean of each case's own maximum.
4. Empty masks follow each tool and not the headline rule: whenever no pixel is both predicted and
   reference, the score is 0. In the mean over foreground and background an absent class that is
   also not predicted scores 1.
5. All sums are of integers. Maps and masks as in `metrics`.

**Sources** PraNet, Fan et al., MICCAI 2020 (MATLAB evaluation); UACANet, Kim et al., ACM MM 2021
(`run/Eval.py`); PySODMetrics 1.6 (`FmeasureV2`, `MAE`); Polyp-PVT, Dong et al. 2021 (training
log); MMSegmentation (`IoUMetric`); U-Bench 2025; torchmetrics 1.9 (`BinaryF1Score`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.evaluation.maps import TOP
from benchmark.evaluation.metrics import STEPS, Counts, Floats, Sweep, Tally

BATCH = 8


@dataclass(frozen=True)
class Protocol:
    """A convention that gives one value a case.

    Attributes:
        title: what is computed.
        used_by: whose code does it so.
        compute: the n cases of a dataset (and draw) to n values.
    """

    title: str
    used_by: str
    compute: Callable[[Tally], Floats]


@dataclass(frozen=True)
class Pooled:
    """A convention that gives one value a dataset, from the counts of its n cases.

    Attributes:
        title, used_by: as in `Protocol`.
        compute: counts as arrays (n,) to one value.
    """

    title: str
    used_by: str
    compute: Callable[[Counts], float]


def _mean(curves: Floats) -> Floats:
    mean: Floats = curves.mean(axis=-1)
    return mean


def _at_best(curves: Floats) -> Floats:
    return curves[:, int(curves.mean(axis=0).argmax())]


def _adaptive(t: Tally) -> Sweep:
    # Twice the mean of k, rounded up, is the first k at or above it; 255 is the cap of 1.
    total = (t.minmax.tp[:, 1:] + t.minmax.fp[:, 1:]).sum(axis=1)
    return t.minmax.at(np.minimum(-(-2 * total // t.pixels()), STEPS - 1))


def _mae_minmax(t: Tally) -> Floats:
    missing = (STEPS - 1) * t.reference() - t.minmax.tp[:, 1:].sum(axis=1)
    mae: Floats = (missing + t.minmax.fp[:, 1:].sum(axis=1)) / ((STEPS - 1) * t.pixels())
    return mae


def _soft(t: Tally) -> Floats:
    dsc: Floats = 2 * t.hit / np.maximum(t.mass + TOP * t.reference(), 1)
    return dsc


def _soft_minmax(t: Tally) -> Floats:
    span = np.maximum(t.high - t.low, 1)
    hit = (t.hit - t.low * t.reference()) / span
    mass = (t.mass - t.low * t.pixels()) / span
    dsc: Floats = (2 * hit + 1) / (mass + t.reference() + 1)
    return dsc


def _both(value: Callable[[Counts], Floats]) -> Callable[[Counts], Floats]:
    def compute(c: Counts) -> Floats:
        mean: Floats = (value(c) + value(Counts(c.tn, c.fn, c.fp, c.tp))) / 2
        return mean

    return compute


_PRANET = "PraNet's MATLAB code (meanDic, meanIoU), PySODMetrics dynamic mean"
_PRANET_MAX = "PraNet's MATLAB code (maxDic, maxIoU), PySODMetrics dynamic max"
_SWEEP = "over 256 thresholds after min-max"
_SWEEP_RAW = "over 256 thresholds, no min-max"
_DICE_OF_BOTH, _IOU_OF_BOTH = _both(Counts.dsc), _both(Counts.iou)

PROTOCOLS: dict[str, Protocol] = {
    "dsc_minmax256_mean": Protocol(
        f"Dice, mean {_SWEEP}", _PRANET, lambda t: _mean(t.minmax.dsc())
    ),
    "dsc_minmax256_max": Protocol(
        f"Dice, best of the mean curve {_SWEEP}", _PRANET_MAX, lambda t: _at_best(t.minmax.dsc())
    ),
    "iou_minmax256_mean": Protocol(f"IoU, mean {_SWEEP}", _PRANET, lambda t: _mean(t.minmax.iou())),
    "iou_minmax256_max": Protocol(
        f"IoU, best of the mean curve {_SWEEP}", _PRANET_MAX, lambda t: _at_best(t.minmax.iou())
    ),
    "dsc_raw256_mean": Protocol(
        f"Dice, mean {_SWEEP_RAW}", "UACANet", lambda t: _mean(t.raw.dsc())
    ),
    "dsc_raw256_max": Protocol(
        f"Dice, best of the mean curve {_SWEEP_RAW}", "UACANet", lambda t: _at_best(t.raw.dsc())
    ),
    "iou_raw256_mean": Protocol(f"IoU, mean {_SWEEP_RAW}", "UACANet", lambda t: _mean(t.raw.iou())),
    "iou_raw256_max": Protocol(
        f"IoU, best of the mean curve {_SWEEP_RAW}", "UACANet", lambda t: _at_best(t.raw.iou())
    ),
    "dsc_adaptive": Protocol(
        "Dice at twice the map's mean, after min-max",
        "PySODMetrics adaptive",
        lambda t: _adaptive(t).dsc()[:, 1],
    ),
    "iou_adaptive": Protocol(
        "IoU at twice the map's mean, after min-max",
        "PySODMetrics adaptive",
        lambda t: _adaptive(t).iou()[:, 1],
    ),
    "dsc_minmax": Protocol(
        "Dice at one half, after min-max",
        "PySODMetrics binary",
        lambda t: t.minmax.at(STEPS // 2).dsc()[:, 1],
    ),
    "iou_minmax": Protocol(
        "IoU at one half, after min-max",
        "PySODMetrics binary",
        lambda t: t.minmax.at(STEPS // 2).iou()[:, 1],
    ),
    "dsc_soft": Protocol("Dice of the soft map, no threshold", "soft Dice as a score", _soft),
    "dsc_soft_minmax": Protocol(
        "Dice of the soft map after min-max, 1 added above and below",
        "Polyp-PVT's training log",
        _soft_minmax,
    ),
    "mae_minmax": Protocol("MAE after min-max", "PraNet, PySODMetrics", _mae_minmax),
    "mae_binary": Protocol(
        "MAE of the binary mask: the share of wrong pixels",
        "tools that save masks and not maps",
        lambda t: (t.counts.fp + t.counts.fn) / t.pixels(),
    ),
    "dsc_fgbg": Protocol(
        "Dice, mean of foreground and background, per case",
        "multi-class metrics that count the background",
        lambda t: _DICE_OF_BOTH(t.counts),
    ),
    "iou_fgbg": Protocol(
        "IoU, mean of foreground and background, per case",
        "multi-class metrics that count the background",
        lambda t: _IOU_OF_BOTH(t.counts),
    ),
}


def _sums(c: Counts) -> Counts:
    return Counts(*(int(np.sum(part)) for part in (c.tp, c.fp, c.fn, c.tn)))


def _by_batches(c: Counts) -> float:
    starts = np.arange(0, len(c.tp), BATCH)
    sums = Counts(*(np.add.reduceat(part, starts) for part in (c.tp, c.fp, c.fn, c.tn)))
    return float(sums.dsc().mean())


def _dsc_of_mean_iou(c: Counts) -> float:
    mean = float(c.iou().mean())
    return 2 * mean / (1 + mean)


POOLED: dict[str, Pooled] = {
    "dsc_pooled": Pooled(
        "Dice of all pixels of the dataset together",
        "torchmetrics BinaryF1Score, MMSegmentation's foreground Dice",
        lambda c: float(_sums(c).dsc()),
    ),
    "iou_pooled": Pooled(
        "IoU of all pixels of the dataset together",
        "torchmetrics BinaryJaccardIndex, MMSegmentation's foreground IoU",
        lambda c: float(_sums(c).iou()),
    ),
    "dsc_pooled_fgbg": Pooled(
        "pooled Dice, mean of foreground and background",
        "MMSegmentation mDice",
        lambda c: float(_DICE_OF_BOTH(_sums(c))),
    ),
    "iou_pooled_fgbg": Pooled(
        "pooled IoU, mean of foreground and background",
        "MMSegmentation mIoU",
        lambda c: float(_IOU_OF_BOTH(_sums(c))),
    ),
    "dsc_batch8": Pooled(
        "Dice pooled within batches of 8, mean over the batches",
        "metrics updated once a batch",
        _by_batches,
    ),
    "dsc_of_mean_iou": Pooled("2 mIoU / (1 + mIoU) of the mean IoU", "U-Bench", _dsc_of_mean_iou),
}


def pooled_means(runs: Sequence[Counts]) -> dict[str, float]:
    """Every pooled convention by name, as the mean over some runs; nothing without runs.

    Args:
        runs: the counts (n,) of a dataset, a run each.
    """
    if not runs:
        return {}
    return {
        name: float(np.mean([about.compute(counts) for counts in runs]))
        for name, about in POOLED.items()
    }
