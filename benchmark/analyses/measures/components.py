"""Missed lesions and false components of the stored maps of a run, case by case and pooled.

**Conventions**
1. The predicted mask is that of the scores: the map at or above the threshold of params.yaml. Of a
   prompted row it is that of the first prompt draw.
2. `missed_10` is the share of a case's reference components that are not detected at an IoU above
   0.1, `missed_50` above 0.5. A case without components of a size has no value for that size.
3. `false_10` and `false_50` count the predicted components of a case that detect none.
4. The lines without a case are of the whole set: all its components counted together.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import Case, stored
from benchmark.analyses.measures.lesions import SIZES, THRESHOLDS, Matched, matched
from benchmark.evaluation.metrics import first_level

EVERY = ("", *SIZES)


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case, then a row a test set."""
    first = first_level(job.threshold)
    (seed,) = job.seeds
    cases = job.cases()
    with job.progress.task(f"components of {job.method}", len(cases), "cases") as task:
        rows = []
        for case in stored(job, seed, cases):
            found = matched(case.levels >= first, case.reference)
            rows.append({**case.about(), **_counts(case, found)})
            task.advance()
    table = pd.DataFrame(rows)
    return pd.concat([_shares(table), _pooled(table)], ignore_index=True)


def _counts(case: Case, found: Matched) -> dict[str, Any]:
    """Whole numbers; they become shares afterwards."""
    counts: dict[str, Any] = {"empty": int(not case.reference.any())}
    for size in EVERY:
        counts[_name("lesions", size)] = int(found.of(size).sum())
        for threshold in THRESHOLDS:
            counts[_name(f"missed_{percent(threshold)}", size)] = found.missed(threshold, size)
    for threshold in THRESHOLDS:
        counts[f"false_{percent(threshold)}"] = found.false(threshold)
    return counts


def percent(threshold: float) -> int:
    """An IoU as it stands in the names of columns."""
    return round(100 * threshold)


def _name(what: str, size: str) -> str:
    return f"{what}_{size}" if size else what


def _names() -> Iterator[tuple[str, str]]:
    """The columns of missed components, each with that of all of the same size."""
    for size in EVERY:
        for threshold in THRESHOLDS:
            yield _name(f"missed_{percent(threshold)}", size), _name("lesions", size)


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Missed components as a share of all; undefined where there are none."""
    shares = table.copy()
    for missed, lesions in _names():
        shares[missed] = table[missed] / table[lesions].where(table[lesions] > 0)
    return shares


def _pooled(table: pd.DataFrame) -> pd.DataFrame:
    """The same of all components of a set together; false components an image."""
    sums = table.drop(columns=["case", "group"]).groupby(["dataset", "modality"], sort=False)
    pooled = _shares(sums.sum().reset_index()).assign(case="", group="")
    images = sums.size().to_numpy()
    for threshold in THRESHOLDS:
        pooled[f"false_{percent(threshold)}"] /= images
    return pooled[table.columns]
