"""Files of weights as other projects write them: what is read, what is refused, and how."""

import argparse
import json
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.methods.pickles import StandIn, load_pickled
from benchmark.methods.statefile import StateFile, check_numbers, read_state

STATE = {"stem.weight": torch.arange(6.0).view(2, 3), "stem.count": torch.tensor(3)}
OLD = {"_use_new_zipfile_serialization": False}


def before(prefix: str, state: dict[str, Tensor] = STATE) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def optimiser() -> dict[str, Any]:
    """The state of an optimiser that has taken a step."""
    weight = nn.Parameter(torch.ones(2))
    adam = torch.optim.Adam([weight])
    weight.sum().backward()
    adam.step()
    return adam.state_dict()


def nested(kind: Callable[..., Any]) -> Any:
    """A dictionary of a class of its own that holds a list."""
    value = kind(list)
    value["a"] = [1]
    return value


NUMBER = np.float64(0.8)
# What is saved, what is said of it, and which keys are told as passed over.
READ: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "itself": (STATE, "", ()),
    "ordered": (OrderedDict(STATE), "", ()),
    "parameters": ({"a": nn.Parameter(torch.ones(2))}, "", ()),
    "state_dict": ({"state_dict": STATE, "epoch": 3}, "under state_dict", ("epoch",)),
    "model": ({"model": STATE}, "under model", ()),
    "model_state_dict": ({"epoch": 3, "model_state_dict": STATE}, "under model_state_dict",
                         ("epoch",)),
    "net": ({"net": STATE, "acc": 91.5, "epoch": 7}, "under net", ("acc", "epoch")),
    "network_weights": ({"network_weights": STATE, "_best_ema": NUMBER}, "under network_weights",
                        ("_best_ema",)),
    "two": ({"model": {"state_dict": STATE}}, "under model.state_dict", ()),
    "another name": ({"ema": STATE, "step": 3}, "under ema", ("step",)),
    "the first counts": ({"net": {"b": torch.ones(1)}, "state_dict": STATE}, "under state_dict",
                         ("net",)),
    "a name without tensors": ({"model": {"depth": 5}, "net": STATE}, "under net", ("model",)),
    "parallel": (before("module."), "without the prefix module.", ()),
    "compiled": (before("_orig_mod."), "without _orig_mod.", ()),
    "compiled, then parallel": (before("module._orig_mod."),
                                "without _orig_mod., without the prefix module.", ()),
    "parallel, then compiled": ({"model": before("_orig_mod.module.")},
                                "under model, without _orig_mod., without the prefix module.", ()),
    "a part compiled": (before("part._orig_mod."), "without _orig_mod.", ()),
    "averaged": ({"n_averaged": torch.tensor(4), **before("module.")},
                 "without the prefix module.", ("n_averaged",)),
    "thop": ({**STATE, "total_ops": torch.zeros(1), "stem.total_params": torch.zeros(1)}, "",
             ("total_ops", "stem.total_params")),
    "a number of NumPy": ({"state_dict": STATE, "best": NUMBER}, "under state_dict", ("best",)),
    "numbers beside tensors": ({**STATE, "epoch": 3, "best": np.float32(1)}, "",
                               ("epoch", "best")),
    "an array of NumPy": ({"net": STATE, "curve": np.ones(3), "text": np.array(["a"])},
                          "under net", ("curve", "text")),
    "an optimiser": ({"model": STATE, "optimizer": optimiser()}, "under model", ("optimizer",)),
    "an optimiser beside tensors": ({**STATE, "optimizer": optimiser()}, "", ("optimizer",)),
    "arguments": ({"model": STATE, "args": argparse.Namespace(lr=0.1, out=Path("x"))},
                  "under model", ("args",)),
    "a dictionary of its own": ({"model": STATE, "log": nested(defaultdict)}, "under model",
                                ("log",)),
}  # fmt: skip


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("name", READ)
def test_every_wrapping_gives_the_same_tensors(tmp_path: Path, name: str, old: bool) -> None:
    saved, said, passed = READ[name]
    torch.save(saved, tmp_path / "w.pth", **OLD if old else {})
    state = read_state(tmp_path / "w.pth")
    assert state.where() == (f" ({said})" if said else "")
    assert state.passed == passed
    if name == "parameters":
        assert {key: value.tolist() for key, value in state.tensors.items()} == {"a": [1, 1]}
        assert not state.tensors["a"].requires_grad
        return
    ours = before("part.") if name == "a part compiled" else STATE
    assert list(state.tensors) == list(ours)
    assert all(torch.equal(state.tensors[key], ours[key]) for key in ours)


NAMES = ["w.pth", "w.pth.tar", "w.PTH", "w", "w.ckpt", "w.model", "w.safetensors", "w.npz", "w.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_the_content_decides_and_not_the_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for save in (
        lambda: torch.save({"net": STATE}, path),
        lambda: torch.save({"net": STATE}, path, **OLD),
        lambda: save_file(STATE, path),
        lambda: path.write_bytes(npz(tmp_path)),
    ):
        save()
        assert read_state(path).tensors["stem.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


def npz(folder: Path) -> bytes:
    np.savez(folder / "arrays.npz", **{key: value.numpy() for key, value in STATE.items()})
    return (folder / "arrays.npz").read_bytes()


def test_parts_of_a_network_are_joined(tmp_path: Path) -> None:
    torch.save({"prompt": STATE, "decode_head": {"a": torch.ones(1)}, "epoch": 1}, tmp_path / "w")
    state = read_state(tmp_path / "w")
    assert list(state.tensors) == ["prompt.stem.weight", "prompt.stem.count", "decode_head.a"]
    assert state.passed == ("epoch",)


def test_a_dictionary_that_holds_itself_comes_to_an_end(tmp_path: Path) -> None:
    held: dict[str, Any] = dict(STATE)
    held["model"] = held
    torch.save(held, tmp_path / "w")
    assert list(read_state(tmp_path / "w").tensors) == list(STATE)


def of_older_numpy(path: Path) -> None:
    """Renames NumPy's module in a checkpoint as NumPy 1 called it."""
    with zipfile.ZipFile(path) as packed:
        entries = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in entries.items():
            packed.writestr(name, data.replace(b"cnumpy._core.multi", b"cnumpy.core.multi"))


def test_numbers_of_both_versions_of_numpy(tmp_path: Path) -> None:
    torch.save({"net": STATE, "best": NUMBER}, tmp_path / "w")
    assert b"numpy._core.multiarray" in (tmp_path / "w").read_bytes()
    of_older_numpy(tmp_path / "w")
    assert b"numpy.core.multiarray" in (tmp_path / "w").read_bytes()
    assert list(read_state(tmp_path / "w").tensors) == list(STATE)


def test_what_is_no_tensor_is_a_stand_in_that_nothing_calls(tmp_path: Path) -> None:
    saved = {"best": NUMBER, "path": Path("a"), "args": argparse.Namespace(lr=0.1)}
    torch.save(saved, tmp_path / "w")
    held = load_pickled(tmp_path / "w")
    assert all(isinstance(value, StandIn) for value in held.values())
    assert held["args"].name == "argparse.Namespace"
    assert held["args"].state == {"lr": 0.1}


def named(state: StateFile) -> list[tuple[list[str], str, tuple[str, ...]]]:
    return [(list(one.tensors), one.where(), one.passed) for one in state.variants()]


def test_the_names_of_a_training_class_may_come_off(tmp_path: Path) -> None:
    torch.save({"a": before("model.net.", {"x": torch.ones(1)})}, tmp_path / "w")
    assert named(read_state(tmp_path / "w")) == [
        (["model.net.x"], " (under a)", ()),
        (["net.x"], " (under a, without the prefix model.)", ()),
        (["x"], " (under a, without the prefix model., without the prefix net.)", ()),
    ]


@pytest.mark.parametrize(("mark", "count"), [({}, 1), ({"pytorch-lightning_version": "2.1"}, 2)])
def test_only_lightning_has_losses_beside_the_network(
    tmp_path: Path, mark: dict[str, str], count: int
) -> None:
    state = {"model.x": torch.ones(1), "criterion.weight": torch.ones(1)}
    torch.save({"state_dict": state, **mark}, tmp_path / "w")
    variants = named(read_state(tmp_path / "w"))
    assert len(variants) == count
    if mark:
        assert variants[1][0] == ["x"]
        assert variants[1][2] == (*mark, "criterion.weight")


class Net(nn.Module):
    """A class that another project would have."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(3, 2)


class Settings:
    """So is this."""

    def __init__(self) -> None:
        self.lr = 0.1


WHOLE: dict[str, Callable[[], Any]] = {
    "a model": Net,
    "a model of torch's parts": lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)),
    "a model under model": lambda: {"model": Net(), "epoch": 3},
    "a model under two names": lambda: {"ema": {"net": Net()}},
    "a model of several GPUs": lambda: nn.DataParallel(Net()),
    "settings beside the weights": lambda: {"net": STATE, "settings": Settings()},
    "settings among the weights": lambda: {**STATE, "settings": Settings()},
    "a class beside the weights": lambda: {"net": STATE, "kind": Net},
    "a function beside the weights": lambda: {"net": STATE, "run": optimiser},
}
INDEXED = {"a model under model": "['model']", "a model under two names": "['ema']['net']"}


def line_of(error: StoreError) -> str:
    return str(error).partition("run this line in their project: ")[2]


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_what_only_code_can_read_is_refused_with_a_line_that_saves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: bool
) -> None:
    saved = WHOLE[name]()
    torch.save(saved, tmp_path / "w.best.pth", **OLD if old else {})
    with pytest.raises(StoreError, match=r"w\.best\.pth: ") as raised:
        read_state(tmp_path / "w.best.pth")
    said = str(raised.value)
    assert said.isprintable()
    if name.startswith("a model"):
        assert "a whole pickled model (" in said
        kind = "torch.nn.modules.container.Sequential" if "parts" in name else "Net"
        kind = "torch.nn.parallel.data_parallel.DataParallel" if "GPUs" in name else kind
        key = INDEXED.get(name, "")
        if not old:  # in the older format the key is not found, but all models are saved
            assert f"{kind}{', under ' if key else ')'}" in said
            assert f"weights_only=False){key}.state_dict()" in said
    else:
        thing = {"settings": "Settings", "a class": "Net", "a function": "optimiser"}
        refused = next(kind for start, kind in thing.items() if name.startswith(start))
        assert f"the global {__name__}.{refused}, which is not read" in said
    if old and name in ("a model under two names", "a class beside the weights"):
        return  # of these the older format shows too little for a line that runs as it is
    monkeypatch.chdir(tmp_path)
    exec(line_of(raised.value))
    assert read_state(tmp_path / "w-state.pth").tensors


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.jit.save(torch.jit.trace(Net().stem, torch.ones(1, 3)), tmp_path / "w.pt")
    with pytest.raises(StoreError, match="a TorchScript archive") as raised:
        read_state(tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    exec(line_of(raised.value))
    assert list(read_state(tmp_path / "w-state.pth").tensors) == ["weight", "bias"]


class Bomb:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path, by: Callable[..., Any] = Path.touch) -> None:
        self.path, self.by = path, by

    def __reduce__(self) -> tuple[Any, ...]:
        return self.by, (self.path,)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
@pytest.mark.parametrize("where", ["among", "under", "instead"])
def test_nothing_runs_whatever_the_file_names(tmp_path: Path, where: str, old: bool) -> None:
    import os

    for by in (Path.touch, os.mkdir, exec, eval, __import__):
        bomb: Any = Bomb(tmp_path / "bombed", by)
        saved = {"among": {**STATE, "x": bomb}, "under": {"net": STATE, "x": [bomb]}}
        torch.save(saved.get(where, bomb), tmp_path / "w", **OLD if old else {})
        with pytest.raises(StoreError, match=r"the global .*, which is not read") as raised:
            read_state(tmp_path / "w")
        assert str(raised.value).isprintable()
        assert not (tmp_path / "bombed").exists()


BROKEN = {
    b"": r"unreadable \(an empty file\)",
    b"<!DOCTYPE html><html>": r"unreadable \(a web page in place of the file\)",
    b"version https://git-lfs.github.com/spec/v1\noid": r"unreadable \(a pointer of Git LFS",
    b"\x89HDF\r\n\x1a\n": r"unreadable \(a file of HDF5\)",
    b"\x1b[31mred\x1b[0m": r"unreadable \(it begins with b'\\x1b\[31mred",
    b"PK\x03\x04 and no more": "unreadable",
    b"\x80\x02}q\x00.": "unreadable",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_of_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(StoreError, match=rf"w\.pth: {BROKEN[content]}") as raised:
        read_state(tmp_path / "w.pth")
    assert str(raised.value).isprintable()


def test_a_folder_and_a_protocol_of_pickle_that_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="a folder, expected a file"):
        read_state(tmp_path)
    torch.save(STATE, tmp_path / "w", pickle_protocol=4)
    with pytest.raises(StoreError, match=r"unreadable \(Unsupported operand 149"):
        read_state(tmp_path / "w")


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ({}, "nothing, expected a dictionary"),
        ([STATE], "a list, expected a dictionary"),
        ({"epoch": 3, "best": NUMBER}, r"no tensor among epoch \(int\), best \(numpy.*scalar\)"),
        ({"model": {}}, r"no tensor among model \(dict\)"),
        ({0: torch.ones(1)}, r"0 \(Tensor\) \(1\), expected names"),
        ({"a\x1b[31m": torch.ones(1)}, r"'a\\x1b\[31m' \(Tensor\) \(1\), expected names"),
    ],
)
def test_what_holds_no_network_is_named(tmp_path: Path, saved: Any, says: str) -> None:
    torch.save(saved, tmp_path / "w")
    with pytest.raises(StoreError, match=says) as raised:
        read_state(tmp_path / "w")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("saved", [{"\x1b[31m": Net()}, {"\x1b[31m": 3}, {"\x1b[31m": Settings()}])
def test_no_name_in_a_file_reaches_the_terminal_as_a_code(tmp_path: Path, saved: Any) -> None:
    torch.save(saved, tmp_path / "w")
    with pytest.raises(StoreError) as raised:
        read_state(tmp_path / "w")
    assert str(raised.value).isprintable()
    torch.save({"\x1b[31mA": STATE, "\x1b[31mB": 3}, tmp_path / "w")
    state = read_state(tmp_path / "w")
    assert "".join((state.where(), *state.passed)).isprintable()


def test_weights_that_are_no_numbers() -> None:
    nan, inf = torch.tensor([1.0, float("nan")]), torch.tensor([float("-inf"), 1.0])
    check_numbers({**STATE, "mask": inf}, "w")
    with pytest.raises(StoreError, match=r"w: NaN in 1 of 2 tensors: a \(1 of 2 values\)"):
        check_numbers({"a": nan, "mask": inf}, "w")
    with pytest.raises(StoreError, match=r"NaN or infinite values in 2 of 2 tensors: a .*, mask"):
        check_numbers({"a": nan, "mask": inf}, "w", ["mask"])


def test_the_readers_import_no_torch() -> None:
    """`mixseg list` asks the store of weights, which stands on them."""
    import subprocess
    import sys

    code = "import sys, benchmark.methods.weights; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.lower()) is False
