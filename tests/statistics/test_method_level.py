"""The method interval of a cell, and where there is none."""

import math

import numpy as np
import pytest
from made_tables import Made, table_of
from scipy import stats

from benchmark.statistics.intervals import MEAN, scores
from benchmark.statistics.method_level import method_intervals
from benchmark.statistics.schema import is_lower, range_of

RNG = np.random.default_rng(0)


def test_interval_of_a_trained_row_by_its_two_terms() -> None:
    values = RNG.beta(5, 1, (5, 60)) + RNG.normal(0, 0.01, (5, 1))
    cell = method_intervals(table_of({"m": {"a": values}}), ("dsc",))["main/m", "a", "dsc"]
    seeds, cases = values.mean(1).var(ddof=1) / 5, values.mean(0).var(ddof=1) / 60
    df = (seeds + cases) ** 2 / (seeds**2 / 4 + cases**2 / 59)
    half = stats.t.ppf(0.975, df) * math.sqrt(seeds + cases)
    assert (cell.mean, cell.df) == pytest.approx((values.mean(), df))
    assert (cell.low, cell.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert (cell.seeds, cell.cases, cell.groups, cell.why) == (5, 60, 60, "")


def test_a_row_that_is_never_trained_needs_one_run_alone() -> None:
    values = RNG.beta(5, 1, (1, 30))
    made = Made(untrained=("m",))
    cell = method_intervals(table_of({"m": {"a": values}}, made), ("dsc",))["main/m", "a", "dsc"]
    theirs = stats.ttest_1samp(values[0], 0).confidence_interval(0.95)
    assert (cell.low, cell.high) == pytest.approx(tuple(theirs))


@pytest.mark.parametrize(("seeds", "said"), [(1, "M: 1 seed, no"), (2, "M: 2 seeds, no")])
def test_too_few_seeds_have_a_mean_and_no_interval(seeds: int, said: str) -> None:
    table = table_of({"m": {"a": RNG.random((seeds, 30))}})
    cell = method_intervals(table, ("dsc",))["main/m", "a", "dsc"]
    assert cell.mean == pytest.approx(table.runs["main/m", 0].scores["a"].values["dsc"].mean(), 1)
    assert math.isnan(cell.low)
    assert cell.why == f"{said} method-level claim below 3"


def test_one_case_or_one_group_has_no_interval() -> None:
    one = table_of({"m": {"a": np.array([[0.5], [0.6], [0.7]])}})
    group = table_of({"m": {"a": RNG.random((3, 4))}}, Made(groups={"a": ("g",) * 4}))
    for table in (one, group):
        cell = method_intervals(table, ("dsc",))["main/m", "a", "dsc"]
        assert math.isfinite(cell.mean)
        assert math.isnan(cell.high)
        assert "one group" in cell.why


def test_all_values_equal_have_an_interval_of_no_width() -> None:
    table = table_of({"m": {"a": np.full((3, 8), 0.7)}})
    cell = method_intervals(table, ("dsc",))["main/m", "a", "dsc"]
    assert (cell.mean, cell.low, cell.high) == pytest.approx((0.7, 0.7, 0.7))


@pytest.mark.parametrize(
    ("column", "level", "limits"),
    [("mae", 0.01, (0.0, None)), ("precision", 0.99, (None, 1.0)), ("dsc", 0.99, (None, 1.0)),
     ("hd95_px", 0.5, (0.0, None))],
)  # fmt: skip
def test_an_end_beyond_the_range_is_cut_and_kept(
    column: str, level: float, limits: tuple[float | None, float | None]
) -> None:
    off = np.array([[-0.03], [0.0], [0.03]]) * (10 if column == "hd95_px" else 0.3)
    values = {"m": {"a": level + off + np.zeros((3, 8))}}
    made = Made(columns={} if column == "dsc" else {column: lambda dsc: dsc})
    cell = method_intervals(table_of(values, made), (column,))["main/m", "a", column]
    half = stats.t.ppf(0.975, 2) * float(off.std(ddof=1)) / math.sqrt(3)
    assert cell.uncut == pytest.approx((level - half, level + half))
    assert cell.uncut[0] < 0 or cell.uncut[1] > 1
    least, most = limits
    assert cell.low == pytest.approx(level - half if least is None else least)
    assert cell.high == pytest.approx(level + half if most is None else most)


def test_the_range_of_a_column() -> None:
    assert range_of("iou_minmax256_mean") == (0.0, 1.0)
    assert range_of("assd_px") == (0.0, math.inf)
    assert range_of("seconds") == (-math.inf, math.inf)


def test_undefined_values_and_missing_runs() -> None:
    values = RNG.random((3, 5))
    broken = {"hd95_px": lambda dsc: np.where(np.arange(5) == 2, np.nan, dsc)}
    made = Made(columns=broken, missing=(("n", 1, "a", "not run"),))
    cells = method_intervals(table_of({m: {"a": values} for m in "mn"}, made), ("dsc", "hd95_px"))
    assert "undefined in 1 case" in cells["main/m", "a", "hd95_px"].why
    assert math.isnan(cells["main/m", "a", "hd95_px"].mean)
    assert not any(key == "main/n" for key, _, _ in cells)


def test_the_mean_over_modalities_is_that_of_the_checkpoint_interval() -> None:
    values = {"a": RNG.random((3, 20)), "b": RNG.random((3, 9)), "c": RNG.random((3, 9))}
    made = Made(modalities={"a": "x", "b": "x", "c": "y"})
    table = table_of({"m": values}, made)
    cell = method_intervals(table, ("dsc",))["main/m", MEAN, "dsc"]
    beside = scores(table, ("dsc",), 0)["main/m", MEAN, "dsc"]
    by_seed = sum(w * values[n].mean(1) for n, w in (("a", 0.25), ("b", 0.25), ("c", 0.5)))
    cases = sum(
        w**2 * values[n].mean(0).var(ddof=1) / values[n].shape[1]
        for n, w in (("a", 0.25), ("b", 0.25), ("c", 0.5))
    )
    assert cell.mean == pytest.approx(beside.mean)
    assert cell.se == pytest.approx(math.sqrt(by_seed.var(ddof=1) / 3 + cases))
    assert (cell.cases, cell.groups) == (38, 9)


def test_which_columns_are_better_when_low() -> None:
    assert [is_lower(c) for c in ("dsc", "iou", "mae", "mae_minmax", "hd95_px", "maximum")] == [
        False, False, True, True, True, False,
    ]  # fmt: skip


def test_rows_side_by_side_have_the_bits_that_they_have_alone() -> None:
    values = {f"m{k}": {"a": RNG.random((3 + k % 3, 40)), "b": RNG.random((3 + k % 3, 25))}
              for k in range(9)}  # fmt: skip
    groups = {"a": tuple(f"g{k // 3}" for k in range(40))}
    together = method_intervals(table_of(values, Made(groups=groups)), ("dsc",))
    for name, one in values.items():
        alone = method_intervals(table_of({name: one}, Made(groups=groups)), ("dsc",))
        assert alone == {key: cell for key, cell in together.items() if key[0] == f"main/{name}"}
