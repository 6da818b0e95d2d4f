"""Selective prediction from stored maps: confidences and risk by case, AURC by test set.

**Conventions** `over` says what a row is of: `image`, one case, or `set`, a whole test set. The
definitions are those of `measures/risk.py`. A map is that of the first prompt draw.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import Case, stored
from benchmark.analyses.measures.risk import aurc, confidences, oracle_aurc
from benchmark.evaluation.metrics import Counts, first_level

KINDS = ("sdc", "max_probability", "entropy")


def measure(job: Job, part: str) -> pd.DataFrame:
    """The table of a run; see the conventions.

    Raises: what `kit.maps.stored` raises.
    """
    rows, cases, first = [], job.cases(), first_level(job.threshold)
    with job.progress.task(str(job.method), len(cases), "cases") as task:
        for case in stored(job, job.seeds[0], cases):
            found = asdict(confidences(case.levels))
            rows.append({**case.about(), "over": "image", **found, "risk": _risk(case, first)})
            task.advance(1)
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    sets = table.groupby(["dataset", "modality"], sort=False)
    wholes = [_whole(str(name), str(of), part) for (name, of), part in sets]
    return pd.concat([table, pd.DataFrame(wholes)], ignore_index=True)


def _risk(case: Case, first: int) -> float:
    mask = case.levels >= first
    tp, predicted = int((mask & case.reference).sum()), int(mask.sum())
    fn = int(case.reference.sum()) - tp
    return 1 - float(Counts(tp, predicted - tp, fn, 0).dsc())


def _whole(dataset: str, modality: str, cases: pd.DataFrame) -> dict[str, Any]:
    risk = cases["risk"].to_numpy(float)
    best = oracle_aurc(risk)
    areas = {kind: aurc(cases[kind].to_numpy(float), risk) for kind in KINDS}
    return {
        "dataset": dataset,
        "modality": modality,
        "case": "",
        "group": "",
        "over": "set",
        **{kind: float(cases[kind].mean()) for kind in KINDS},
        "risk": float(np.mean(risk)),
        **{f"aurc_{kind}": area for kind, area in areas.items()},
        "aurc_oracle": best,
        **{f"excess_{kind}": max(area - best, 0.0) for kind, area in areas.items()},
    }
