"""What a run has learnt, as a file: without what is frozen, and back again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from made_plugins import method, write_plugin
from safetensors.torch import load_file, save_file

from benchmark.core.errors import MethodError, MissingDataError
from benchmark.methods.discover import method_entry
from benchmark.methods.method import Method
from benchmark.methods.weights import WeightStore
from benchmark.training.weights_file import (
    Origin,
    frozen_digest,
    learnt_state,
    read_learnt,
    write_learnt,
)

ORIGIN = Origin(size=16, seed=3, pretrained=False)
FREEZE = "self.network[0].requires_grad_(False)"


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    return WeightStore(tmp_path, ())


def a_class(root: Path, init: str = "") -> Callable[[int], Method]:
    write_plugin(root, "baselines/net", method("net", init=init))
    return method_entry(root, "net").build


def test_frozen_weights_are_not_in_the_file_and_come_back(
    tmp_path: Path, store: WeightStore
) -> None:
    cls = a_class(tmp_path, FREEZE)
    begun = ORIGIN.begin(cls, 16, store)
    torch.nn.init.constant_(begun.network[2].bias, 0.25)  # stands for training
    write_learnt(tmp_path / "w", begun, ORIGIN)
    assert set(load_file(tmp_path / "w")) == {"network.2.weight", "network.2.bias"}
    torch.manual_seed(99)  # the seed is the file's, not the reader's
    back = read_learnt(tmp_path / "w", cls, 16, store)
    for name, value in begun.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_the_file_says_where_it_began(tmp_path: Path, store: WeightStore) -> None:
    begun = ORIGIN.begin(a_class(tmp_path, FREEZE), 16, store)
    write_learnt(tmp_path / "w", begun, ORIGIN)
    told = Origin.of(tmp_path / "w")
    assert (told.size, told.seed, told.pretrained) == (16, 3, False)
    assert told.frozen == frozen_digest(begun)
    assert len(told.frozen) == 64


def test_a_method_that_learns_all_of_it_is_stored_whole(tmp_path: Path, store: WeightStore) -> None:
    begun = ORIGIN.begin(a_class(tmp_path), 16, store)
    write_learnt(tmp_path / "w", begun, ORIGIN)
    assert Origin.of(tmp_path / "w").frozen == ""
    assert set(load_file(tmp_path / "w")) == set(begun.state_dict()) == set(learnt_state(begun))


def test_another_frozen_part_is_an_error(tmp_path: Path, store: WeightStore) -> None:
    cls = a_class(tmp_path, FREEZE)
    other = ORIGIN.begin(cls, 16, store)
    torch.nn.init.zeros_(other.network[0].bias)  # as if other pretrained weights had been loaded
    write_learnt(tmp_path / "w", other, ORIGIN)
    with pytest.raises(MethodError, match="frozen weights other than in training"):
        read_learnt(tmp_path / "w", cls, 16, store)


def test_weights_of_another_method_are_an_error(tmp_path: Path, store: WeightStore) -> None:
    cls = a_class(tmp_path)
    write_learnt(tmp_path / "w", ORIGIN.begin(cls, 16, store), ORIGIN)
    grown = a_class(tmp_path, "self.more = nn.Linear(2, 2)")
    with pytest.raises(MethodError, match=r"missing: more\.weight"):
        read_learnt(tmp_path / "w", grown, 16, store)


def test_files_that_no_run_wrote(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="mixseg run"):
        Origin.of(tmp_path / "absent")
    save_file({"a": torch.zeros(1)}, tmp_path / "plain")
    with pytest.raises(MethodError, match="not written by a run"):
        Origin.of(tmp_path / "plain")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(MethodError, match="not written by a run"):
        Origin.of(tmp_path / "text")
