"""The DSC of each test case of a run, and whether the case has a duplicate in what is trained on.

**Conventions**
1. A duplicate is a pair of leaks.csv (`benchmark.data.leaks` says when two pictures are alike)
   with a test case on one side and a picture of train or val of the same mix on the other:
   "exact", "near" or "no". Pairs with other mixes do not count.
2. The DSC is that of scores.csv, the mean over prompt draws.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.core.errors import ScoreTableError
from benchmark.core.files import read_json
from benchmark.core.recorded import RUN, check, files_of, listed
from benchmark.statistics.schema import DSC
from benchmark.statistics.scores import read_scores

SCORES, LEAKS = "scores.csv", "leaks.csv"
COLUMNS = (
    *("kind", "mix_b", "dataset_a", "case_a", "split_a"),
    *("dataset_b", "case_b", "split_b"),
)
TRAINED_ON = ("train", "val")
Case = tuple[str, str]  # dataset and name


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case: `duplicate` and `dsc`."""
    (seed,) = job.seeds
    path = job.run(seed) / SCORES
    check(path, files_of(read_json(job.run(seed) / RUN)).get(SCORES), "Score the run again.")
    kinds = duplicates(job.paths.results(job.name), job.name)
    scores = read_scores(path)
    known = {(dataset, case) for dataset, each in scores.items() for case in each.cases}
    foreign = sorted(kinds.keys() - known)
    if foreign:
        found = f"test case {foreign[0][0]}/{foreign[0][1]}"
        do = f"Run `mixseg leaks --mix {job.name}`."
        raise ScoreTableError(
            job.paths.results(job.name) / LEAKS, found, f"cases of {path}, which has none", do
        )
    rows = [
        {
            "dataset": dataset, "modality": each.modality, "case": case, "group": group,
            "duplicate": kinds.get((dataset, case), "no"), "dsc": dsc,
        }
        for dataset, each in scores.items()
        for case, group, dsc in zip(each.cases, each.groups, each.values[DSC], strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def duplicates(results: Path, mix: str) -> dict[Case, str]:
    """The test cases that have a duplicate in train or val, with its kind; "exact" goes first.

    Args:
        results: results/<mix>.

    Raises: StoreError if leaks.csv was edited, ScoreTableError if it cannot be used.
    """
    path, again = results / LEAKS, f"Run `mixseg leaks --mix {mix}`."
    check(path, listed(results).get(LEAKS), again)
    kinds: dict[Case, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for kind, case in _pairs(csv.DictReader(file, strict=True), mix):
                kinds[case] = min(kind, kinds.get(case, kind))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        expected = f"a CSV file with {', '.join(COLUMNS)}"
        raise ScoreTableError(path, f"unusable ({error})", expected, again) from error
    return kinds


def _pairs(rows: "csv.DictReader[str]", mix: str) -> Iterator[tuple[str, Case]]:
    for row in rows:
        kind, mix_b, *sides = (row[name] for name in COLUMNS)
        if kind not in ("exact", "near") or None in sides:
            raise ValueError(f"line {rows.line_num} is cut short or of another kind")
        one, other = tuple(sides[:3]), tuple(sides[3:])
        for (dataset, case, split), (*_, twin) in ((one, other), (other, one)):
            if mix_b == mix and split == "test" and twin in TRAINED_ON:
                yield kind, (dataset, case)
