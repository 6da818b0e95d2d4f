"""Passes of a trained network with dropout over the test cases of a set."""

import numpy as np
import pandas as pd
import torch

from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.maps import Case, stored
from benchmark.analyses.measures.detection import case_numbers, dice, set_numbers
from benchmark.analyses.measures.networks import network
from benchmark.analyses.measures.uncertainty_pictures import drawn, write_picture
from benchmark.data.augment import to_float
from benchmark.data.prompting import prompts_of
from benchmark.evaluation.dropout import check_dropout, dropout_passes, seeds_of
from benchmark.evaluation.metrics import first_level
from benchmark.evaluation.uncertainty import uncertainty
from benchmark.methods.method import Inputs, Method


def measure(job: Job, part: str) -> pd.DataFrame:
    """A row a case of one set, and one of the whole set.

    Args:
        part: "PASSES passes on DATASET".

    Raises: NoPartError if the network has no dropout layer; as `restored` and `stored`.
    """
    passes, dataset = int(part.split()[0]), part.split()[-1]
    cases = job.cases()
    cases = cases.where((cases.table["dataset"] == dataset).to_numpy())
    method = network(job, cases.size)
    check_dropout(method)
    if not len(cases):
        return pd.DataFrame()
    keys = cases.keys()
    rows, shown = [], drawn(cases)
    with job.progress.task(f"passes of {job.method} on {dataset}", len(cases), "cases") as task:
        for case, key in zip(stored(job, job.seeds[0], cases), keys, strict=True):
            found = uncertainty(_passes(job, method, case, key, passes))
            single = dice(case.levels >= first_level(job.threshold), case.reference)
            rows.append(case_numbers(case.about(), found, case.reference, single, job.threshold))
            if (case.dataset, case.case) in shown:
                write_picture(job, "dropout", case, found)
            task.advance()
    return pd.DataFrame([*rows, set_numbers(rows)])


def _passes(job: Job, method: Method, case: Case, key: np.uint64, passes: int) -> np.ndarray:
    """Probabilities (T, H, W) of a case; the embedding is made once, and drops nothing."""
    pixels = (torch.tensor(part[None]).to(job.device) for part in (case.image, case.reference))
    image, mask = to_float(*pixels)
    with torch.inference_mode():
        features = method.embed(image)
    prompts = prompts_of(method.card.prompt, mask, np.array([key]), 0)
    seeds = seeds_of(job.seeds[0], case.dataset, case.case, passes=passes)
    inputs = Inputs(image, features=features, **prompts)
    return next(dropout_passes(method, inputs, [seeds]))
