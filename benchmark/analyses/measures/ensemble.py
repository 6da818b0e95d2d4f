"""Ensembles of the seeds of a row, from stored maps."""

from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import stored
from benchmark.analyses.measures.detection import case_numbers, dice, set_numbers
from benchmark.analyses.measures.uncertainty_pictures import drawn, write_picture
from benchmark.core.errors import NoPartError
from benchmark.evaluation.maps import TOP
from benchmark.evaluation.metrics import first_level
from benchmark.evaluation.uncertainty import uncertainty


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case, and one of each whole set; the members are the runs of the row.

    Raises: NoPartError for a row of one seed; as `stored`.
    """
    if len(job.seeds) < 2:
        raise NoPartError(job.method, "one seed alone", "two or more", "Run it with more seeds.")
    cases = job.cases()
    rows, shown, level = [], drawn(cases), first_level(job.threshold)
    members = zip(*(stored(job, seed, cases) for seed in job.seeds), strict=True)
    with job.progress.task(f"ensemble of {job.method}", len(cases), "cases") as task:
        for one in members:
            case = one[0]
            found = uncertainty(np.stack([each.levels / TOP for each in one]))
            single = float(np.mean([dice(each.levels >= level, case.reference) for each in one]))
            rows.append(case_numbers(case.about(), found, case.reference, single, job.threshold))
            if (case.dataset, case.case) in shown:
                write_picture(job, "ensemble", case, found)
            task.advance()
    sets = groupby(rows, key=itemgetter("dataset"))  # cases come set by set
    return pd.DataFrame([*rows, *(set_numbers(list(each)) for _, each in sets)])
