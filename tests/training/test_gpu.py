"""What only a GPU can show: bf16, compile and residency train as the CPU does."""

import numpy as np
import pytest
import torch
from support import make_prepared

from baselines._shared.smp import SmpMethod
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.core.recipe import Recipe
from benchmark.data.cases import load_cases
from benchmark.methods.declaration import Card
from benchmark.methods.method import Inputs
from benchmark.training.batches import Batches
from benchmark.training.loop import TrainOptions, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


class Small(SmpMethod):
    """A U-Net of segmentation-models-pytorch, from random weights."""

    import segmentation_models_pytorch as smp

    architecture = smp.Unet
    card = Card(name="s", title="S", source="tests", licence="MIT")

    def __init__(self, size: int = 352) -> None:
        super().__init__(size, encoder="resnet18")


def trained(project: Paths, device: str, **options: bool) -> tuple[Small, list[dict[str, float]]]:
    cases = load_cases(project.prepared("tiny"), ("train", "val"))
    recipe: Recipe = load_params(project.root).mixes["tiny"].recipe
    torch.manual_seed(0)
    method = Small(size=32)
    how = TrainOptions(seed=0, device=device, **options)
    history = train(method, cases, recipe.but(epochs=4, lr=1e-3, why="test"), how, Silent())
    return method, history


@pytest.mark.parametrize("compiled", [False, True])
def test_losses_agree_with_the_cpu(project: Paths, compiled: bool) -> None:
    _, cpu = trained(project, "cpu")
    method, gpu = trained(project, "cuda", compile=compiled)
    assert next(method.parameters()).is_cuda
    assert gpu[-1]["loss"] < gpu[0]["loss"]
    ours, theirs = ([row["loss"] for row in history] for history in (gpu, cpu))
    np.testing.assert_allclose(ours, theirs, rtol=0.1)


def test_predictions_are_in_float32(project: Paths) -> None:
    from benchmark.evaluation.predict import probabilities

    method, _ = trained(project, "cpu")
    image = torch.rand(2, 3, 32, 32)
    cpu = probabilities(method, Inputs(image))
    gpu = probabilities(method.cuda(), Inputs(image.cuda()))
    np.testing.assert_allclose(gpu, cpu, atol=1e-4)


def test_the_mix_lies_on_the_device(tmp_path) -> None:
    make_prepared(tmp_path / "tiny")
    cases = load_cases(tmp_path / "tiny", ("train",))
    recipe = Recipe(hflip=0.5, vflip=0.5, rotation_deg=5, why="test")
    batches = Batches(cases, recipe, 0, "cuda")
    assert batches.pixels is not None
    batch = next(iter(batches(np.arange(8).reshape(1, 8), 0)))
    assert batch.image.is_cuda
