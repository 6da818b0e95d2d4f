"""Ctrl-C at every stage: one line, no half file, and the same command then goes on."""

import re
import signal
import time

import numpy as np
import pytest
from PIL import Image
from support import mixseg, start

from benchmark.core.files import Paths

STAGES = {
    "prepare": ("prepare", "--mix", "tiny"),
    "leaks": ("leaks", "--mix", "tiny"),
    "controls": ("controls", "--mix", "tiny"),
    "run": ("run", "--method", "small", "--mix", "tiny", "--seed", "0"),
    "score": ("score", "--mix", "tiny"),
    "tables": ("tables", "--mix", "tiny"),
    "report": ("report", "--mix", "tiny"),
    "run --all": ("run", "--all", "--mix", "tiny"),
    "predict": (
        "predict",
        "--method",
        "small",
        "--images",
        "photos",
        "--out",
        "out",
        "--weights",
        "artefacts/tiny/small/seed-0/weights.safetensors",
    ),
}


@pytest.fixture
def drawn(project: Paths) -> Paths:
    """The same project with a mix that takes every stage some time."""
    params = project.root / "params.yaml"
    text = re.sub("train: 8, test: 2", "train: 20, test: 6", params.read_text())
    params.write_text(text.replace("size: 32", "size: 64"))
    (project.root / "photos").mkdir()
    for k in range(24):
        noise = np.random.default_rng(k).integers(0, 255, (90, 120, 3), np.uint8)
        Image.fromarray(noise).save(project.root / "photos" / f"{k}.png")
    for words in (("sync",), *STAGES.values()):
        done = mixseg(project.root, *words)
        assert done.returncode == 0, (words, done.stderr)
    return project


@pytest.mark.slow  # a minute each; `test_run.py` and `test_files.py` interrupt at chosen points
@pytest.mark.parametrize("after", [0.6, 1.2])
def test_ctrl_c(drawn: Paths, after: float) -> None:
    interrupted = []
    for name, words in STAGES.items():
        if name.startswith("run"):
            for path in drawn.store.rglob("*"):
                path.unlink() if path.is_file() else None
        process = start(drawn.root, *words)
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=100)
        # -SIGINT: Ctrl-C came inside a C library's import, or when Python was already leaving.
        assert process.returncode in (0, 130, -signal.SIGINT), (name, said)
        # A library's destructor may still tell of the interruption; our code must not.
        assert "Traceback" not in said or "/benchmark/" not in said, (name, said)
        if process.returncode == 130:
            assert "interrupted; the same command goes on" in said, (name, said)
        if process.returncode:
            interrupted.append(name)
        assert not list(drawn.root.rglob("*.tmp")), name
        done = mixseg(drawn.root, *words)
        assert done.returncode == 0, (name, done.stderr)
    assert len(interrupted) >= 2, interrupted
