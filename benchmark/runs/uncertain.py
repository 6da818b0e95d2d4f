"""Anybody's images with uncertainty: passes of one network with dropout, or several weights."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmark.core.errors import MethodError
from benchmark.core.files import sha256_bytes
from benchmark.evaluation.dropout import PASSES, check_dropout, dropout_passes, seeds_of
from benchmark.evaluation.uncertainty import uncertainty
from benchmark.runs.folder import Predicted
from benchmark.runs.predict import predictor, shown, unprompted
from benchmark.training.weights_file import Origin

Several = Callable[[np.ndarray], np.ndarray]


def uncertain_predictor(
    root: Path, name: str, weights: Sequence[Path], *, size: int, device: str
) -> Callable[[np.ndarray], Predicted]:
    """A function from images uint8 (b, H, W, 3) to mean maps with their uncertainty, H = W = size.

    The picture `uncertainty` is the predictive entropy in bits, and `uncertainty_bit` its mean;
    `disagreement_mbit` is the mean mutual information in thousandths of a bit.

    Args:
        weights: files of runs; several are an ensemble, one is run with dropout.

    Raises: as `predictor`; NoPartError for one file of a method without dropout; MethodError if a
        file is named twice.
    """
    check_weights(weights)
    if len(weights) == 1:
        several = _dropout(root, name, weights[0], size=size, device=device)
    else:
        several = _ensemble([predictor(root, name, w, size=size, device=device) for w in weights])

    def predict(images: np.ndarray) -> Predicted:
        found = uncertainty(several(images))
        numbers = {
            "uncertainty_bit": found.entropy.mean(axis=(1, 2)),
            "disagreement_mbit": 1000 * found.information.mean(axis=(1, 2)),
        }
        return Predicted(found.mean, {"uncertainty": found.entropy}, numbers)

    return predict


def check_weights(weights: Sequence[Path]) -> None:
    """Refuses a file that is named twice: it would be a member that never disagrees.

    Raises: MethodError.
    """
    paths = [path.resolve() for path in weights]
    for path in paths:
        if paths.count(path) > 1:
            expected = "each member of an ensemble once"
            raise MethodError("--weights", f"{path} twice", expected, "Name another.")


def _ensemble(members: Sequence[Several]) -> Several:
    return lambda images: np.stack([member(images) for member in members])


def _dropout(root: Path, name: str, weights: Path, *, size: int, device: str) -> Several:
    method = unprompted(root, name, weights, size=size, device=device)
    check_dropout(method)
    seed = Origin.of(weights).seed

    def passes(images: np.ndarray) -> np.ndarray:
        """Probabilities (T, b, H, W); the seeds come from the pixels of each image."""
        names = [sha256_bytes(np.ascontiguousarray(each).tobytes()) for each in images]
        seeds = [seeds_of(seed, each, passes=PASSES) for each in names]
        return np.stack(list(dropout_passes(method, shown(method, images, device), seeds)), axis=1)

    return passes
