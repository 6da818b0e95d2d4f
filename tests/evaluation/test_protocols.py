"""Named protocols: brute force over thresholds, PySODMetrics, torchmetrics, and golden files."""

import json
from pathlib import Path

import numpy as np
import pytest
from py_sod_metrics import MAE, DICEHandler, FmeasureV2, IOUHandler

from benchmark.evaluation.maps import TOP, quantise
from benchmark.evaluation.metrics import Counts, Tally, first_level, stack, tally
from benchmark.evaluation.protocols import POOLED, PROTOCOLS

HALF = first_level(0.5)
GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "metrics").glob("*.json"))
# PySODMetrics cuts 255 * (k / 255) down to a whole number, which loses one for some k.
EXACT = np.array([k for k in range(256) if int(np.float64(k) / 255 * 255) == k])


def stacked(levels: list[np.ndarray], references: list[np.ndarray]) -> Tally:
    pairs = zip(levels, references, strict=True)
    return stack([tally(level, reference, HALF) for level, reference in pairs])


def values(name: str, t: Tally) -> np.ndarray:
    return np.asarray(PROTOCOLS[name].compute(t))


def sample(seed: int, n: int = 5) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """8-bit maps that PySODMetrics reads without loss, and references that they resemble."""
    rng = np.random.default_rng(seed)
    greys, references = [], []
    for _ in range(n):
        reference = np.zeros((20, 24), bool)
        top, left = rng.integers(1, 9, 2)
        reference[top : top + 8, left : left + 9] = True
        soft = 150 * reference + rng.integers(0, 105, reference.shape)
        grey = EXACT[np.clip(np.searchsorted(EXACT, soft), 0, len(EXACT) - 1)].astype(np.uint8)
        grey[0, 0], grey[top, left] = 0, 255
        greys.append(grey)
        references.append(reference)
    return greys, references


def to_levels(grey: np.ndarray) -> np.ndarray:
    return grey.astype(np.uint16) * 257


def test_every_protocol_says_what_it_is():
    for name, protocol in {**PROTOCOLS, **POOLED}.items():
        assert protocol.title, name
        assert protocol.used_by, name
        assert name.startswith(("dsc_", "iou_", "mae_")), name
    assert not set(PROTOCOLS) & set(POOLED)


@pytest.mark.parametrize("seed", range(4))
def test_pysodmetrics(seed):
    greys, references = sample(seed)
    handlers = {"dsc": DICEHandler, "iou": IOUHandler}
    judge, mae = FmeasureV2(), MAE()
    for name, handler in handlers.items():
        judge.add_handler(name, handler(with_dynamic=True, with_adaptive=True, with_binary=True))
    for grey, reference in zip(greys, references, strict=True):
        judge.step(grey, reference.astype(np.uint8) * 255)
        mae.step(grey, reference.astype(np.uint8) * 255)
    results, t = judge.get_results(), stacked([to_levels(grey) for grey in greys], references)
    for name in handlers:
        theirs = results[name]
        assert values(f"{name}_minmax256_mean", t).mean() == pytest.approx(
            theirs["dynamic"].mean(), abs=1e-12
        )
        assert values(f"{name}_minmax256_max", t).mean() == pytest.approx(
            theirs["dynamic"].max(), abs=1e-12
        )
        assert values(f"{name}_adaptive", t).mean() == pytest.approx(theirs["adaptive"], abs=1e-12)
        assert values(f"{name}_minmax", t).mean() == pytest.approx(theirs["binary"], abs=1e-12)
    assert values("mae_minmax", t).mean() == pytest.approx(mae.get_results()["mae"], abs=1e-12)


def test_pysodmetrics_on_maps_of_sixteen_bits():
    # They read an 8-bit PNG and cut where we round, so a pixel may move by one threshold of 256.
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    reference = (y - 22) ** 2 + (x - 26) ** 2 < 120
    prob = 1 / (1 + np.exp((np.hypot(y - 23, x - 25) - 11) / 2 + rng.normal(size=y.shape) / 4))
    judge = FmeasureV2({"dsc": DICEHandler(with_dynamic=True, with_adaptive=False)})
    judge.step(np.rint(prob * 255).astype(np.uint8), reference.astype(np.uint8) * 255)
    theirs = judge.get_results()["dsc"]["dynamic"]
    t = stacked([quantise(prob)], [reference])
    assert values("dsc_minmax256_mean", t)[0] == pytest.approx(theirs.mean(), abs=1 / 255)
    assert values("dsc_minmax256_max", t)[0] == pytest.approx(theirs.max(), abs=1 / 255)


def test_a_perfect_mask_under_the_sweep():
    # Threshold 0 marks every pixel: (255 * 1 + Dice of the full mask) / 256. Full: 2*9 / (9 + 36).
    reference = np.zeros((6, 6), bool)
    reference[1:4, 1:4] = True
    t = stacked([reference.astype(np.uint16) * TOP], [reference])
    assert values("dsc_minmax256_mean", t)[0] == pytest.approx((255 + 18 / 45) / 256, abs=1e-15)
    assert values("dsc_minmax256_max", t)[0] == 1
    assert values("iou_raw256_mean", t)[0] == pytest.approx((255 + 9 / 36) / 256, abs=1e-15)


def test_maximum_is_of_the_mean_curve():
    # Two maps whose own best thresholds differ: at 100 only the first is right, at 200 the second.
    reference = np.zeros((2, 4), bool)
    reference[0, :2] = True
    low = np.where(reference, 120, 0)
    high = np.where(reference, 255, 0) + np.array([[0, 0, 0, 0], [0, 0, 150, 150]])
    t = stacked([(grey * 257).astype(np.uint16) for grey in (low, high)], [reference] * 2)
    best = t.raw.dsc().mean(axis=0).max()
    assert values("dsc_raw256_max", t).mean() == pytest.approx(best, abs=1e-15)
    # At 1 to 120: 1 and 2*2 / (2+4) = 2/3. At 151 to 255: 0 and 1. Each alone could have 1.
    assert list(values("dsc_raw256_max", t)) == pytest.approx([1, 2 / 3])


def test_minmax_turns_a_trace_of_noise_into_foreground():
    # No reference, no probability over 0.001: the headline is right, min-max is not.
    levels = np.random.default_rng(1).integers(0, 66, (32, 32)).astype(np.uint16)
    t = stacked([levels], [np.zeros((32, 32), bool)])
    assert float(t.counts.dsc()[0]) == 1
    assert t.mae()[0] < 0.001
    assert values("mae_minmax", t)[0] == pytest.approx(0.5, abs=0.03)


def test_a_constant_map_stays_as_it_is():
    reference = np.zeros((6, 6), bool)
    reference[:2] = True
    t = stacked([np.full((6, 6), 40 * 257, np.uint16)], [reference])
    assert values("mae_minmax", t)[0] == pytest.approx((12 * 215 + 24 * 40) / (255 * 36))
    assert list(values("dsc_minmax256_mean", t)) == list(values("dsc_raw256_mean", t))


@pytest.mark.parametrize("empty", ["prediction", "reference", "both"])
def test_empty_masks_follow_the_tools(empty):
    full = np.ones((6, 6), bool)
    reference = ~full if empty != "prediction" else full
    levels = (full if empty == "reference" else ~full).astype(np.uint16) * TOP
    t = stacked([levels], [reference])
    judge = FmeasureV2({"dsc": DICEHandler(with_dynamic=True, with_adaptive=True)})
    judge.step((levels // 257).astype(np.uint8), reference.astype(np.uint8) * 255)
    theirs = judge.get_results()["dsc"]
    assert values("dsc_minmax256_mean", t)[0] == pytest.approx(theirs["dynamic"].mean())
    assert values("dsc_adaptive", t)[0] == pytest.approx(theirs["adaptive"])


def test_foreground_and_background():
    # tp 4, fp 2, fn 5, tn 25: Dice 8/15 in front, 50/57 behind; IoU 4/11 and 25/32.
    c = Counts(np.array([4]), np.array([2]), np.array([5]), np.array([25]))
    assert POOLED["dsc_pooled_fgbg"].compute(c) == pytest.approx((8 / 15 + 50 / 57) / 2)
    assert POOLED["iou_pooled_fgbg"].compute(c) == pytest.approx((4 / 11 + 25 / 32) / 2)


def test_pooled_by_torchmetrics():
    torch = pytest.importorskip("torch")
    from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex

    rng = np.random.default_rng(5)
    pred, reference = rng.random((11, 8, 8)) < 0.4, rng.random((11, 8, 8)) < 0.4
    t = stacked(list(pred.astype(np.uint16) * TOP), list(reference))
    for name, metric in (("dsc_pooled", BinaryF1Score()), ("iou_pooled", BinaryJaccardIndex())):
        theirs = metric(torch.from_numpy(pred), torch.from_numpy(reference.astype(np.int64)))
        assert POOLED[name].compute(t.counts) == pytest.approx(float(theirs), abs=1e-6)


def test_pooled_in_batches_by_hand():
    # Nine cases: the first eight together 2*8 / (2*8 + 8) = 2/3, the ninth alone 1; mean 5/6.
    ones, zero = np.ones(9, int), np.zeros(9, int)
    fp = np.array([1] * 8 + [0])
    assert POOLED["dsc_batch8"].compute(Counts(ones, fp, zero, ones)) == pytest.approx(5 / 6)


def test_dice_of_the_mean_iou_by_hand():
    # IoU 1 and 1/2: mean 3/4, and 2 * 0.75 / 1.75 = 6/7; the mean Dice is (1 + 2/3) / 2 = 5/6.
    c = Counts(np.array([1, 1]), np.array([0, 1]), np.zeros(2, int), np.ones(2, int))
    assert POOLED["dsc_of_mean_iou"].compute(c) == pytest.approx(6 / 7)
    assert c.dsc().mean() == pytest.approx(5 / 6)


def test_there_are_golden_files():
    assert len(GOLDEN) > 0


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    levels = [np.array(case["levels"], np.uint16) for case in golden["cases"]]
    references = [np.array(case["reference"], bool) for case in golden["cases"]]
    t = stacked(levels, references)
    assert set(golden["protocols"]) == set(PROTOCOLS)
    assert set(golden["pooled"]) == set(POOLED)
    for name, expected in golden["protocols"].items():
        assert list(values(name, t)) == pytest.approx(expected, abs=1e-12), name
    for name, expected in golden["pooled"].items():
        assert POOLED[name].compute(t.counts) == pytest.approx(expected, abs=1e-12), name
    assert list(t.mae()) == pytest.approx(golden["headline"]["mae"], abs=1e-12)
    for name in ("dsc", "iou", "sensitivity", "precision"):
        assert list(getattr(t.counts, name)()) == pytest.approx(golden["headline"][name]), name
