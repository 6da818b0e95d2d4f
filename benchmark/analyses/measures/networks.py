"""Trained networks and what they are shown, batch by batch."""

from collections.abc import Iterator

import numpy as np
import torch

from benchmark.analyses.kit.job import Job
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.data.prompting import prompts_of
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs, Method
from benchmark.runs.predict import restored


def network(job: Job, size: int) -> Method:
    """The network of a job's first seed, in evaluation mode on the job's device.

    Args:
        size: side of the images, in pixels.

    Raises: as `restored`.
    """
    weights = job.weights(job.seeds[0])
    return to_device(restored(job.paths.root, job.method, weights, size), job.device)


def batches(
    job: Job, method: Method, cases: Cases, at_once: int
) -> Iterator[tuple[np.ndarray, Inputs, np.ndarray]]:
    """The cases in their order, with the first draw of the prompt.

    Yields: index of the cases (b,), what the network is shown, and references, bool (b, H, W).
    """
    keys = cases.keys()
    for start in range(0, len(cases), at_once):
        index = np.arange(start, min(start + at_once, len(cases)))
        images, masks = cases.pixels(index)
        image, mask = to_float(*(torch.from_numpy(x).to(job.device) for x in (images, masks)))
        prompts = prompts_of(method.card.prompt, mask, keys[index], 0)
        with torch.no_grad():
            features = method.embed(image)
        yield index, Inputs(image, features=features, **prompts), masks != 0
