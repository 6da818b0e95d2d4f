"""Methods with trained weights: to predict the test cases, or anybody's images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths
from benchmark.core.progress import Progress
from benchmark.data.augment import to_float
from benchmark.data.cases import load_cases
from benchmark.evaluation.predict import predict_cases, probabilities
from benchmark.methods import discover
from benchmark.methods.layers import to_device
from benchmark.methods.method import Inputs, Method
from benchmark.methods.weights import WeightStore
from benchmark.training.features import FeatureCache
from benchmark.training.weights_file import read_learnt


def restored(root: Path, name: str, weights: Path, size: int) -> Method:
    """A method in evaluation mode with a run's weights.

    Raises: as `read_learnt`.
    """
    entry = discover.method_entry(root, name)
    store = WeightStore(Paths(root).weights, entry.card.weights)
    return read_learnt(weights, entry.build, size, store).eval()


def predict_mix(
    paths: Paths,
    name: str,
    mix: str,
    *,
    weights: Path,
    maps: Path,
    device: str,
    progress: Progress,
) -> None:
    """Writes the maps of a mix's test cases.

    Args:
        weights: a run's weights.safetensors.
        maps: the file to write.
    """
    cases = load_cases(paths.prepared(mix), ("test",))
    method = to_device(restored(paths.root, name, weights, cases.size), device)
    features = FeatureCache(method, paths.features, device)
    features.prepare(cases, progress)
    predict_cases(method, cases, maps, features=features.of, device=device, progress=progress)


def predictor(
    root: Path, name: str, weights: Path, *, size: int, device: str
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images uint8 (b, H, W, 3) to probabilities (b, H, W), H = W = size.

    Args:
        weights: a run's weights.safetensors.

    Raises: as `unprompted`.
    """
    method = unprompted(root, name, weights, size=size, device=device)
    return lambda images: probabilities(method, shown(method, images, device))


def unprompted(root: Path, name: str, weights: Path, *, size: int, device: str) -> Method:
    """A method that needs no prompt, with a run's weights, on a device.

    Raises: as `restored`, and MethodError if the method wants a prompt.
    """
    method = restored(root, name, weights, size)
    if method.card.prompt != "none":
        raise MethodError(
            name, f"a method that is shown a {method.card.prompt}", "one without a prompt",
            "A folder of images has no reference to draw prompts from.",
        )  # fmt: skip
    return to_device(method, device)


def shown(method: Method, images: np.ndarray, device: str) -> Inputs:
    """What a method is shown of images uint8 (b, H, W, 3), without a prompt."""
    batch = torch.from_numpy(images).to(device)
    image, _ = to_float(batch, batch[..., 0])
    with torch.no_grad():
        return Inputs(image, features=method.embed(image))
