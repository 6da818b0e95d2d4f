"""Where a trained network looks on anybody's images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmark.core.errors import MethodError
from benchmark.evaluation.gradcam import activation
from benchmark.methods.layers import to_device
from benchmark.runs.predict import restored, shown

LAYER = "decoder"


def heatmapper(
    root: Path, name: str, weights: Path, *, size: int, device: str
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images uint8 (b, H, W, 3) to activation (b, H, W), H = W = size.

    Each map is divided by its largest value; one that is 0 throughout stays so.

    Args:
        weights: a run's weights.safetensors.

    Raises: as `restored`, and MethodError if the method names no such layer.
    """
    method = to_device(restored(root, name, weights, size), device)
    layers = method.card.cam_layers
    if LAYER not in layers:
        found = f"cam_layers names {', '.join(layers) or 'nothing'}"
        do = f"Add `cam_layers: {{{LAYER}: MODULE}}` to its method.yaml, or leave --heatmap out."
        raise MethodError(f"method {name!r}", found, f"a layer {LAYER!r}", do)

    def heat(images: np.ndarray) -> np.ndarray:
        maps = activation(method, shown(method, images, device), layers[LAYER]).maps
        top = maps.max((1, 2), keepdims=True)
        found: np.ndarray = maps / np.where(top > 0, top, 1)
        return found

    return heat
