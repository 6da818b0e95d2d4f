"""The benchmark of the statistics: it runs, and it keeps its bounds."""

from pathlib import Path

import pytest

from benchmark.speed import statistics as bench_statistics
from benchmark.speed.bench import OURS


def test_the_benchmark_runs_on_a_small_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_statistics, "ENTRIES", bench_statistics.ENTRIES[:3])
    monkeypatch.setattr(bench_statistics, "KEYS", bench_statistics.KEYS[:3])
    monkeypatch.setattr(bench_statistics, "SETS", {"one": 12, "two": 8})
    monkeypatch.setattr(bench_statistics, "RESAMPLES", 50)
    bench_statistics._write(tmp_path)
    row = bench_statistics._work(tmp_path)
    assert row["all, s"] > 0
    assert set(row) >= {"read, s", "comparisons, s", "rankings, s", "all, processor s"}
    assert OURS["statistics"] == "benchmark.speed.statistics"


@pytest.mark.slow
def test_all_comparisons_take_at_most_20_s_and_1_gib() -> None:
    """Counted in seconds of the processor: other work on the machine does not count."""
    (part,) = bench_statistics.PARTS.values()
    row = part("cpu")
    assert row["all, processor s"] <= 20
    assert not row["peak, MiB"] > 1024
