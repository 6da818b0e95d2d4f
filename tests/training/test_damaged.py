"""One bit changed in each kept file of a run: the commands that read it stop and name it."""

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support import make_project, mixseg, start
from torch import Tensor, nn
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.core.digests import digest_of
from benchmark.core.errors import MixSegError, StoreError
from benchmark.core.files import Paths
from benchmark.core.recorded import listed
from benchmark.training.checkpoint import load_checkpoint, save_checkpoint
from benchmark.training.weights_file import Origin, read_learnt, write_tensors

WORDS = ("run", "--method", "small", "--mix", "tiny", "--seed", "0")
RUN = "main/small/seed-0/run.json"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run."""
    root = tmp_path_factory.mktemp("trained")
    make_project(root)
    for words in (("sync",), WORDS):
        done = mixseg(root, *words)
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def paths(trained: Path, tmp_path: Path) -> Paths:
    shutil.copytree(trained, tmp_path / "copy")  # hard links to the store become copies
    return Paths(tmp_path / "copy")


def results(paths: Paths) -> Path:
    return paths.run("tiny", "main", "small", 0)


def artefacts(paths: Paths) -> Path:
    return paths.artefacts("tiny", "small", 0)


def flip(path: Path, at: int = -9) -> tuple[str, str]:
    """Changes one bit; the digest before and after."""
    before, data = digest_of(path), bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    return before, digest_of(path)


def all_files(paths: Paths) -> dict[Path, bytes]:
    folders = (paths.root / "results", paths.root / "artefacts")
    return {p: p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}


def stops(monkeypatch: pytest.MonkeyPatch, paths: Paths, *words: str) -> str:
    """What a command says that stops and leaves every file as it was."""
    before = all_files(paths)
    monkeypatch.chdir(paths.root)
    done = CliRunner().invoke(app, list(words))
    assert isinstance(done.exception, MixSegError), done.output
    assert all_files(paths) == before
    return str(done.exception)


def test_a_run_lists_its_files_and_its_record_is_listed(trained: Path) -> None:
    paths = Paths(trained)
    record = json.loads((results(paths) / "run.json").read_text())
    for name, sha256 in record["files"].items():
        folder = results(paths) if name.endswith(".csv") else artefacts(paths)
        assert digest_of(folder / name) == sha256
    assert listed(paths.results("tiny")) == {RUN: digest_of(results(paths) / "run.json")}


@pytest.mark.parametrize(
    ("source", "name", "way_out"),
    [
        ("weights", "weights.safetensors", "mixseg pull tiny --weights"),
        ("maps", "probs.npz", "--start-from weights"),
    ],
)
def test_score_stops_at_damaged_weights_or_maps(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, source: str, name: str, way_out: str
) -> None:
    path = artefacts(paths) / name
    before, after = flip(path)
    said = stops(monkeypatch, paths, "score", "--mix", "tiny", "--start-from", source)
    assert said.startswith(f"{path}: edited since it was written")
    assert before[:16] in said
    assert after[:16] in said
    assert way_out in said


def test_damaged_maps_are_made_again_from_weights_and_listed(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = flip(artefacts(paths) / "probs.npz")
    monkeypatch.chdir(paths.root)
    done = CliRunner().invoke(app, ["score", "--mix", "tiny", "--start-from", "weights"])
    assert done.exit_code == 0, done.output
    assert digest_of(artefacts(paths) / "probs.npz") == before
    assert listed(paths.results("tiny")) == {RUN: digest_of(results(paths) / "run.json")}


def test_score_does_not_take_over_an_edited_record(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = results(paths) / "run.json"
    path.write_text(path.read_text().replace('"total": 313', '"total": 113'))
    said = stops(monkeypatch, paths, "score", "--mix", "tiny")
    assert said.startswith(f"{path}: edited since it was written")
    assert f"delete {path.parent}" in said


def test_run_does_not_take_over_an_edited_record_and_the_store_has_the_right_one(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = results(paths) / "run.json"
    right = path.read_bytes()
    path.write_bytes(right.replace(b'"total": 313', b'"total": 113'))
    done = mixseg(paths.root, *WORDS)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == right
    path.write_bytes(right.replace(b'"total": 313', b'"total": 113'))
    shutil.rmtree(paths.store)
    said = stops(monkeypatch, paths, *WORDS)
    assert said.startswith(f"{path}: edited since it was written")


def test_an_edited_history_stays_marked_when_the_run_is_adopted(paths: Paths) -> None:
    path = results(paths) / "history.csv"
    before, _ = flip(path)
    shutil.rmtree(paths.store)
    assert mixseg(paths.root, *WORDS).returncode == 0
    record = json.loads((results(paths) / "run.json").read_text())
    assert record["files"]["history.csv"] == before
    assert digest_of(path) != before


@pytest.mark.parametrize("name", ["record.json", "history.csv", "scores.csv"])
def test_a_damaged_file_of_the_store_is_named(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = next(paths.store.glob(f"*/{name}"))
    before, after = flip(path)
    said = stops(monkeypatch, paths, *WORDS)
    assert said.startswith(f"{path}: not what was written, its digest is {after[:16]}")
    assert before[:16] in said


def test_predict_stops_at_damaged_weights(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    images = paths.root / "images"
    images.mkdir()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(images / "a.png")
    path = artefacts(paths) / "weights.safetensors"
    words = ("predict", "--method", "small", "--images", str(images), "--out",
             str(paths.root / "out"), "--weights", str(path), "--device", "cpu")  # fmt: skip
    flip(path)
    said = stops(monkeypatch, paths, *words)
    assert re.match(rf"{re.escape(str(path))}: damaged: its content has digest \w+, expected", said)
    assert not (paths.root / "out").exists()


def test_a_damaged_checkpoint_stops_the_run_and_restart_helps(paths: Paths) -> None:
    shutil.rmtree(paths.store)
    shutil.rmtree(paths.root / "results")
    shutil.rmtree(paths.root / "artefacts")
    params = paths.root / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 3", "epochs: 400"))
    process = start(paths.root, *WORDS)
    while process.poll() is None and not list(paths.store.glob("*/checkpoint.pt")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    path = next(paths.store.glob("*/checkpoint.pt"))
    data, state = path.read_bytes(), torch.load(path, weights_only=True)
    at = data.find(state["method"]["network.1.running_var"].numpy().tobytes())
    assert at > 0
    flip(path, at)
    done = mixseg(paths.root, *WORDS)
    assert done.returncode == 1
    assert re.search(r"checkpoint\.pt: damaged: \S+ has CRC-32 \w{8}, expected \w{8}", done.stderr)
    assert "--restart" in done.stderr
    params.write_text(params.read_text().replace("epochs: 400", "epochs: 3"))
    assert mixseg(paths.root, *WORDS, "--restart").returncode == 0


# ---- bit by bit


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def noticed(path: Path, read: Callable[[], object], bits: int) -> int:
    """How many of some single changed bits are noticed; the others must change no value."""
    data, right, found = path.read_bytes(), read(), 0
    rng = random.Random(0)
    for bit in rng.sample(range(8 * len(data)), bits):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert same(read(), right), f"bit {bit} passed silently"
        except MixSegError:
            found += 1
    return found


def test_no_bit_of_a_checkpoint_changes_a_value_silently(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3, 4, 4)).sum().backward()
    optimiser.step()
    state = {"identity": "a" * 64, "step": 3, "method": network.state_dict(), "seconds": 1.5,
             "optimiser": optimiser.state_dict(), "history": [{"loss": 0.25}]}  # fmt: skip
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, state)
    # the rest are bits of padding and of what no reader looks at
    assert noticed(path, lambda: load_checkpoint(path, "a" * 64), 400) > 200


def test_every_bit_of_weights_is_noticed(tmp_path: Path) -> None:
    def build(size: int, arguments: object) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    path = tmp_path / "weights.safetensors"
    write_tensors(path, build(0, None).state_dict(), Origin(32, seed=3, pretrained=False))

    def read() -> dict[str, Tensor]:
        return read_learnt(path, build, 32, None).state_dict()  # type: ignore[arg-type]

    assert noticed(path, read, 600) == 600


def test_weights_of_earlier_files_have_no_digest_and_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    network = nn.Linear(2, 1)
    write_tensors(path, network.state_dict(), Origin(32, seed=3, pretrained=False))
    data = path.read_bytes()
    sha256 = Origin.of(path).content.encode()
    start, old = data.find(b', \\"content\\"'), b', \\"content\\": \\"' + sha256 + b'\\"'
    path.write_bytes(data[:start] + b" " * len(old) + data[start + len(old) :])
    assert Origin.of(path).content == ""
    back = read_learnt(path, lambda size, arguments: nn.Linear(2, 1), 32, None)  # type: ignore
    assert torch.equal(back.weight, load_file(path)["weight"])
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(StoreError):
        read_learnt(path, lambda size, arguments: nn.Linear(2, 1), 32, None)  # type: ignore
