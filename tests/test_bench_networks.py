"""`mixseg bench networks`: what is measured once, what a bound says, what fails alone.

The official code of a small project is made here: one slow, one fast, one broken, one missing.
"""

import csv
from pathlib import Path

import pytest
from made_plugins import method, write_plugin
from support import ROOT, mixseg

from benchmark.core.errors import MethodError, ParamsError
from benchmark.core.files import Paths
from benchmark.core.progress import Silent
from benchmark.evaluation import cost
from benchmark.methods.discover import cards
from benchmark.speed import bench, official, timing
from benchmark.speed import networks as bench_networks

FAILS = "raise RuntimeError('no such map')"
DIES = "import os; os._exit(3)"


def with_methods(project: Paths) -> list[str]:
    """A variant before its base, one as released, one that fails, one that dies."""
    write_plugin(project.root, "baselines/aa", method("aa", base="whole"))
    write_plugin(project.root, "baselines/whole", method("whole"))
    write_plugin(project.root, "baselines/still", method("still", "self.a=1", recipe="as-released"))
    for name, line in (("fails", FAILS), ("dies", DIES)):
        predict = f"def predict(self, inputs):\n    {line}\n"
        layer = f"self.{name} = nn.Linear(1, 1)"
        write_plugin(project.root, f"baselines/{name}", method(name, init=layer, more=predict))
    done = mixseg(project.root, "sync")
    assert done.returncode == 0, done.stderr
    return bench_networks.first_of_each(cards(project.root))


def test_every_structure_once_and_failures_alone(project: Paths) -> None:
    # aa is a variant of another, and still, the next in the order of folders, stands for whole
    assert with_methods(project) == ["dies", "fails", "small", "still"]
    with pytest.raises(MethodError, match=r"Did you mean 'small'\?"):
        bench_networks.parts(project.root, "smalls")
    assert list(bench_networks.parts(project.root, "aa")) == ["aa"]
    dies = bench_networks.parts(project.root, "dies")["dies"]
    assert dies("cpu") == {"failed": "its process ended with 3"}
    told = bench.run(project.root, "networks", (False, "cpu"), Silent(), "fails")
    assert "fails  RuntimeError: no such map" in told


def test_the_numbers_of_a_network(project: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    with_methods(project)
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    monkeypatch.setattr(timing, "AT_LEAST", 1)
    for name in ("WARM_UP_S", "MOST_S"):
        monkeypatch.setattr(cost, name, 0.0)
    row = bench_networks._numbers(project.root, "small", "cpu")
    assert row["images/s"] == pytest.approx(2 / row["step s"])
    assert row["step MiB"] >= row["forward MiB"] >= 0
    assert 0 < row["forward s"] < row["step s"]  # two images, backward too
    still = bench_networks._numbers(project.root, "still", "cpu")
    assert still["step s"] == "-"
    assert list(still) == list(row)


@pytest.mark.parametrize(("bound", "said"), [(0.5, "yes"), (0.2, "yes"), (0.1, "NO"), (None, "-")])
def test_beside_its_bound(bound: float | None, said: str) -> None:
    row = bench_networks.beside({"forward s": 0.2, "step s": 1.0}, bound)
    assert list(row) == ["forward s", "bound s", "within", "step s"]
    assert (row["within"], row["bound s"]) == (said, bound or "-")


def test_bounds_are_of_methods_that_there_are() -> None:
    path = ROOT / bench_networks.BOUNDS
    bounds = bench_networks.read_bounds(path)
    assert len(bounds) > 10
    with path.open(encoding="utf-8", newline="") as file:
        assert all(row["measured_on"] for row in csv.DictReader(file))
    assert set(bounds) <= {card.name for card in cards(ROOT)}


def test_a_benchmark_without_methods_takes_none() -> None:
    with pytest.raises(ParamsError, match="no parts a method"):
        bench.run(ROOT, "data", (False, "cpu"), Silent(), "unet-resnet34")


ENTRIES = """
from importlib import import_module
from benchmark.speed.official import Official

def build(ours, size):
    net = import_module("lib.net").Net()
    return net, getattr(import_module("train"), "loss", None)

OFFICIAL = {n: Official(f"https://example.org/{n}", "1a2b3c4", build) for n in NAMES}
"""
# Wants a missing package, weights that are not there and a GPU, and prints.
NET = """
import time, torch, nowhere_config
from nowhere_metrics.binary import F1
from torch import nn
score, config = F1(3), nowhere_config.ConfigDict({{"width": 1}})
config.inner = nowhere_config.ConfigDict()
config.inner.size = config["width"]
print("loading")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(config.inner.size)).cuda()
        self.load_state_dict(torch.load("weights.pth"))
        state = torch.hub.load_state_dict_from_url("https://example.org/weights-0123abcd.pth")
        self.load_state_dict(state)

    def forward(self, image):
        {line}
        return image[:, :1] * self.scale
"""
OWN_LOSS = "from lib.net import Net\ndef loss(image, mask): return Net().cuda()(image).mean()"
CALLS_HOME = "import socket; socket.create_connection(('127.0.0.1', 9))"


def with_official_code(project: Paths, where: Path) -> None:
    names = ("slow", "fast", "broken", "missing")
    for name, line in zip(names, ("time.sleep(0.5)", "pass", CALLS_HOME), strict=False):
        (where / name / "lib").mkdir(parents=True)
        (where / name / "lib" / "net.py").write_text(NET.format(line=line))
        (where / name / "train.py").write_text(OWN_LOSS if name == "fast" else "")
    for name in names:
        write_plugin(project.root, f"baselines/{name}", method(name))
    code = ENTRIES.replace("NAMES", repr(names))
    (project.root / "baselines" / "official_code.py").write_text(code)
    assert mixseg(project.root, "sync").returncode == 0


def test_in_turns_with_official_code(
    project: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_official_code(project, tmp_path)
    monkeypatch.setattr(official, "SECONDS", 0.0)
    rows = {name: row("cpu") for name, row in official.parts(project.root, tmp_path, None).items()}
    slow, fast = rows["slow"], rows["fast"]
    assert slow["times"] == pytest.approx(slow["official, s"] / slow["ours, s"])
    assert (slow["as fast"], slow["loss"]) == ("yes", "ours on both")
    assert slow["official, s"] > 0.5
    assert (fast["as fast"], fast["loss"]) == ("NO", "their own")
    assert fast["not installed"] == "nowhere_config, nowhere_metrics"
    assert "may not connect" in rows["broken"]["failed"]
    told = bench.run(
        project.root, "networks", (False, "auto"), Silent(), "missing", official=tmp_path
    )
    assert "2 threads" in told
    assert f"no folder missing in {tmp_path}: git clone https://example.org/missing" in told
    with pytest.raises(ParamsError, match="one of slow, fast, broken, missing"):
        official.parts(project.root, tmp_path, "small")


def test_official_code_is_of_methods_that_there_are() -> None:
    code = {card.name: card.code for card in cards(ROOT)}
    assert len(official.entries(ROOT)) > 5
    for name, entry in official.entries(ROOT).items():
        assert entry.url == code[name]
    with pytest.raises(ParamsError, match="Only `networks`"):
        bench.run(ROOT, "data", (False, "cpu"), Silent(), official=ROOT)
