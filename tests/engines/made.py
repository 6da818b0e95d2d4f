"""A made project whose runs take some seconds, and the same runs as one process makes them."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.runs.execute import look_up
from benchmark.runs.identity import RunSpec
from benchmark.runs.store import RunDirectory, run_directory

ALL = ("run", "--all", "--mix", "tiny")
SAME = ("weights.safetensors", "probs.npz", "scores.csv")
CLOCKS = ["seconds", "images_per_s"]  # of the history; no two trainings take the same time
STEP = 20  # of 480, at which a run waits as long as the file of `hold_of` is there
SLOW = PLUGIN.replace(
    "from torch import", "import time\nfrom pathlib import Path\n\nfrom torch import"
)
SLOW = SLOW.replace(
    "        return self.network",
    f"""\
        self.calls = getattr(self, "calls", 0) + 1
        while self.calls == {STEP} and Path("HOLD").exists():
            time.sleep(0.05)
        return self.network""",
)
TOOLS = Path(os.environ.get("MIXSEG_TOOLS", Path(__file__).parents[3] / "shared" / "tools"))


def make_project(root: Path, epochs: int = 60) -> Paths:
    """params.yaml, the method `small` and the prepared mix `tiny`; an epoch has 8 steps."""
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    text = PARAMS.replace("epochs: 3", f"epochs: {epochs}")
    (root / "params.yaml").write_text(text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    (folder / "plugin.py").write_text(SLOW.replace("HOLD", str(hold_of(Paths(root)))))
    (folder / "method.yaml").write_text(DECLARATION)
    make_prepared(root / "data" / "prepared" / "tiny")
    done = mixseg(root, "sync")
    assert done.returncode == 0, done.stderr
    return Paths(root)


def hold_of(whole: Paths) -> Path:
    """The file at which the runs of a made project, and of its copies, wait."""
    return whole.root.parent / "hold"


def uninterrupted(project: Paths) -> Paths:
    """The same project, with its three runs as one process makes them on this machine."""
    words = ("run", "--method", "small", "--mix", "tiny", "--threads", "1", "--device", "cpu")
    done = mixseg(project.root, *words)
    assert done.returncode == 0, done.stderr
    return project


def copy_of(whole: Paths, root: Path) -> Paths:
    """The same project with the run of seed 2 alone: nothing may train that again."""
    shutil.copytree(whole.root, root, ignore=shutil.ignore_patterns("work", "seed-0", "seed-1"))
    return Paths(root)


def assert_same(one: Paths, other: Paths, seed: int) -> None:
    """Weights, maps and scores are the same bytes; so is the history, less its clocks."""
    folders = [
        (paths.artefacts("tiny", "small", seed), paths.run("tiny", "main", "small", seed))
        for paths in (one, other)
    ]
    for name in SAME:
        bytes_of = [
            next(path for folder in pair if (path := folder / name).is_file()).read_bytes()
            for pair in folders
        ]
        assert bytes_of[0] == bytes_of[1], name
    histories = [pd.read_csv(pair[1] / "history.csv", dtype=str) for pair in folders]
    pd.testing.assert_frame_equal(*(each.drop(columns=CLOCKS) for each in histories))


def directory(project: Paths, seed: int) -> RunDirectory:
    """The folder of a run in the store."""
    plan = look_up(project, load_params(project.root), RunSpec("small", "tiny", seed))
    return run_directory(project.store, plan.identity.run)


def wait_until(true: Callable[[], object], seconds: float = 300) -> None:
    """Waits for something, and fails if it does not come."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)
