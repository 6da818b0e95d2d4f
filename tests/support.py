"""What tests share: a small project, and the command in a process of its own."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from fork_server import write_scripts

from benchmark.core.files import Paths, write_json
from benchmark.core.params import Params
from benchmark.data.manifest import sealed

if TYPE_CHECKING:
    from benchmark.methods.method import Method

ROOT = Path(__file__).parents[1]
SIZE, TRAIN, VAL, TEST = 32, 7, 1, 2
MODALITIES = ("fundus", "colonoscopy", "ultrasound", "dermoscopy")

PARAMS = """\
focus: small
threshold: 0.5
resamples: 200
mixes:
  tiny:
    title: Tiny
    size: 32
    drawn: {train: 8, test: 2, seed: 0}
    at_most: null
    train: [phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy]
    test: [phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy]
    seeds: [0, 1]
    weights: random
    recipe: {epochs: 3, batch: 4, accumulate: 1, optimiser: adamw, lr: 0.01, lr_end: 0.000001,
             momentum: 0.9, weight_decay: 0.01, schedule: cosine, warmup: 0, clip: 0.0,
             scales: [1.0], nesterov: false, step_epochs: 1, step_gamma: 0.5, clip_value: 0.0,
             hflip: 0.5, vflip: 0.5, rotation_deg: 5.0}
"""

PLUGIN = '''\
"""A small network with everything that has a state: batch normalisation and dropout."""

from torch import Tensor, nn

from benchmark.methods.method import Method


class Small(Method):
    """Two convolutions."""

    def __init__(self, size: int = 352) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.1),
            nn.Conv2d(8, 1, 3, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)
'''
DECLARATION = """\
source: tests
licence: Apache-2.0
rows:
  small: {title: Small}
"""


def make_project(root: Path) -> Paths:
    """params.yaml, baselines/small and the prepared mix `tiny` below a root."""
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS)
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "method.yaml").write_text(DECLARATION)
    make_prepared(root / "data" / "prepared" / "tiny")
    return Paths(root)


def make_synced(root: Path) -> Paths:
    """The same, synced; `mixseg sync` runs once for all of a process."""
    return Paths(Path(shutil.copytree(_synced(), root, dirs_exist_ok=True)))


@cache
def _synced() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="synced-"))
    atexit.register(shutil.rmtree, folder)
    made = make_project(folder / "project")
    done = mixseg(made.root, "sync")
    assert done.returncode == 0, done.stderr
    return made.root


def make_prepared(folder: Path) -> None:
    """A prepared mix of bright discs on noise."""
    request = Params.model_validate(yaml.safe_load(PARAMS)).mix("tiny").request()
    manifest = {"mix": folder.name, "request": request, "size": SIZE, "datasets": {}}
    for k, modality in enumerate(MODALITIES):
        rng, name = np.random.default_rng(k), f"phantom-{modality}"
        splits = ["train"] * TRAIN + ["val"] * VAL + ["test"] * TEST
        masks = np.stack([_disc(rng) for _ in splits])
        noise = rng.integers(0, 90, (*masks.shape, 3))
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "masks.npy", masks)
        np.save(folder / name / "images.npy", (noise + 120 * masks[..., None]).astype(np.uint8))
        rows = [
            f"{modality}-{i},{modality}-{i},{s},drawn,{k}{i:015x}" for i, s in enumerate(splits)
        ]
        (folder / name / "cases.csv").write_text(
            "\n".join(["case,group,split,source,digest", *rows, ""])
        )
        about = {"modality": modality, "role": "seen", "train": TRAIN, "val": VAL, "test": TEST}
        manifest["datasets"][name] = about
    write_json(folder / "manifest.json", sealed(manifest, folder))


def _disc(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    cy, cx = rng.uniform(10, 22, 2)
    return ((y - cy) ** 2 + (x - cx) ** 2 <= rng.uniform(4, 8) ** 2).astype(np.uint8)


def mixseg(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, on one thread."""
    return subprocess.run(
        [forked() / "mixseg", *words],
        cwd=root,
        text=True,
        capture_output=True,
        env=command_environment(**environment),
        timeout=300,
    )


@cache
def forked() -> Path:
    """The folder of `mixseg`, `dvc` and `python`, which start from one import of torch."""
    folder = Path(tempfile.mkdtemp(prefix="fork-server-"))
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("fork_server.py"), address], text=True,
        env=command_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(_end, server, folder)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    write_scripts(folder, address)
    return folder


def _end(server: subprocess.Popen[str], folder: Path) -> None:
    server.communicate()
    shutil.rmtree(folder)


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    """Starts the command as a terminal would: Ctrl-C reaches it even if these tests ignore it."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark", *words], cwd=root, text=True,
        env=command_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def command_environment(**more: str) -> dict[str, str]:
    """The environment of a command, with one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **more}


def build(name: str, size: int = 352, **arguments: object) -> "Method":
    """A method of this project by its row, with random weights.

    Args:
        arguments: in the place of those of the row.
    """
    from benchmark.methods.discover import method_entry

    entry = method_entry(ROOT, name)
    return entry.build(size, {**entry.card.arguments, **arguments})
