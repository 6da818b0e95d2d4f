"""All comparisons and tables of 14 methods on two mixes of 4 test sets: 5 seeds, 10,000 resamples.

Each mix has 1350 cases. The score files are drawn first; reading them is part of what is timed. The
work is done in a process of its own, so that its peak memory holds nothing else.
"""

import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.statistics.compare import comparisons
from benchmark.statistics.complete_rows import complete_rows
from benchmark.statistics.contrasts import Contrast, differences
from benchmark.statistics.friedman import friedman
from benchmark.statistics.intervals import scores, set_weights
from benchmark.statistics.method_level import method_intervals
from benchmark.statistics.ranking import rankings
from benchmark.statistics.schema import columns
from benchmark.statistics.signed_rank import signed_ranks
from benchmark.statistics.stability import stability
from benchmark.statistics.table import Entry, read_table

METHODS, SEEDS, RESAMPLES = 14, 5, 10_000
SETS = {"one": 1000, "two": 150, "three": 100, "four": 100}
MIXES = ("first", "second")
METRICS = ("dsc", "iou", "mae")
ENTRIES = tuple(
    Entry(f"m{i:02d}", f"Method {i}", "main", "none", tuple(range(SEEDS)), trained=True)
    for i in range(METHODS)
)
KEYS = [entry.key for entry in ENTRIES]


def _in_a_process(_: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            return pool.submit(_work, folder).result()


def _work(folder: Path) -> dict[str, Any]:
    """Seconds of each step, of all, and the peak memory."""
    row: dict[str, Any] = {}
    clock = time.perf_counter()

    def timed(name: str, step: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = step()
        row[f"{name}, s"] = time.perf_counter() - start
        return found

    tables = timed(
        "read", lambda: {mix: read_table(folder / mix, ENTRIES, dict(SETS)) for mix in MIXES}
    )
    each = tables.values()
    timed("checkpoint intervals", lambda: [scores(t, METRICS, RESAMPLES) for t in each])
    timed("method intervals", lambda: [method_intervals(t, METRICS) for t in each])
    timed(
        "comparisons",
        lambda: [comparisons(t, ENTRIES[0], ENTRIES, column) for t in each for column in METRICS],
    )
    timed("differences", lambda: [_differences(t) for t in each])
    timed("signed ranks", lambda: signed_ranks(tables, KEYS[0], KEYS))
    each_mix = timed(
        "complete rows", lambda: [complete_rows({m: t}, KEYS) for m, t in tables.items()]
    )
    both = complete_rows(tables, KEYS)
    timed("rankings", lambda: [rankings(p, RESAMPLES) for p in (*each_mix, both)])
    timed("stability", lambda: stability(tables, KEYS, METRICS))
    timed("Friedman", lambda: [friedman(p) for p in (*each_mix, both)])
    row["all, s"] = time.perf_counter() - clock
    row["all, processor s"] = time.process_time()
    row["peak, MiB"] = _peak_mib()
    return row


def _differences(table: Any) -> Any:
    weights = set_weights(table)
    wanted = [Contrast(ENTRIES[0], other, weights) for other in ENTRIES[1:]]
    return differences(table, wanted)


def _peak_mib() -> float:
    """The peak resident memory of this process alone; NaN where the system does not say."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else float("nan")


def _write(folder: Path) -> None:
    """Every run of every mix, as training leaves it."""
    for m, mix in enumerate(MIXES):
        for i, entry in enumerate(ENTRIES):
            for seed in entry.seeds:
                run = folder / mix / entry.group / entry.name / f"seed-{seed}"
                run.mkdir(parents=True)
                record = {"schema": 2, "method": entry.name, "title": entry.title, "mix": mix,
                          "group": entry.group, "seed": seed, "initialisation": "random",
                          "weights": {}, "deviations": {}, "identity": {}}  # fmt: skip
                (run / "run.json").write_text(json.dumps(record))
                rng = np.random.default_rng([m, i, seed])
                lines = [line for name, n in SETS.items() for line in _lines(name, n, rng)]
                (run / "scores.csv").write_text("\n".join([",".join(columns()), *lines]) + "\n")


def _lines(name: str, cases: int, rng: np.random.Generator) -> list[str]:
    """Rows of a test set with counts that agree with their scores; two cases a group."""
    size, area = 352 * 352, rng.integers(2000, 40_000, cases)
    tp = (area * rng.beta(8, 1.5, cases)).astype(int)
    fp, fn = (area * rng.beta(1, 9, cases)).astype(int), area - tp
    dsc, iou = 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn)
    recall, precision = tp / area, tp / np.maximum(tp + fp, 1)
    wrong = (fp + fn) / size
    return [
        f"{name},{name},c{k:05d},g{k // 2:05d},0,{dsc[k]:.6f},{iou[k]:.6f},{recall[k]:.6f},"
        f"{precision[k]:.6f},{wrong[k]:.6f},3.000000,1.000000,{area[k] / size:.6f},"
        f"{tp[k]},{fp[k]},{fn[k]},{size - tp[k] - fp[k] - fn[k]}"
        for k in range(cases)
    ]


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {"all comparisons and tables": _in_a_process}
