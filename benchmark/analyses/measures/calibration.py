"""Calibration of stored maps: of each image, and pooled over each test set.

**Conventions**

1. Each measure of `reliability.measures` stands twice: `_all` over all pixels, `_box` over the box
   around the reference.
2. `over` says what a row is of. `image`: one case. `set`: all pixels of a test set together, which
   gives large images and images with large boxes more weight. `bin`: one bin of equal width of a
   test set, in the form that `form` names, from `bin` / 15 on; `pixels`, `predicted` and `observed`
   are sums, from which reliability diagrams are drawn.
3. A map is that of the first prompt draw.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import stored
from benchmark.analyses.measures.reliability import (
    BINS,
    Ints,
    box,
    confidence,
    equal_width,
    foreground,
    histogram,
    measures,
)

REGIONS = ("all", "box")
FORMS = {"foreground": foreground, "confidence": confidence}
COUNTS = ("bin", "pixels", "observed")  # whole numbers, empty where a row is not of a bin
COLUMNS = ("dataset", "modality", "case", "group", "over", "form", "bin", "pixels", "predicted",
           "observed")  # fmt: skip


def measure(job: Job, part: str) -> pd.DataFrame:
    """The table of a run; see the conventions.

    Raises: what `kit.maps.stored` raises.
    """
    rows: list[dict[str, Any]] = []
    pooled: dict[tuple[str, str], dict[str, Ints]] = {}
    cases = job.cases()
    with job.progress.task(str(job.method), len(cases), "cases") as task:
        for case in stored(job, job.seeds[0], cases):
            inside = box(case.reference)
            counts = {
                "all": histogram(case.levels, case.reference),
                "box": histogram(case.levels[inside], case.reference[inside]),
            }
            rows.append({**case.about(), "over": "image", **_both(counts)})
            sums = pooled.setdefault((case.dataset, case.modality), {})
            for region in REGIONS:
                sums[region] = sums.get(region, np.zeros_like(counts[region])) + counts[region]
            task.advance(1)
    for (dataset, modality), counts in pooled.items():
        about = {"dataset": dataset, "modality": modality, "case": "", "group": ""}
        rows.append({**about, "over": "set", **_both(counts)})
        rows += [{**about, "over": "bin", **bins} for bins in _bins(counts)]
    table = pd.DataFrame(rows)
    others = [name for name in table.columns if name not in COLUMNS]
    return table[[*COLUMNS, *others]].astype(dict.fromkeys(COUNTS, "Int64"))


def _both(counts: dict[str, Ints]) -> dict[str, float]:
    return {
        f"{name}_{region}": value
        for region in REGIONS
        for name, value in measures(counts[region]).items()
    }


def _bins(counts: dict[str, Ints]) -> Iterator[dict[str, Any]]:
    for region in REGIONS:
        for form, outcomes in FORMS.items():
            bins = equal_width(outcomes(counts[region]))
            for k in range(BINS):
                yield {
                    "form": f"{form}_{region}",
                    "bin": k,
                    "pixels": int(bins.pixels[k]),
                    "predicted": float(bins.predicted[k]),
                    "observed": int(bins.observed[k]),
                }
