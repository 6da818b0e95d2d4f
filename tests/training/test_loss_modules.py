"""Networks that only a loss needs: the loop places them, and a run does not store them."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.data.cases import load_cases
from benchmark.methods.declaration import Card
from benchmark.methods.method import Inputs, Method
from benchmark.training.loop import TrainOptions, train
from benchmark.training.weights_file import Origin, learnt_state, write_learnt


class Judged(Method):
    """A convolution whose map another, frozen one judges."""

    card = Card(name="judged", title="Judged", source="tests", licence="MIT")

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Conv2d(3, 1, 3, padding=1)
        judge = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1))
        self._judge = {"judge": judge.requires_grad_(False)}

    def loss_modules(self) -> Mapping[str, nn.Module]:
        return self._judge

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        judge = self._judge["judge"]
        apart = judge(torch.sigmoid(self.network(inputs.image))) - judge(mask)
        return {"total": apart.square().mean()}


def test_a_method_has_none_by_default() -> None:
    assert Method().loss_modules() == {}


def test_the_loop_places_them_and_they_are_not_stored(project: Paths, tmp_path: Path) -> None:
    method = Judged()
    weight = method.loss_modules()["judge"][1].weight
    before = weight.clone()
    cases = load_cases(project.prepared("tiny"), ("train", "val"))
    recipe = load_params(project.root).mix("tiny").recipe.but(epochs=1)
    history = train(method, cases, recipe, TrainOptions(seed=0), Silent())
    assert history[0]["loss"] > 0
    assert not before.is_contiguous(memory_format=torch.channels_last)
    assert weight.is_contiguous(memory_format=torch.channels_last)  # as all networks are placed
    assert torch.equal(weight, before)
    assert set(learnt_state(method)) == {"network.weight", "network.bias"}
    write_learnt(tmp_path / "w", method, Origin(32, seed=0, pretrained=False))
    assert set(load_file(tmp_path / "w")) == {"network.weight", "network.bias"}


def test_they_go_where_the_method_goes(project: Paths) -> None:
    """Nothing can be trained on "meta"; the loop has placed all of it before it finds out."""
    method = Judged()
    cases = load_cases(project.prepared("tiny"), ("train", "val"))
    recipe = load_params(project.root).mix("tiny").recipe
    with pytest.raises((NotImplementedError, RuntimeError)):
        train(method, cases, recipe, TrainOptions(seed=0, device="meta"), Silent())
    assert method.network.weight.is_meta
    assert method.loss_modules()["judge"][0].weight.is_meta
