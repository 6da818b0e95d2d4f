"""Half precision in training: what the recipe asks for, and what a step computes in."""

import pytest
import torch
from test_loop import CARD, Net
from torch import Tensor

from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.data.cases import load_cases
from benchmark.training.loop import TrainOptions, train
from benchmark.training.precision import precision_of


class Watching(Net):
    """Tells the type of its logits."""

    card = CARD
    seen: list[torch.dtype] = []  # noqa: RUF012  # of the last training

    def forward(self, image: Tensor) -> Tensor:
        logits = super().forward(image)
        self.seen.append(logits.dtype)
        return logits


@pytest.mark.parametrize(
    ("asked", "cpu", "gpu"),
    [(None, "float32", "bf16"), ("auto", "float32", "bf16"), ("bf16", "bf16", "bf16"),
     ("float32", "float32", "float32")],
)  # fmt: skip
def test_what_a_recipe_means_on_each_device(
    project: Paths, asked: str | None, cpu: str, gpu: str
) -> None:
    recipe = load_params(project.root).mixes["tiny"].recipe.but(precision=asked)
    assert [precision_of(recipe, device) for device in ("cpu", "cuda:1")] == [cpu, gpu]


def test_the_identity_changes_with_the_precision_and_not_with_the_default(project: Paths) -> None:
    recipe = load_params(project.root).mixes["tiny"].recipe
    assert recipe.but(precision="auto").identity() == recipe.identity()
    assert recipe.but(precision="bf16").identity() == {**recipe.identity(), "precision": "bf16"}


def test_a_step_in_bf16_computes_in_bf16_and_keeps_weights_in_float32(project: Paths) -> None:
    cases = load_cases(project.prepared("tiny"), ("train", "val"))
    recipe = load_params(project.root).mixes["tiny"].recipe
    losses = {}
    for precision, kind in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        Watching.seen.clear()
        torch.manual_seed(0)
        method = Watching()
        asked = recipe.but(precision=precision)
        rows = train(method, cases, asked, TrainOptions(seed=0), Silent())
        assert set(Watching.seen) == {kind}
        assert {p.dtype for p in method.parameters()} == {torch.float32}
        losses[precision] = rows[-1]["loss"]
    assert losses["bf16"] != losses["float32"]
    assert losses["bf16"] == pytest.approx(losses["float32"], rel=0.02)
