"""Writes golden/metrics/*.json: small maps and their scores, worked out pixel by pixel.

Nothing of ours is imported. Every score is written from its definition, in fractions, with a loop
over thresholds, so that it shares no step with the code under test. Run it from the root:
`python tests/golden/write_metrics.py`; it writes the same bytes each time.
"""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

TOP = 65535
Pixels = list[tuple[Fraction, bool]]
HERE = Path(__file__).parent / "metrics"


def rounded(value: Fraction) -> int:
    """The nearest whole number, halves up."""
    return math.floor(value + Fraction(1, 2))


def confusion(pixels: Pixels, threshold: Fraction) -> tuple[int, int, int, int]:
    tp = sum(p >= threshold and r for p, r in pixels)
    fp = sum(p >= threshold and not r for p, r in pixels)
    fn = sum(p < threshold and r for p, r in pixels)
    return tp, fp, fn, len(pixels) - tp - fp - fn


def share(part: int, whole: int, otherwise: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(otherwise)


def dice(tp: int, fp: int, fn: int, _: int, empty: int = 0) -> Fraction:
    return share(2 * tp, 2 * tp + fp + fn, empty)


def jaccard(tp: int, fp: int, fn: int, _: int, empty: int = 0) -> Fraction:
    return share(tp, tp + fp + fn, empty)


def of_both(score: Callable[..., Fraction], c: tuple[int, int, int, int]) -> Fraction:
    tp, fp, fn, tn = c
    return (score(*c, empty=1) + score(tn, fn, fp, tp, empty=1)) / 2


def stretched(pixels: Pixels) -> Pixels:
    low, high = min(p for p, _ in pixels), max(p for p, _ in pixels)
    return pixels if low == high else [((p - low) / (high - low), r) for p, r in pixels]


def grey(pixels: Pixels) -> Pixels:
    """As an 8-bit PNG holds it."""
    return [(Fraction(rounded(255 * p), 255), r) for p, r in pixels]


def curve(pixels: Pixels, score: Callable[..., Fraction]) -> list[Fraction]:
    return [score(*confusion(pixels, Fraction(k, 255))) for k in range(256)]


def adaptive(pixels: Pixels, score: Callable[..., Fraction]) -> Fraction:
    threshold = min(2 * sum(p for p, _ in pixels) / len(pixels), Fraction(1))
    return score(*confusion(pixels, threshold))


def error(pixels: Pixels) -> Fraction:
    return sum((abs(p - r) for p, r in pixels), Fraction(0)) / len(pixels)


def soft(pixels: Pixels, plus: int) -> Fraction:
    hit = sum((p for p, r in pixels if r), Fraction(0))
    whole = sum((p + r for p, r in pixels), Fraction(0)) + plus
    return (2 * hit + plus) / whole if whole else Fraction(0)


def soft_stretched(pixels: Pixels) -> Fraction:
    new = stretched(pixels)
    return soft([(Fraction(0), r) for _, r in pixels] if new is pixels else new, 1)


def sweeps(cases: list[Pixels]) -> dict[str, list[Fraction]]:
    found: dict[str, list[Fraction]] = {}
    for kind, change in (("minmax256", stretched), ("raw256", lambda pixels: pixels)):
        for metric, score in (("dsc", dice), ("iou", jaccard)):
            curves = [curve(grey(change(pixels)), score) for pixels in cases]
            total = [sum(column) for column in zip(*curves, strict=True)]
            best = total.index(max(total))
            found[f"{metric}_{kind}_mean"] = [sum(c, Fraction(0)) / 256 for c in curves]
            found[f"{metric}_{kind}_max"] = [c[best] for c in curves]
    return found


def scores(cases: list[Pixels]) -> dict[str, dict[str, object]]:
    half = Fraction(1, 2)
    at_half = [confusion(pixels, half) for pixels in cases]
    png = [grey(stretched(pixels)) for pixels in cases]
    pooled = tuple(sum(column) for column in zip(*at_half, strict=True))
    parts = [at_half[start : start + 8] for start in range(0, len(at_half), 8)]
    batches = [tuple(sum(column) for column in zip(*part, strict=True)) for part in parts]
    mean_iou = sum(jaccard(*c, empty=1) for c in at_half) / len(cases)
    one_if_both_empty = [int(not any(c[:3])) for c in at_half]
    return {
        "headline": {
            "dsc": [dice(*c, empty=1) for c in at_half],
            "iou": [jaccard(*c, empty=1) for c in at_half],
            "sensitivity": [
                share(c[0], c[0] + c[2], both)
                for c, both in zip(at_half, one_if_both_empty, strict=True)
            ],
            "precision": [
                share(c[0], c[0] + c[1], both)
                for c, both in zip(at_half, one_if_both_empty, strict=True)
            ],
            "mae": [error(pixels) for pixels in cases],
        },
        "protocols": {
            **sweeps(cases),
            "dsc_adaptive": [adaptive(pixels, dice) for pixels in png],
            "iou_adaptive": [adaptive(pixels, jaccard) for pixels in png],
            "dsc_minmax": [dice(*confusion(pixels, half)) for pixels in png],
            "iou_minmax": [jaccard(*confusion(pixels, half)) for pixels in png],
            "dsc_soft": [soft(pixels, 0) for pixels in cases],
            "dsc_soft_minmax": [soft_stretched(pixels) for pixels in cases],
            "mae_minmax": [error(pixels) for pixels in png],
            "mae_binary": [Fraction(c[1] + c[2], sum(c)) for c in at_half],
            "dsc_fgbg": [of_both(dice, c) for c in at_half],
            "iou_fgbg": [of_both(jaccard, c) for c in at_half],
        },
        "pooled": {
            "dsc_pooled": dice(*pooled, empty=1),
            "iou_pooled": jaccard(*pooled, empty=1),
            "dsc_pooled_fgbg": of_both(dice, pooled),
            "iou_pooled_fgbg": of_both(jaccard, pooled),
            "dsc_batch8": sum(dice(*c, empty=1) for c in batches) / len(batches),
            "dsc_of_mean_iou": 2 * mean_iou / (1 + mean_iou),
        },
    }


def drawn(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Levels and reference, 8 x 9."""
    reference = np.zeros((8, 9), bool)
    top, left = rng.integers(0, 4, 2)
    reference[top : top + rng.integers(2, 5), left : left + rng.integers(2, 5)] = True
    noise = rng.random(reference.shape)
    prob = {
        "sharp": 0.98 * reference + 0.02 * noise,
        "soft": 0.35 * reference + 0.6 * noise,
        "faint": 0.02 * reference + 0.01 * noise,
        "random": noise,
        "constant": np.full(reference.shape, 0.4),
        "empty-prediction": np.zeros(reference.shape),
        "empty-reference": noise,
        "empty-both": 0.3 * noise,
        "full": np.ones(reference.shape),
    }[kind]
    if kind in ("empty-reference", "empty-both"):
        reference[:] = False
    return np.rint(prob * TOP).astype(int), reference


SETS = {
    "soft": ["soft"] * 4,
    "sharp": ["sharp"] * 3,
    "faint": ["faint"] * 3,
    "mixed": ["sharp", "soft", "random", "faint", "constant", "full", "soft", "random", "sharp"],
    "empty": ["empty-prediction", "empty-reference", "empty-both", "soft"],
}


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [float(item) for item in value] if isinstance(value, list) else float(value)


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for seed, (name, kinds) in enumerate(SETS.items()):
        rng = np.random.default_rng(seed)
        pairs = [drawn(kind, rng) for kind in kinds]
        cases = [
            [(Fraction(int(u), TOP), bool(r)) for u, r in zip(levels.flat, mask.flat, strict=True)]
            for levels, mask in pairs
        ]
        golden = {
            "cases": [
                {"levels": levels.tolist(), "reference": mask.astype(int).tolist()}
                for levels, mask in pairs
            ],
            **plain(scores(cases)),
        }
        text = json.dumps(golden, separators=(",", ":")) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
