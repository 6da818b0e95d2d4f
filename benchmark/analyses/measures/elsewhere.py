"""Cases that were prepared apart from the mix, predicted with a run's weights and scored.

**Conventions** Maps are rounded to 16 bits before they are scored, as stored ones are, and the
metrics are those of scores.csv, so a case that is in the mix too gets the value that it has there.
A prompted method is shown the first draw alone. Distances are empty where a mask is empty.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.networks import batches, network
from benchmark.core.params import UNSEEN
from benchmark.data.cases import Cases
from benchmark.evaluation.boundary import Boundary, boundary
from benchmark.evaluation.maps import quantise
from benchmark.evaluation.metrics import Tally, first_level, stack, tally
from benchmark.evaluation.predict import probabilities
from benchmark.methods.method import Method
from benchmark.statistics.schema import METRICS

AT_ONCE = 8
ABOUT = ("dataset", "modality", "case", "group")
COLUMNS = ("dsc", "iou", "sensitivity", "mae", "hd95_px", "nsd")


@dataclass
class Scored:
    """Some cases, as `benchmark.statistics.schema.Measured` says."""

    tally: Tally
    hd95_px: np.ndarray
    assd_px: np.ndarray
    nsd: np.ndarray
    boundary_iou: np.ndarray

    @classmethod
    def of(cls, tallies: Sequence[Tally], contours: Sequence[Boundary]) -> "Scored":
        """From the tally and the contours of each case."""
        names = ("hd95_px", "assd_px", "nsd", "boundary_iou")
        columns = (np.array([getattr(each, name) for each in contours]) for name in names)
        return cls(stack(tallies), *columns)

    def each(self, metric: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
        """No metric of `COLUMNS` looks at the masks again."""
        raise NotImplementedError


def measure(job: Job, part: str) -> pd.DataFrame:
    """Scores a run on the cases of one set of data.

    Args:
        part: the name of the data, <mix>.unseen or <mix>.<other>.

    Returns: a row a case: dataset (that of another mix as <other>/<dataset>), modality, case,
        group, then `COLUMNS`.
    Raises: as `restored`.
    """
    cases, other = job.cases(of=part), part.partition(".")[2]
    if not len(cases):  # the mix is trained on all of them
        return pd.DataFrame(columns=[*ABOUT, *COLUMNS])
    method = network(job, cases.size)
    first = first_level(job.threshold)
    outcome = Scored.of(*zip(*_scored(job, method, cases, first), strict=True))
    table = cases.table[[*ABOUT]].reset_index(drop=True)
    if other != UNSEEN:
        table["dataset"] = f"{other}/" + table["dataset"]
    return table.assign(**{name: METRICS[name].compute(outcome) for name in COLUMNS})


def _scored(job: Job, method: Method, cases: Cases, first: int) -> Iterator[tuple[Tally, Boundary]]:
    """The tally and the contours of each case."""
    with job.progress.task(f"predicting {job.method}", len(cases), "cases") as task:
        for index, inputs, references in batches(job, method, cases, AT_ONCE):
            levels = quantise(probabilities(method, inputs), job.method)
            for one, reference in zip(levels, references, strict=True):
                yield tally(one, reference, first), boundary(one >= first, reference)
            task.advance(len(index))
