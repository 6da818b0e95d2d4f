"""Learning rates worked out by hand, and groups that keep their own rate."""

import pytest
import torch
from torch import nn

from benchmark.core.recipe import Recipe
from benchmark.training.optimiser import lr_at, make_optimiser, set_lr


def recipe(**fields: object) -> Recipe:
    whole = {"optimiser": "adamw", "lr": 1.0, "lr_end": 0.0, "warmup": 0, "weight_decay": 0.0}
    return Recipe(**{**whole, "momentum": 0.9, "why": "test", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", [1.0, 0.853553, 0.5, 0.146447]),  # (1 + cos(pi k / 4)) / 2
        ("poly", [1.0, 0.75**0.9, 0.5**0.9, 0.25**0.9]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("triangular", [0.4, 0.8, 0.8, 0.4]),  # 1 - |2 (k + 1) / 5 - 1|
    ],
)
def test_schedules(schedule: str, expected: list[float]) -> None:
    rates = [lr_at(step, 4, recipe(schedule=schedule)) for step in range(4)]
    assert rates == pytest.approx(expected, abs=1e-6)


def test_warm_up_rises_linearly_then_the_schedule_begins() -> None:
    rates = [lr_at(step, 6, recipe(schedule="cosine", warmup=2)) for step in range(4)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.853553], abs=1e-6)


def test_steps_fall_by_whole_epochs() -> None:
    falling = recipe(schedule="step", epochs=4, step_epochs=2, step_gamma=0.5)
    rates = [lr_at(step, 12, falling) for step in range(12)]  # three steps an epoch
    assert rates == [1.0] * 6 + [0.5] * 6


def test_the_schedule_ends_at_lr_end() -> None:
    assert lr_at(4, 4, recipe(schedule="cosine", lr_end=0.1)) == pytest.approx(0.1)


def test_groups_keep_their_own_rate() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    groups = [{"params": a.parameters(), "lr": 0.1}, {"params": b.parameters()}, {"params": []}]
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    for name, kind in kinds.items():
        groups[0]["params"], groups[1]["params"] = a.parameters(), b.parameters()
        optimiser = make_optimiser(groups, recipe(optimiser=name, nesterov=True))
        assert type(optimiser) is kind
        assert optimiser.defaults.get("nesterov", True)
        set_lr(optimiser, 0.5, recipe())
        assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.05, 0.5])
