"""Measures at which frequencies the probabilities of a run differ from the references.

**Conventions** The error map of a case is its probability less its reference. `error` is the mean
of its square, the Brier score of the pixels. A map without error has no spectrum.
"""

import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import stored
from benchmark.analyses.measures.spectra import centroid, spectrum
from benchmark.evaluation.maps import TOP


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case of one run."""
    cases, rows = job.cases(), []
    with job.progress.task(f"errors of {job.method}", len(cases), "cases") as task:
        for case in stored(job, job.seeds[0], cases):
            error = case.levels / TOP - case.reference
            found = spectrum(error)
            columns = {f"f{k:02}": float(share) for k, share in enumerate(found)}
            measures = {"error": float((error**2).mean()), "centroid": centroid(found)}
            rows.append({**case.about(), **measures, **columns})
            task.advance()
    return pd.DataFrame(rows)
