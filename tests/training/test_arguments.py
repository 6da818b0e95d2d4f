"""Arguments of a mix and of a weights file: a trial's take the place of those of the row."""

from pathlib import Path

import pytest
import torch
from made_plugins import declare, method, write_plugin
from support import PARAMS

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.methods.declaration import Card
from benchmark.methods.discover import card_of
from benchmark.methods.sync import sync
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.official_weights import import_weights
from benchmark.runs.predict import restored
from benchmark.runs.train import build
from benchmark.training.weights_file import Origin, write_learnt

NET = method(
    "net", init="self.side = side", parameters="side: int = 1, width: int = 2",
    more="def from_official(self, state):\n    return state\n", arguments={"side": 64},
)  # fmt: skip


@pytest.fixture
def trial(project: Paths) -> Paths:
    """A project whose mix replaces `side`, and whose row declares 64."""
    write_plugin(project.root, "baselines/net", NET)
    weights = "weights: random\n"
    text = PARAMS.replace(weights, f"{weights}    arguments: {{side: 8, width: 5}}\n")
    (project.root / "params.yaml").write_text(text)
    return project


def test_a_mix_replaces_only_what_a_row_declares(trial: Paths) -> None:
    mix = load_params(trial.root).mix("tiny")
    assert mix.card_of(card_of(trial.root, "net")).arguments == {"side": 8}
    bare = Card(name="bare", title="T", source="s", licence="MIT")
    assert mix.card_of(bare) == bare


def test_a_run_is_built_with_them_and_its_identity_holds_them(trial: Paths) -> None:
    spec = RunSpec("net", "tiny", 0)
    plan = plan_run(trial, spec)
    assert build(trial, plan).side == 8
    assert plan.identity.declared["arguments"] == {"side": 8}
    (trial.root / "params.yaml").write_text(PARAMS)
    other = plan_run(trial, spec)
    assert build(trial, other).side == 64
    assert other.identity.run != plan.identity.run


def test_predictions_are_built_as_the_training_was(trial: Paths, tmp_path: Path) -> None:
    """Also after the declaration has changed; the class has other defaults again."""
    plan = plan_run(trial, RunSpec("net", "tiny", 0))
    begun = build(trial, plan)
    origin = Origin(32, seed=0, pretrained=False, arguments=plan.card.arguments)
    write_learnt(tmp_path / "w", begun, origin)
    declare(trial.root, "baselines/net", {"net": {"title": "T", "arguments": {"side": 128}}})
    for size in (32, 352):
        assert restored(trial.root, "net", tmp_path / "w", size).side == 8


@pytest.mark.parametrize("size", [32, 352])
def test_official_weights_are_used_as_the_row_declares(
    trial: Paths, tmp_path: Path, size: int
) -> None:
    state = build(trial, plan_run(trial, RunSpec("net", "tiny", 0))).state_dict()
    torch.save(state, tmp_path / "official.pth")
    import_weights(trial, "net", tmp_path / "official.pth", tmp_path / "w", size=size)
    for shown in (32, 352):
        assert restored(trial.root, "net", tmp_path / "w", shown).side == 64


def test_a_mix_names_only_arguments_that_a_row_declares(trial: Paths) -> None:
    path = trial.root / "params.yaml"
    with pytest.raises(ParamsError, match=r"mixes\.tiny\.arguments: no row declares 'width'"):
        sync(trial.root, "net")
    path.write_text(path.read_text().replace("width: 5", "sides: 5"))
    with pytest.raises(ParamsError, match=r"no row declares 'sides'.*Did you mean 'side'\?"):
        sync(trial.root, "net")
    path.write_text(path.read_text().replace(", sides: 5", ""))
    assert sync(trial.root, "net")
