"""Learning rates worked out by hand, and groups that keep their own rate."""

import pytest
import torch
from torch import nn

from benchmark.card import Recipe
from benchmark.training.optimise import lr_at, make_optimiser, set_lr


def recipe(**fields: object) -> Recipe:
    whole = {"optimiser": "adamw", "lr": 1.0, "lr_end": 0.0, "warmup": 0, "weight_decay": 0.0}
    return Recipe(**{**whole, "momentum": 0.9, "why": "test", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", [1.0, 0.853553, 0.5, 0.146447]),  # (1 + cos(pi k / 4)) / 2
        ("poly", [1.0, 0.75**0.9, 0.5**0.9, 0.25**0.9]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_schedules(schedule: str, expected: list[float]) -> None:
    rates = [lr_at(step, 4, recipe(schedule=schedule)) for step in range(4)]
    assert rates == pytest.approx(expected, abs=1e-6)


def test_warm_up_rises_linearly_then_the_schedule_begins() -> None:
    rates = [lr_at(step, 6, recipe(schedule="cosine", warmup=2)) for step in range(4)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.853553], abs=1e-6)


def test_the_schedule_ends_at_lr_end() -> None:
    assert lr_at(4, 4, recipe(schedule="cosine", lr_end=0.1)) == pytest.approx(0.1)


def test_groups_keep_their_own_rate() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    groups = [{"params": a.parameters(), "lr": 0.1}, {"params": b.parameters()}, {"params": []}]
    for name, kind in (("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        groups[0]["params"], groups[1]["params"] = a.parameters(), b.parameters()
        optimiser = make_optimiser(groups, recipe(optimiser=name))
        assert isinstance(optimiser, kind)
        set_lr(optimiser, 0.5, recipe())
        assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.05, 0.5])
