"""Official weights: what is read, what is refused, and that predict takes what is written."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_plugins import method, write_plugin
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from support import mixseg
from torch import Tensor

from benchmark.core.errors import MethodError, MissingDataError, ParamsError, StoreError
from benchmark.core.files import Paths, sha256_file
from benchmark.methods.discover import method_entry
from benchmark.methods.weights import read_tensors
from benchmark.runs.official_weights import import_weights
from benchmark.runs.predict import restored

OFFICIAL = """
def from_official(self, state):
    kept = {k: v for k, v in state.items() if not k.startswith("fc.")}
    return {f"network.{k.removeprefix('body.')}": v for k, v in kept.items()}
"""
ASKS = """
def from_official(self, state):
    return {"network.0.weight": state["stem.weight"]}
"""
FREEZE = "self.network[0].requires_grad_(False)"
Writer = Callable[[dict[str, Tensor], Path], object]


@pytest.fixture
def paths(project: Paths) -> Paths:
    write_plugin(project.root, "baselines/net", method("net", init=FREEZE, more=OFFICIAL))
    return project


def official(seed: int = 5) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    shapes = {"0.weight": (4, 3, 3, 3), "0.bias": (4,), "2.weight": (1, 4, 1, 1), "2.bias": (1,)}
    state = {f"body.{key}": torch.randn(shape) for key, shape in shapes.items()}
    return {**state, "fc.weight": torch.randn(2, 2)}


def savez(state: dict[str, Tensor], path: Path) -> None:
    np.savez(path, **{key: value.numpy() for key, value in state.items()})


WRITERS: dict[str, Writer] = {
    "plain.pth": torch.save,
    "old.pt": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "wrapped.pth": lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path),
    "twice.pt": lambda state, path: torch.save({"model": {"state_dict": state}}, path),
    "parallel.ckpt": lambda state, path: torch.save(
        {"model": {f"module.{key}": value for key, value in state.items()}}, path
    ),
    "model_state_dict.pth.tar": lambda state, path: torch.save(
        {"epoch": 3, "model_state_dict": state}, path
    ),
    "lightning": lambda state, path: torch.save(
        {
            "pytorch-lightning_version": "2.1",
            "best": np.float64(0.8),
            "state_dict": {
                **{f"model._orig_mod.{key}": value for key, value in state.items()},
                "criterion.weight": torch.ones(1),
            },
        },
        path,
    ),
    "thop.PTH": lambda state, path: torch.save(
        {"net": {**state, "total_ops": torch.zeros(1), "body.0.total_params": torch.zeros(1)}},
        path,
    ),
    "half.bin": lambda state, path: torch.save({k: v.half() for k, v in state.items()}, path),
    "arrays.npz": savez,
    "safe.safetensors": save_file,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_form_is_read(paths: Paths, tmp_path: Path, name: str) -> None:
    source, to, state = tmp_path / name, tmp_path / "out.safetensors", official()
    WRITERS[name](state, source)
    told = import_weights(paths, "net", source, to, size=32)
    assert "wrote " in told
    assert f"4 tensors of net at 32 pixels, made from the 5 of {name}" in told
    back = restored(paths.root, "net", to, 32).state_dict()
    assert all(value.dtype == torch.float32 for value in back.values())
    for key, value in state.items():
        if key != "fc.weight":
            expected = value.half().float() if name == "half.bin" else value
            assert torch.equal(back[key.replace("body", "network")], expected), key


def test_the_file_says_where_it_is_from(paths: Paths, tmp_path: Path) -> None:
    torch.save(official(), tmp_path / "a.pth")
    import_weights(paths, "net", tmp_path / "a.pth", tmp_path / "out", size=48)
    with safe_open(tmp_path / "out", "pt") as file:
        told = file.metadata()
        assert "network.0.weight" in file.keys()  # noqa: SIM118  # frozen, and in it all the same
    assert json.loads(told["imported"])["file"] == "a.pth"
    origin = json.loads(told["mixseg"])
    assert (origin["size"], origin["pretrained"]) == (48, False)
    assert len(origin["frozen"]) == 64


def test_the_command_and_a_prediction_with_its_file(paths: Paths, tmp_path: Path) -> None:
    torch.save(official(), tmp_path / "a.pth")
    done = mixseg(paths.root, "import-weights", "net", str(tmp_path / "a.pth"), "--size", "32")
    assert done.returncode == 0, done.stderr
    assert "wrote weights/imported/net.safetensors: 4 tensors of net" in done.stdout
    assert "--weights weights/imported/net.safetensors --images" in done.stdout
    (tmp_path / "images").mkdir()
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "images" / "one.png")
    words = ("predict", "--method", "net", "--weights", "weights/imported/net.safetensors",
             "--images", str(tmp_path / "images"), "--out", str(tmp_path / "out"),
             "--device", "cpu")  # fmt: skip
    done = mixseg(paths.root, *words)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 images segmented at 32 px" in done.stdout


class Bomb:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


BAD = {
    "no-file.pth": (lambda path: None, MissingDataError, "no file"),
    "a.txt": (lambda path: path.write_text("x"), StoreError, r"unreadable .*begins with b'x'"),
    "empty.pth": (lambda path: path.write_bytes(b""), StoreError, "unreadable"),
    "text.pth": (lambda path: path.write_text("no weights"), StoreError, "unreadable"),
    "text.npz": (lambda path: path.write_text("no weights"), StoreError, "unreadable"),
    "text.safetensors": (lambda path: path.write_text("none"), StoreError, "unreadable"),
    "code.pth": (
        lambda path: torch.save({"a": Bomb(path.with_name("bombed"))}, path),
        StoreError, r"the global builtins\.getattr, which is not read",
    ),
    "code.pt": (
        lambda path: path.write_bytes(pickle.dumps(Bomb(path.with_name("bombed")), 2)),
        StoreError, r"the global builtins\.getattr, which is not read",
    ),
    "objects.npz": (
        lambda path: np.savez(path, a=np.array([Bomb(path.with_name("bombed"))], object)),
        StoreError, "unreadable .*allow_pickle",
    ),
    "list.pth": (lambda path: torch.save([torch.ones(2)], path), StoreError, "a list"),
    "tensor.pth": (lambda path: torch.save(torch.ones(2), path), StoreError, "a Tensor"),
    "nothing.pth": (lambda path: torch.save({}, path), StoreError, "nothing, expected a dict"),
    "numbers.pth": (
        lambda path: torch.save({"epoch": 3}, path), StoreError, r"no tensor among epoch \(int\)",
    ),
    "whole.pth": (
        lambda path: torch.save({"model": torch.nn.Linear(1, 1)}, path), StoreError,
        r"a whole pickled model \(torch\.nn\.modules\.linear\.Linear, under model\).*"
        r"torch\.save\(torch\.load\('whole\.pth'.*\)\['model'\]\.state_dict\(\)",
    ),
    "nan.pth": (
        lambda path: torch.save(
            {"net": {**official(), "body.2.bias": torch.tensor([np.nan])}}, path
        ),
        StoreError, r"nan\.pth \(under net\): NaN or .* in 1 of 4 tensors: network\.2\.bias \(1 ",
    ),
    "inf.pth": (
        lambda path: torch.save({**official(), "body.2.bias": torch.tensor([-np.inf])}, path),
        StoreError, r"infinite values in 1 of 4 tensors: network\.2\.bias",
    ),
    "keys.pth": (lambda path: torch.save({0: torch.ones(2)}, path), StoreError, r"0 \(Tensor\)"),
    "names.npz": (lambda path: np.savez(path, a=np.array(["x"])), StoreError, "unreadable"),
    "missing.pth": (
        lambda path: torch.save({k: v for k, v in official().items() if "bias" not in k}, path),
        MethodError, r"missing: network\.0\.bias, network\.2\.bias \(2\)",
    ),
    "more.pth": (
        lambda path: torch.save({**official(), "head.weight": torch.ones(1)}, path),
        MethodError, r"left over: network\.head\.weight \(1\)",
    ),
    "prefix.pth": (
        lambda path: torch.save({"state_dict": {
            f"model.{k}": v for k, v in official().items() if k != "body.2.bias"}}, path),
        MethodError, r"prefix\.pth \(under state_dict, without the prefix model\.\), as net at 32 "
        r"pixels: missing: network\.2\.bias \(1\), expected",
    ),
    "shape.pth": (
        lambda path: torch.save({**official(), "body.0.bias": torch.ones(5)}, path),
        MethodError, r"network\.0\.bias \(5,\) for \(4,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_nothing_is_written(
    paths: Paths, tmp_path: Path, name: str
) -> None:
    write, error, says = BAD[name]
    source, to = tmp_path / name, tmp_path / "deep" / "out.safetensors"
    write(source)
    with pytest.raises(error, match=says) as raised:
        import_weights(paths, "net", source, to, size=32)
    assert name in str(raised.value)
    assert not to.parent.exists()
    assert not (tmp_path / "bombed").exists()


def test_the_bomb_is_live(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "bombed")))
    assert (tmp_path / "bombed").exists()


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_file_that_was_cut_short(tmp_path: Path, name: str, share: float) -> None:
    WRITERS[name](official(), tmp_path / name)
    cut(tmp_path / name, share)
    with pytest.raises(StoreError, match="unreadable"):
        read_tensors(tmp_path / name)


def test_a_key_that_the_map_looks_for(project: Paths, tmp_path: Path) -> None:
    write_plugin(project.root, "baselines/asks", method("asks", more=ASKS))
    torch.save(official(), tmp_path / "a.pth")
    with pytest.raises(MethodError, match=r"plugin\.py:\d+.*KeyError 'stem.weight'.*body\.0\.wei"):
        import_weights(project, "asks", tmp_path / "a.pth", tmp_path / "out")


def test_a_method_without_official_weights(project: Paths, tmp_path: Path) -> None:
    torch.save(official(), tmp_path / "a.pth")
    with pytest.raises(MethodError, match="no map from official weights"):
        import_weights(project, "small", tmp_path / "a.pth")
    with pytest.raises(MethodError, match=r"Did you mean 'small'\?"):
        import_weights(project, "smalls", tmp_path / "a.pth")
    assert method_entry(project.root, "small").card.name == "small"


def test_it_does_not_write_over_what_it_reads(paths: Paths, tmp_path: Path) -> None:
    torch.save(official(), tmp_path / "a.pth")
    before = (tmp_path / "a.pth").read_bytes()
    for to in (tmp_path / "a.pth", tmp_path):
        with pytest.raises(ParamsError, match="a new file"):
            import_weights(paths, "net", tmp_path / "a.pth", to)
    assert (tmp_path / "a.pth").read_bytes() == before


def test_nan_in_what_the_method_does_not_take(paths: Paths, tmp_path: Path) -> None:
    torch.save({**official(), "fc.weight": torch.tensor([np.nan])}, tmp_path / "a.pth")
    assert "4 tensors" in import_weights(paths, "net", tmp_path / "a.pth", tmp_path / "out")


def test_what_is_passed_over_is_told(paths: Paths, tmp_path: Path) -> None:
    saved = {"net": {**official(), "total_ops": torch.zeros(1)}, "epoch": 3}
    torch.save(saved, tmp_path / "a.pth")
    told = import_weights(paths, "net", tmp_path / "a.pth", tmp_path / "out").splitlines()
    assert told[0].endswith("made from the 5 of a.pth (under net)")
    assert told[1] == "not read, as no part of the network: epoch, total_ops (2)"


def test_an_official_state_whose_names_all_begin_so_is_left_as_it_is(
    project: Paths, tmp_path: Path
) -> None:
    """The map of a method comes first; names are taken off only where it does not fit."""
    own = OFFICIAL.replace("body.", "model.net.")
    write_plugin(project.root, "baselines/own", method("own", more=own))
    state = {k.replace("body", "model.net"): v for k, v in official().items() if "fc" not in k}
    torch.save(state, tmp_path / "a.pth")
    told = import_weights(project, "own", tmp_path / "a.pth", tmp_path / "out", size=32)
    assert "prefix" not in told
    back = restored(project.root, "own", tmp_path / "out", 32).state_dict()
    assert torch.equal(back["network.0.bias"], state["model.net.0.bias"])


PRETRAINED = """
def load_pretrained(self, weights):
    own = self.network[0].state_dict()
    self.network[0].load_state_dict({**own, **weights.read("stem")})
"""


@pytest.mark.parametrize("here", [True, False])
def test_the_frozen_part_that_a_file_leaves_out_is_had_again(
    project: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    monkeypatch.setenv("MIXSEG_WEIGHTS", str(tmp_path / "weights"))
    stems = [{"name": "stem", "files": ["stem.pth"], "licence": "MIT"}]
    source = method("net", init=FREEZE, more=OFFICIAL + PRETRAINED, weights=stems)
    write_plugin(project.root, "baselines/net", source)
    state = official()
    stem = {key: state.pop(f"body.0.{key}") for key in ("weight", "bias")}
    torch.save(state, tmp_path / "a.pth")
    (tmp_path / "weights").mkdir()
    if not here:
        with pytest.raises(MissingDataError, match=r"none of stem\.pth in .*weights"):
            import_weights(project, "net", tmp_path / "a.pth", tmp_path / "out", size=32)
        assert not (tmp_path / "out").exists()
        return
    torch.save(stem, tmp_path / "weights" / "stem.pth")
    told = import_weights(project, "net", tmp_path / "a.pth", tmp_path / "out", size=32)
    digest = sha256_file(tmp_path / "weights" / "stem.pth")
    assert "2 tensors of net at 32 pixels, made from the 3 of a.pth" in told
    assert f"the frozen ones, which it does not hold, from stem ({digest[:16]})" in told
    back = restored(project.root, "net", tmp_path / "out", 32).state_dict()
    assert torch.equal(back["network.0.weight"], stem["weight"])
    assert torch.equal(back["network.2.bias"], state["body.2.bias"])
    with safe_open(tmp_path / "out", "pt") as file:
        assert json.loads(file.metadata()["imported"])["pretrained"] == {"stem": digest}


def test_a_file_that_holds_some_frozen_weights_must_hold_all(paths: Paths, tmp_path: Path) -> None:
    torch.save({k: v for k, v in official().items() if k != "body.0.bias"}, tmp_path / "a.pth")
    with pytest.raises(MethodError, match=r"missing: network\.0\.bias \(1\)"):
        import_weights(paths, "net", tmp_path / "a.pth", tmp_path / "out", size=32)
