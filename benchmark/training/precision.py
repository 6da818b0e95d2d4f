"""The precision of a training step."""

from typing import Literal

import torch

from benchmark.core.recipe import Recipe

Precision = Literal["float32", "bf16"]


def precision_of(recipe: Recipe, device: str) -> Precision:
    """What a recipe means on a device: "auto" is bfloat16 on a GPU and float32 on a CPU."""
    asked = recipe.precision or "auto"
    if asked == "auto":
        return "bf16" if device.startswith("cuda") else "float32"
    return asked


def autocast(recipe: Recipe, device: str) -> torch.autocast:
    """The context of a forward pass and its loss; weights and gradients stay float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=precision_of(recipe, device) == "bf16")
