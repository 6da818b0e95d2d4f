"""Optimisers and learning-rate schedules, as the recipe names them."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from benchmark.core.errors import MethodError
from benchmark.core.recipe import Recipe

POLY_POWER = 0.9


def make_optimiser(groups: Sequence[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW, Adam or SGD over a method's groups; those without parameters are left out.

    Each group keeps its own learning rate; the schedule scales all alike.

    Raises: MethodError if no group holds a parameter that learns.
    """
    kept = [{**group, "params": list(group["params"])} for group in groups]
    kept = [group for group in kept if group["params"]]
    if not kept:
        raise MethodError(
            "parameter_groups()",
            "no parameter",
            "at least one that learns",
            "Give AS_RELEASED as the recipe of a method that is not trained.",
        )
    for group in kept:
        group["base_lr"] = group.setdefault("lr", recipe.lr)
    common: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(kept, **common)
    if recipe.optimiser == "adam":
        return torch.optim.Adam(kept, **common)
    nesterov = bool(recipe.nesterov)
    return torch.optim.SGD(kept, momentum=recipe.momentum or 0.0, nesterov=nesterov, **common)


def lr_at(step: int, steps: int, recipe: Recipe) -> float:
    """Learning rate of the step with this number, counted from 0, of `steps`.

    Linear warm-up, then a cosine or poly(0.9) fall from lr to lr_end, taken at every step; or lr
    falls to a share of itself every few epochs ("step"); or it rises from 0 to lr in the middle and
    falls back ("triangular").
    """
    lr, end, warmup = recipe.lr or 0.0, recipe.lr_end or 0.0, recipe.warmup or 0
    if step < warmup:
        return lr * (step + 1) / warmup
    if recipe.schedule == "constant":
        return lr
    if recipe.schedule == "step":
        epoch = step * (recipe.epochs or 1) // max(1, steps)
        return lr * math.pow(recipe.step_gamma or 1.0, epoch // (recipe.step_epochs or 1))
    share = (step - warmup) / max(1, steps - warmup)
    if recipe.schedule == "triangular":
        return lr * (1 - abs(2 * (step - warmup + 1) / (steps - warmup + 1) - 1))
    if recipe.schedule == "cosine":
        return end + (lr - end) * 0.5 * (1 + math.cos(math.pi * share))
    return end + (lr - end) * math.pow(1 - share, POLY_POWER)


def set_lr(optimiser: torch.optim.Optimizer, lr: float, recipe: Recipe) -> None:
    """Scales every group's own rate by lr / recipe.lr."""
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * lr / (recipe.lr or 1.0)
