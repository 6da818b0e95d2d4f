"""The training loop: resumption, accumulation, several processes, hooks, losses without end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import command_environment
from torch import Tensor, nn

from benchmark.core.errors import MethodError, StoreError, TrainingError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.core.recipe import Recipe
from benchmark.data.cases import Cases, load_cases
from benchmark.methods.declaration import Card
from benchmark.methods.method import Features, Inputs, Method
from benchmark.training.loop import Stopped, TrainOptions, train

CARD = Card(name="net", title="Net", source="tests", licence="Apache-2.0", mixes=("tiny",))


class Net(Method):
    """Convolutions without batch normalisation, so that a batch may be cut."""

    card = CARD

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1)
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits


class Dropping(Net):
    """With dropout and batch normalisation."""

    card = CARD

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.network.insert(1, nn.BatchNorm2d(4))
        self.network.insert(3, nn.Dropout2d(0.3))


@pytest.fixture
def cases(project: Paths) -> Cases:
    return load_cases(project.prepared("tiny"), ("train", "val"))


@pytest.fixture
def recipe(project: Paths) -> Recipe:
    return load_params(project.root).mixes["tiny"].recipe


def trained(cls: type[Method], cases: Cases, recipe: Recipe, **options: object) -> Method:
    torch.manual_seed(0)
    method = cls(size=32)
    method.history = train(method, cases, recipe, TrainOptions(seed=3, **options), Silent())  # type: ignore[arg-type]
    return method


def same_state(a: Method, b: Method) -> bool:
    return all(torch.equal(a.state_dict()[key], b.state_dict()[key]) for key in a.state_dict())


def test_learns_and_writes_a_row_an_epoch(cases: Cases, recipe: Recipe) -> None:
    history = trained(Net, cases, recipe.but(epochs=6, why="test")).history
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["step"] == 6 * (32 // 4)
    assert history[-1]["loss"] < history[0]["loss"]
    assert set(history[0]) == {"epoch", "step", "loss", "lr", "images_per_s", "seconds"}


@pytest.mark.parametrize("every", [1, 3, None])
def test_stopped_at_any_step_and_resumed_equals_uninterrupted(
    cases: Cases, recipe: Recipe, tmp_path: Path, every: int | None
) -> None:
    whole = trained(Dropping, cases, recipe)
    how = {"checkpoint": tmp_path / "c.pt", "checkpoint_steps": every}
    for stop in (2, 5, 9, 17, 20):
        with pytest.raises(Stopped):
            trained(Dropping, cases, recipe, stop_after=stop, **how)
    again = trained(Dropping, cases, recipe, **how)
    assert same_state(whole, again)
    assert [row["loss"] for row in whole.history] == [row["loss"] for row in again.history]


def test_memory_map_equals_resident(cases: Cases, recipe: Recipe) -> None:
    assert same_state(
        trained(Dropping, cases, recipe, resident=True),
        trained(Dropping, cases, recipe, resident=False),
    )


def test_accumulated_pieces_equal_the_whole_batch(cases: Cases, recipe: Recipe) -> None:
    whole = trained(Net, cases, recipe)
    pieces = trained(Net, cases, recipe.but(accumulate=2, why="test"))
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(pieces.state_dict()[key], value, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_two_processes_equal_one(project: Paths, cases: Cases, recipe: Recipe) -> None:
    one = trained(Net, cases, recipe)
    script, out = Path(__file__).with_name("two_processes.py"), project.root / "two.pt"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += [f"--master-port={20000 + os.getpid() % 20000}"]
    done = subprocess.run(
        [*command, str(script), str(project.root), str(out)],
        env=command_environment(), capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    two = torch.load(out, weights_only=True)
    for key, value in one.state_dict().items():
        torch.testing.assert_close(two[key], value, atol=1e-5, rtol=0)


def test_each_scale_of_a_batch_is_a_step(cases: Cases, recipe: Recipe, tmp_path: Path) -> None:
    seen = []

    class Seeing(Net):
        card = CARD

        def forward(self, image: Tensor) -> Tensor:
            seen.append(tuple(image.shape))
            return super().forward(image)

    scaled = recipe.but(scales=(1.0, 2.0), epochs=2)
    whole = trained(Seeing, cases, scaled)
    per_epoch = 2 * (len(cases) // 4)
    assert [row["step"] for row in whole.history] == [per_epoch, 2 * per_epoch]
    assert seen == [(4, 3, 32, 32), (4, 3, 64, 64)] * per_epoch
    kept = {"checkpoint": tmp_path / "c.pt", "checkpoint_steps": 3}
    with pytest.raises(Stopped):  # between the two scales of a batch
        trained(Seeing, cases, scaled, **kept, stop_after=3)
    assert same_state(whole, trained(Seeing, cases, scaled, **kept))


def test_values_of_the_gradient_are_clipped(cases: Cases, recipe: Recipe) -> None:
    plain = recipe.but(optimiser="sgd", momentum=0.0, weight_decay=0.0, lr=1.0, epochs=1)
    before = trained(Net, cases, plain.but(epochs=0))
    after = trained(Net, cases, plain.but(clip_value=1e-4, schedule="constant", batch=len(cases)))
    moved = [
        (a - b).abs().max() for a, b in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert max(moved).item() == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(("step", "value"), [(1, "nan"), (5, "inf"), (11, "nan")])
def test_a_loss_that_is_not_finite_names_the_step_and_the_cases(
    cases: Cases, recipe: Recipe, accumulate: int, step: int, value: str
) -> None:
    """Losses are looked at now and then; the step that is named is the one that went wrong."""

    class Broken(Net):
        card = CARD
        calls = 0

        def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
            self.calls += 1
            wrong = self.calls == step * accumulate  # the last piece of its batch
            total = super().loss(inputs, mask)["total"] * (float(value) if wrong else 1.0)
            return {"total": total, "edge": torch.tensor(0.25)}

    says = rf"net, step {step} of 24: the loss is total {value}, edge 0.\d+ on the cases phantom-"
    with pytest.raises(TrainingError, match=says) as caught:
        trained(Broken, cases, recipe.but(accumulate=accumulate, why="test"))
    assert str(caught.value).partition(", expected")[0].count("/") == 4 // accumulate


def test_fewer_cases_than_a_batch(cases: Cases, recipe: Recipe) -> None:
    with pytest.raises(TrainingError, match=r"32 cases, expected at least one batch of 64"):
        trained(Net, cases, recipe.but(batch=64, why="test"))


def test_closed_form_fit_takes_no_step(cases: Cases, recipe: Recipe) -> None:
    class Fitted(Net):
        card = CARD

        def fit(self, cases: Cases, features: Features) -> bool:
            self.seen = len(cases)
            return True

    method = trained(Fitted, cases, recipe)
    assert method.seen == 32
    assert method.history == []


class Embedding(Net):
    """The first convolution is frozen and computed once a case."""

    card = CARD
    calls = 0

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.network[0].requires_grad_(False)

    def embed(self, image: Tensor) -> Tensor:
        Embedding.calls += len(image)
        features: Tensor = self.network[0](image)
        return features

    def loss(self, inputs: Inputs, mask: Tensor) -> dict[str, Tensor]:
        assert inputs.features is not None
        logits = self.network[1:](inputs.features)
        return {"total": nn.functional.binary_cross_entropy_with_logits(logits, mask)}


def test_embeddings_are_computed_once(cases: Cases, recipe: Recipe, tmp_path: Path) -> None:
    Embedding.calls = 0
    method = trained(Embedding, cases, recipe, features=tmp_path / "features")
    first = Embedding.calls
    assert first == 32  # the one that tells the size is kept
    trained(Embedding, cases, recipe, features=tmp_path / "features")
    assert Embedding.calls == first
    assert method.history[-1]["loss"] < method.history[0]["loss"]


def test_embedding_without_a_frozen_part(cases: Cases, recipe: Recipe, tmp_path: Path) -> None:
    class Free(Embedding):
        card = CARD

        def __init__(self, size: int = 32) -> None:
            super().__init__()
            self.requires_grad_(True)

    with pytest.raises(MethodError, match="no frozen parameter"):
        trained(Free, cases, recipe, features=tmp_path)


def test_a_checkpoint_of_another_run(cases: Cases, recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    trained(Net, cases, recipe, checkpoint=path, identity="one")
    with pytest.raises(StoreError, match="'one', expected the run 'two'"):
        trained(Net, cases, recipe, checkpoint=path, identity="two")


@pytest.mark.parametrize("keep", [0, 10, 0.5])
def test_a_checkpoint_cut_short(cases: Cases, recipe: Recipe, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "c.pt"
    trained(Net, cases, recipe, checkpoint=path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(StoreError, match=r"expected a whole checkpoint. Run with --restart"):
        trained(Net, cases, recipe, checkpoint=path)


def test_a_method_in_which_nothing_learns(cases: Cases, recipe: Recipe) -> None:
    class Frozen(Net):
        card = CARD

        def __init__(self, size: int = 32) -> None:
            super().__init__()
            self.requires_grad_(False)

    with pytest.raises(MethodError, match="no parameter, expected at least one that learns"):
        trained(Frozen, cases, recipe)
