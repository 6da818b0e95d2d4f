"""Methods with trained weights: to predict the test cases, or anybody's images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmark.core.errors import MethodError
from benchmark.core.files import Places
from benchmark.core.progress import Progress
from benchmark.data.augment import to_float
from benchmark.data.cases import load_cases
from benchmark.evaluation.predict import predict_cases, probabilities
from benchmark.methods import discover
from benchmark.methods.layers import placed
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore
from benchmark.training.features import FeatureCache
from benchmark.training.weights_file import read_learnt


def restored(root: Path, name: str, weights: Path, size: int) -> Method:
    """A method in evaluation mode with a run's weights.

    Raises: as `read_learnt`.
    """
    entry = discover.method_entry(root, name)
    store = WeightStore(Places(root).weights, entry.card.weights)
    method = read_learnt(weights, entry.cls, size, store)
    return method.eval()


def predict_mix(
    places: Places, run: tuple[str, str, int], files: tuple[Path, Path], how: tuple[str, Progress]
) -> None:
    """Writes the maps of a mix's test cases.

    Args:
        run: method, mix and the mix's size.
        files: weights to read and maps to write.
        how: device and progress.
    """
    name, mix, size = run
    device, progress = how
    method = placed(restored(places.root, name, files[0], size), device)
    cases = load_cases(places.prepared(mix), ("test",))
    features = FeatureCache(method, places.features, device)
    features.prepare(cases, progress)
    predict_cases(method, cases, files[1], (features.of, progress, device))


def predictor(
    root: Path, name: str, weights: Path, how: tuple[int, str]
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images uint8 (b, H, W, 3) to probabilities (b, H, W), H = W = size.

    Args:
        weights: a run's weights.safetensors.
        how: size and device.

    Raises: as `restored`, and MethodError if the method wants a prompt.
    """
    size, device = how
    method = restored(root, name, weights, size)
    if method.card.prompt != "none":
        raise MethodError(
            name, f"a method that is shown a {method.card.prompt}", "one without a prompt",
            "A folder of images has no reference to draw prompts from.",
        )  # fmt: skip
    placed(method, device)

    def predict(images: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(images).to(device)
        image, _ = to_float(batch, batch[..., 0])
        with torch.inference_mode():
            return probabilities(method, Inputs(image, features=method.embed(image)))

    return predict
