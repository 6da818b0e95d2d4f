"""The benchmark of growth: sizes, exponents, and a command measured alone."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import ROOT

from benchmark.core.errors import ParamsError, StoreError
from benchmark.evaluation.score import write_scores
from benchmark.speed.bench import run
from benchmark.speed.growth import COMMANDS, _Measured, nearest, parts, sizes_of
from benchmark.speed.made_project import made_scores
from benchmark.speed.process import TOLD, Used, command
from benchmark.statistics.scores import read_scores

MIB = 2**20


def test_sizes_are_rows_seeds_and_cases() -> None:
    assert sizes_of("4x5, 20x5x30,4x5") == [(4, 5, 100), (20, 5, 30)]
    for wrong in ("", "4", "4x0", "4x5x", "fourx5"):
        with pytest.raises(ParamsError, match="--sizes"):
            sizes_of(wrong)


def test_a_size_is_compared_with_the_nearest_that_differs_in_one_number() -> None:
    earlier = [(4, 5, 100), (20, 5, 100), (20, 20, 100)]
    assert nearest((80, 5, 100), earlier) == ("rows", (20, 5, 100))
    assert nearest((20, 20, 100), earlier) == ("seeds", (20, 5, 100))
    assert nearest((80, 20, 30), earlier) is None
    assert nearest((4, 5, 100), earlier) is None  # not with itself, not with larger ones


def test_exponents_are_of_the_number_that_grew() -> None:
    measured = _Measured(ROOT)
    first = measured.row("report", (10, 5, 100), Used(1.0, 2.0, 100.0, ""), 1_000_000)
    assert first["CPU ~"] == "–"
    row = measured.row("report", (20, 5, 100), Used(1.0, 8.0, 200.0, ""), 1_000_000)
    assert (row["CPU ~"], row["memory ~"], row["page ~"]) == ("rows^2.00", "rows^1.00", "rows^0.00")
    assert row["runs"] == 100
    assert measured.row("tables", (20, 5, 100), Used(1.0, 8.0, 200.0, ""), 0)["CPU ~"] == "–"


def test_every_command_is_measured_at_every_size() -> None:
    assert len(parts(ROOT, "4x5,20x5")) == 2 * len(COMMANDS)


def test_no_other_benchmark_has_sizes() -> None:
    with pytest.raises(ParamsError, match="no sizes"):
        run(ROOT, "statistics", (False, "cpu"), None, sizes="4x5")  # type: ignore[arg-type]


def test_a_command_is_measured_without_the_memory_of_who_asks(tmp_path: Path) -> None:
    held = np.ones(200 * MIB, np.uint8)
    small = command(tmp_path, sys.executable, "-S", "-c", "print('said')")
    assert small.said == "said\n"
    assert small.peak_mib < 100 < held.nbytes / MIB
    busy = command(
        tmp_path, sys.executable, "-S", "-c", "sum(range(3 * 10**6)); b'x' * (120 << 20)"
    )
    assert busy.peak_mib > 120
    assert 0.02 < busy.cpu_s < busy.wall_s * 1.2
    assert not (tmp_path / TOLD).exists()


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such luck"):
        command(tmp_path, sys.executable, "-S", "-c", "import sys; sys.exit('no such luck')")


def test_made_scores_are_read_without_a_finding(tmp_path: Path) -> None:
    names = [f"c{k:02d}" for k in range(30)]
    test = pd.DataFrame({"dataset": "a", "modality": "f", "case": names, "group": names})
    worse, better = (made_scores(test, quality, np.random.default_rng(1)) for quality in (0.0, 1.0))
    write_scores(tmp_path / "scores.csv", better)
    assert read_scores(tmp_path / "scores.csv")["a"].cases == tuple(names)
    assert better["dsc"].mean() > worse["dsc"].mean()


@pytest.mark.slow
def test_the_whole_benchmark_on_two_runs() -> None:
    measured = [part("cpu") for part in parts(ROOT, "2x1x4").values()]
    assert all(row["CPU, s"] > 0.1 and row["peak, MiB"] > 20 for row in measured)
    assert 0.01 < measured[0]["page, MB"] < 5
