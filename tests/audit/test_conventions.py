"""DSC against IoU: what each convention allows, and exact rules between the other metrics."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.audit.audit import Known, audit_file
from benchmark.audit.cells import Cell
from benchmark.audit.conventions import Pair, most
from benchmark.audit.finding import Finding


def found(tmp_path: Path, content: str, known: Known | None = None) -> list[Finding]:
    path = tmp_path / "table.csv"
    path.write_text(content)
    rules = ("overlap", "bounds")
    return [each for each in audit_file(path, known or Known()).findings() if each.rule in rules]


def cell(value: float, digits: int = 3) -> Cell:
    return Cell(f"{value:.{digits}f}", round(value, digits), 0.5 * 10.0**-digits)


# One confusion matrix: TP 80, FP 20, FN 20, TN 1893. Foreground DSC 160/200 = 0.800 and IoU
# 80/120 = 0.667; background IoU 1893/1933 = 0.979; both classes (0.667 + 0.979) / 2 = 0.823.
# Its foreground share is 100/2013 = 0.0497.


def test_a_foreground_dice_beside_an_iou_of_both_classes_is_no_contradiction(
    tmp_path: Path,
) -> None:
    (one,) = found(tmp_path, "method,Dice,mIoU\nA,0.800,0.823\n")
    assert (one.level, one.what) == (
        "look again",
        "DSC and IoU follow two conventions, as their titles say.",
    )
    # 2 * 0.823 - 0.667 = 0.979 is among what the background would need
    assert "IoU alone included the background (background IoU 0.8445 to 0.9810)" in one.arithmetic
    (same,) = found(tmp_path, "method,mDice,mIoU\nA,0.800,0.823\n")
    assert same.level == "does not agree"  # both are means, and IoU is above DSC


def test_a_stated_foreground_share_narrows_it(tmp_path: Path) -> None:
    table = "method,Dice,mIoU\nA,0.800,0.823\n"
    (one,) = found(tmp_path, table, Known(mean_shares={"": 0.0497}))
    assert "in one confusion matrix with foreground share 0.0497" in one.arithmetic
    assert "0.8199 to 0.8251" in one.arithmetic  # holds 0.823
    # Where nine tenths of each picture are lesion, the best mean is that of cases with D = 1 and
    # cases with D = 0, whose background has B = 1 - 0.9: 0.8 * 1 + 0.2 * (0 + 0.1) / 2 = 0.81.
    most_lesion = Pair(cell(0.8), cell(0.823), p=np.full(50, 0.9))
    assert "iou background" not in most_lesion.fits()
    assert "iou background" in Pair(cell(0.8), cell(0.81), p=np.full(50, 0.9)).fits()
    few = Pair(cell(0.8), cell(0.823), p=np.full(50, 0.05))
    assert "iou background" in few.fits()


def test_a_stated_number_of_cases_narrows_it(tmp_path: Path) -> None:
    assert most(0.75, None) == 0.75
    assert most(0.75, 1) == pytest.approx(0.75 / 1.25)
    assert most(0.75, 2) == pytest.approx((1 + 0.5 / 1.5) / 2)  # one case at 1, one at 0.5
    table = "method,n,Dice,IoU\nA,{},0.750,0.700\n"
    assert found(tmp_path, table.format("")) == []
    assert found(tmp_path, table.format(4)) == []
    (one,) = found(tmp_path, table.format(1))
    assert "IoU of one case is D/(2−D) = 0.6006" in one.arithmetic
    assert found(tmp_path, "method,n,Dice,IoU\nA,1,0.750,0.600\n") == []


def test_cannot_be_only_where_no_convention_fits(tmp_path: Path) -> None:
    (never,) = found(tmp_path, "method,Dice,IoU\nA,0.95,0.30\n")
    assert never.level == "cannot be"
    assert "no convention fits" in never.arithmetic
    (soft,) = found(tmp_path, "method,Dice,IoU\nA,0.95,0.85\n")
    assert soft.level == "does not agree"
    assert "or if DSC were computed from probabilities" in soft.arithmetic


def test_one_finding_where_most_rows_leave_the_bounds(tmp_path: Path) -> None:
    table = "method,Dice,IoU\nA,0.80,0.85\nB,0.70,0.80\nC,0.60,0.75\n"
    (one,) = found(tmp_path, table)
    assert (one.where, one.level) == ("line 2, A and 2 more of 3 rows", "does not agree")
    rows = found(tmp_path, "method,Dice,mIoU\nA,0.80,0.85\nB,0.80,0.70\nC,0.70,0.58\n")
    assert [(each.where, each.level) for each in rows] == [("line 2, A", "does not agree")]


def test_f1_of_means(tmp_path: Path) -> None:
    # 2 * 0.9 * 0.8 / 1.7 = 0.8471, at least the mean DSC; D/(2-D) = 0.735
    table = "method,{},IoU,Precision,Recall\nA,0.847,0.700,0.900,0.800\n"
    (named,) = found(tmp_path, table.format("F1"))
    assert (named.level, named.what[:10]) == ("look again", "F1 is comp")
    (dice,) = found(tmp_path, table.format("Dice"))
    assert dice.level == "does not agree"
    assert "DSC were computed from the mean precision" in dice.arithmetic


def cases(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """TP, FP, FN, TN of n cases as shares of the pixels; no reference mask is empty."""
    p = rng.uniform(0.01, 0.7, n)
    tp = p * rng.beta(*rng.uniform(0.2, 4, 2), n)
    fp = (1 - p) * rng.beta(*rng.uniform(0.2, 4, 2), n)
    return tp, fp, p - tp, 1 - p - fp


def test_no_masks_leave_the_convention_that_they_are_of() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(1, 9))
        tp, fp, fn, tn = cases(rng, n)
        dsc, iou = 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn)
        back = tn / (tn + fp + fn)
        dsc_back = 2 * tn / (2 * tn + fp + fn)
        assert Pair(cell(dsc.mean()), cell(iou.mean()), n=n).side == ""
        assert Pair(cell((dsc + dsc_back).mean() / 2), cell((iou + back).mean() / 2)).side == ""
        both = Pair(cell(dsc.mean()), cell((iou + back).mean() / 2), n=n, p=tp + fn)
        assert "iou background" in both.fits()
        other = Pair(cell((dsc + dsc_back).mean() / 2), cell(iou.mean()), n=n, p=tp + fn)
        assert "dsc background" in other.fits()


def test_no_soft_dice_leaves_its_bound() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        mask = rng.random((4, 50)) < rng.uniform(0.1, 0.6)
        maps = np.where(rng.random(mask.shape) < 0.8, mask, ~mask) * 0.5 + rng.uniform(
            0, 0.5, mask.shape
        )
        cut = maps >= 0.5
        iou = (cut & mask).sum(1) / np.maximum((cut | mask).sum(1), 1)
        soft = 2 * (maps * mask).sum(1) / (maps.sum(1) + mask.sum(1))
        assert "soft" in Pair(cell(soft.mean()), cell(iou.mean())).fits()


# ---- the other metrics


@pytest.mark.parametrize("empty", [0.0, 1.0, np.nan])
def test_no_masks_break_a_rule_between_metrics(tmp_path: Path, empty: float) -> None:
    """Predictions may be empty, whatever their precision counts as."""
    rng = np.random.default_rng(2)
    lines = ["method,Dice,IoU,Precision,Recall,Specificity,Accuracy"]
    for k in range(60):
        tp, fp, fn, tn = cases(rng, int(rng.integers(1, 9)))
        gone = rng.random(len(tp)) < 0.2
        tp, fn, fp, tn = (np.where(gone, 0, tp), np.where(gone, tp + fn, fn),
                          np.where(gone, 0, fp), np.where(gone, tn + fp, tn))  # fmt: skip
        with np.errstate(invalid="ignore"):
            precision = np.where(gone, empty, tp / (tp + fp))
        shown = (2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn), precision, tp / (tp + fn),
                 tn / (tn + fp), tp + tn)  # fmt: skip
        means = [np.nan_to_num(np.nanmean(v) if (~np.isnan(v)).any() else 0) for v in shown]
        lines.append(f"m{k}," + ",".join(f"{v:.3f}" for v in means))
    assert [each for each in found(tmp_path, "\n".join(lines)) if each.rule == "bounds"] == []


@pytest.mark.parametrize(
    ("header", "numbers", "rule", "share"),
    [
        ("IoU,Precision", "0.85,0.80", "IoU ≤ precision", "4 %"),  # 0.845 - 0.805
        ("IoU,Recall", "0.85,0.80", "IoU ≤ sensitivity", "4 %"),
        ("Dice,Precision,Recall", "0.90,0.80,0.80", "DSC ≤ (precision + sensitivity) / 2", "9 %"),
        ("IoU,Precision,Recall", "0.60,0.90,0.90", "IoU ≥ precision + sensitivity − 1", "18.5 %"),
        ("Acc,Recall,Specificity", "0.70,0.90,0.95", "accuracy ≥ sensitivity + specificity − 1",
         "13.5 %"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_unlikely_with_the_share_that_explains_it(
    tmp_path: Path, header: str, numbers: str, rule: str, share: str
) -> None:
    table = f"method,n,{header}\nA,100,{numbers}\n"
    (one,) = found(tmp_path, table)
    assert (one.level, rule in one.what) == ("unlikely", True)
    assert f"in at least {share} of the cases" in one.arithmetic
    (sure,) = found(tmp_path, table, Known(shares={"": np.full(100, 0.1)}))
    assert sure.level == "does not agree"  # no reference mask is empty


def test_distances_and_single_cases(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "method,HD,HD95\nA,9.1,9.9\nB,20.0,8.1\nC,30.0,4.0\n")
    assert (one.level, "HD95 ≤ HD" in one.what) == ("cannot be", True)
    assert found(tmp_path, "method,HD (mm),HD95 (px)\nA,9.1,9.9\n") == []
    single = "method,n,Dice,Precision,Recall\nA,{},0.870,0.900,0.800\n"  # 2PS/(P+S) = 0.847
    assert found(tmp_path, single.format(5))[0].level == "unlikely"
    assert "exact for one case" in found(tmp_path, single.format(1))[0].what
    assert found(tmp_path, "method,n,Dice,Precision,Recall\nA,1,0.847,0.900,0.800\n") == []
