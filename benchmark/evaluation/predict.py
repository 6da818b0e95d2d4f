"""Runs a trained method over the test cases of a mix and stores its probability maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.core.errors import MethodError
from benchmark.core.progress import Progress
from benchmark.data.augment import to_float
from benchmark.data.cases import Cases
from benchmark.data.prompting import prompts_of
from benchmark.evaluation.maps import MapWriter
from benchmark.methods.layers import to_device
from benchmark.methods.method import Features, Inputs, Method

CASES_AT_ONCE = 8


@torch.inference_mode()
def probabilities(method: Method, inputs: Inputs) -> np.ndarray:
    """Probabilities float32 (B, H, W) of a batch; evaluation mode, float32, no autocast.

    Raises: MethodError if the logits have another shape, or are not finite.
    """
    method.eval()
    # A GPU's convolutions would otherwise keep 10 bits of each number.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        logits = method.predict(inputs)
    expected = (len(inputs.image), 1, *inputs.image.shape[2:])
    check_logits(logits, expected, method.card.name)
    prob: np.ndarray = torch.sigmoid(logits.float())[:, 0].cpu().numpy()
    if not np.isfinite(prob).all():
        raise MethodError(
            f"{method.card.name}: predict()",
            "values that are not finite",
            "logits",
            "Look for a division by zero, or train with a smaller learning rate.",
        )
    return prob


def check_logits(logits: Tensor, expected: tuple[int, ...], name: str) -> None:
    """Compares the shape of what predict() gave.

    Raises: MethodError.
    """
    if tuple(logits.shape) != expected:
        raise MethodError(
            f"{name}: predict() gave",
            str(tuple(logits.shape)),
            f"{expected}, the size of inputs.image",
            "Upsample inside predict().",
        )


@torch.inference_mode()
def predict_cases(
    method: Method, cases: Cases, to: Path, *, features: Features, device: str, progress: Progress
) -> None:
    """Writes the maps of all cases, dataset by dataset, each prompt draw a map.

    Args:
        cases: the test cases.
        to: file of maps; it appears when all is written.
        features: gives the embeddings of some cases, one for all draws.
        device: "cpu" or "cuda".
    """
    to_device(method, device).eval()
    keys = cases.keys()
    with (
        MapWriter(to) as writer,
        progress.task(f"predicting {method.card.name}", len(cases), "cases") as task,
    ):
        for start in range(0, len(cases), CASES_AT_ONCE):
            rows = np.arange(start, min(start + CASES_AT_ONCE, len(cases)))
            image, mask = to_float(
                *(torch.from_numpy(part).to(device) for part in cases.pixels(rows))
            )
            prob = _draws(method, Inputs(image, features=features(rows)), mask, keys[rows])
            table = cases.table.iloc[rows]
            for k, (dataset, case) in enumerate(zip(table["dataset"], table["case"], strict=True)):
                writer.add(dataset, case, prob[:, k])
            task.advance(len(rows))


def _draws(method: Method, shown: Inputs, mask: Tensor, keys: np.ndarray) -> np.ndarray:
    """Probabilities (draws, B, H, W): the same image and embedding under each draw's prompt."""
    card, probs = method.card, []
    for draw in range(card.draws):
        prompts = prompts_of(card.prompt, mask, keys, draw)
        probs.append(probabilities(method, replace(shown, **prompts)))
    return np.stack(probs)
