"""Where a network looks: Seg-Grad-CAM of a named layer.

    S = sum of the logits over the predicted mask, over all pixels where that is empty
    w_c = mean over positions of dS/dA_c,   map = ReLU(sum_c w_c A_c), enlarged to the image

**Conventions** A is (B, C, h, w). Tokens (B, N, C) are laid out as a map first, a class token
apart: the library averages gradients over what follows the second dimension, which would be C. The
map is enlarged bilinear, corners not aligned. A network that pads inside moves its layer's map by
half its padding at most. Predicted is a probability of at least one half.

**Sources** Selvaraju et al., ICCV 2017 (Grad-CAM); Vinogradova et al., AAAI 2020 (the sum over
pixels); captum's `LayerGradCam`.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.core.errors import MethodError
from benchmark.evaluation.predict import check_logits
from benchmark.methods.method import Inputs, Method


@dataclass(frozen=True)
class Activation:
    """The activation of a layer on some images.

    Attributes:
        maps: float32 (B, H, W), at least 0; all 0 where nothing speaks for the target.
        predicted: bool (B, H, W).
        empty: bool (B,), whether nothing was predicted, so that all pixels were the target.
    """

    maps: np.ndarray
    predicted: np.ndarray
    empty: np.ndarray


def activation(method: Method, inputs: Inputs, layer: str) -> Activation:
    """The activation of a layer for what the network predicts.

    Args:
        method: in evaluation mode on the device of the inputs.
        layer: dotted name of a module inside that gives (B, C, h, w) or (B, N, C), once a call.

    Raises: MethodError if there is no such module, or it gives something else.
    """
    from captum.attr import LayerGradCam

    predicted = torch.zeros(0)

    def target(image: Tensor) -> Tensor:
        nonlocal predicted
        logits = method.predict(inputs)
        check_logits(logits, (len(image), 1, *image.shape[2:]), method.card.name)
        predicted = logits.detach() >= 0
        chosen = predicted | ~predicted.flatten(1).any(1)[:, None, None, None]
        return (logits * chosen).sum((1, 2, 3))

    flags = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        flags,
        _tapped(method, layer, inputs) as tap,
    ):
        small = LayerGradCam(target, tap).attribute(inputs.image, relu_attributions=True)
    size = inputs.image.shape[-2:]
    maps = F.interpolate(small.detach().float(), size, mode="bilinear", align_corners=False)
    mask = predicted[:, 0].cpu().numpy()
    return Activation(maps[:, 0].cpu().numpy(), mask, np.logical_not(mask.any((1, 2))))


class _Tap(nn.Module):
    """What the library listens to: the layer's output as a map."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, feats: Tensor) -> Tensor:
        """A map (B, C, h, w), as it is."""
        self.calls += 1
        return feats


@contextmanager
def _tapped(method: Method, layer: str, inputs: Inputs) -> Iterator[_Tap]:
    """A module that the output of a layer passes through as a map, inside the block."""
    where, tap = f"method {method.card.name!r}: layer {layer!r}", _Tap()
    shape = inputs.image.shape[-2:]

    def through(module: nn.Module, given: object, out: object) -> Tensor:
        if isinstance(out, Tensor) and out.ndim == 4:
            return tap(out)  # type: ignore[no-any-return]
        grid = _grid(out.shape[1], shape) if isinstance(out, Tensor) and out.ndim == 3 else None
        if grid is None or not isinstance(out, Tensor):
            found = f"gave {tuple(out.shape)}" if isinstance(out, Tensor) else f"gave {type(out)}"
            raise MethodError(
                where, found, "(B, C, h, w) or (B, N, C)", "Name another in cam_layers."
            )
        apart = out.shape[1] - grid[0] * grid[1]
        feats = tap(out[:, apart:].transpose(1, 2).reshape(len(out), -1, *grid))
        return torch.cat([out[:, :apart], feats.flatten(2).transpose(1, 2)], 1)

    handle = module_of(method, layer).register_forward_hook(through)
    try:
        yield tap
    except (KeyError, AssertionError) as error:  # the library's, where it never heard of the layer
        if tap.calls:
            raise
        found = "did not run in predict()"
        raise MethodError(where, found, "a layer that does", "Name another.") from error
    finally:
        handle.remove()
    if tap.calls != 1:
        found = f"ran {tap.calls} times in predict()"
        raise MethodError(where, found, "once", "Name another in cam_layers.")


def module_of(method: Method, layer: str) -> nn.Module:
    """A module of a method by its dotted name.

    Raises: MethodError if there is none.
    """
    try:
        return method.get_submodule(layer)
    except AttributeError as error:
        raise MethodError(
            f"method {method.card.name!r}: cam_layers", f"no module {layer!r} ({error})",
            "the dotted name of a module", "Correct it in method.yaml.",
        ) from error  # fmt: skip


def _grid(tokens: int, size: torch.Size) -> tuple[int, int] | None:
    """Rows and columns of so many tokens of an image, or of all but one; None where none fit."""
    for count in (tokens, tokens - 1):
        rows = max(round(math.sqrt(count * size[0] / size[1])), 1)
        if count > 0 and count % rows == 0 and rows * size[1] == count // rows * size[0]:
            return rows, count // rows
    return None
