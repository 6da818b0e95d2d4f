"""`predict` says how its maps are stored, and warns of weights that come from drawn images."""

import shutil
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from support import PARAMS
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.core.digests import digest_of
from benchmark.core.files import Paths, write_json
from benchmark.methods.discover import method_entry
from benchmark.methods.sync import sync
from benchmark.training.weights_file import Origin, write_learnt

WARNING = "these weights come from drawn images (Tiny)"


@pytest.fixture
def trained(project: Paths, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A project with weights of `small`, a record that lists them, and one image."""
    root = project.root
    sync(root, None)
    weights = project.artefacts("tiny", "small", 0) / "weights.safetensors"
    write(root, weights, seed=0)
    write(root, root / "other.safetensors", seed=1)
    shutil.copy(weights, root / "copy.safetensors")
    record = {"files": {weights.name: digest_of(weights)}}
    write_json(project.run("tiny", "main", "small", 0) / "run.json", record)
    (root / "in").mkdir()
    Image.new("RGB", (40, 40), (200, 10, 10)).save(root / "in" / "a.png")
    monkeypatch.chdir(root)
    return project


def write(root: Path, file: Path, *, seed: int) -> None:
    """Weights of an untrained `small`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    method = method_entry(root, "small").build(32, None)
    write_learnt(file, method, Origin(size=32, seed=seed, pretrained=False))


def predict(weights: str) -> Result:
    words = ("predict", "--method", "small", "--images", "in", "--out", "out", "--weights", weights)
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_weights_from_drawn_images_are_named_under_any_name(trained: Paths) -> None:
    done = predict("copy.safetensors")
    assert done.stderr.count("WARNING") == 1
    assert f"copy.safetensors: {WARNING}" in done.stderr


def test_weights_that_no_run_here_learnt_bring_no_warning(trained: Paths) -> None:
    assert "WARNING" not in predict("other.safetensors").stderr


def test_weights_from_real_images_bring_no_warning(trained: Paths) -> None:
    drawn, files = "drawn: {train: 8, test: 2, seed: 0}", "drawn: null"
    assert drawn in PARAMS
    (trained.root / "params.yaml").write_text(PARAMS.replace(drawn, files))
    assert "WARNING" not in predict("copy.safetensors").stderr


def test_it_says_how_a_map_is_stored(trained: Paths) -> None:
    assert "NAME_prob.png has 16 bits: the probability is the value divided by 65535" in (
        predict("copy.safetensors").stdout
    )
    with Image.open("out/a_prob.png") as picture:
        assert picture.mode == "I;16"
