"""The whole way on real images with real weights: a few dozen pictures of four modalities."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from support import PARAMS, ROOT, mixseg

from benchmark.core.files import write_json
from benchmark.data.manifest import sealed

DATA = Path(os.environ.get("MIXSEG_REAL_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = Path(os.environ.get("MIXSEG_REAL_WEIGHTS", ROOT.parent / "shared" / "weights"))
METHOD = "unet-resnet50"
KEPT = {"train": 10, "val": 0, "test": 4}  # cases a dataset

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real images in {DATA}"),
    pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"no pretrained weights in {WEIGHTS}"),
]


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A project whose mix is `open`, prepared at 64 pixels from the real images, then cut short."""
    text = PARAMS.replace("drawn: {train: 8, test: 2, seed: 0}", "drawn: null")
    drawn = "phantom-fundus, phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy"
    for old, new in (
        (drawn, "drishti-gs, kvasir-seg, busi, isic2017-open"),
        ("tiny:", "few:"), ("size: 32", "size: 64"), ("seeds: [0, 1]", "seeds: [0]"),
        ("weights: random", "weights: pretrained"), ("lr: 0.01", "lr: 0.0005"),
        ("epochs: 3", "epochs: 4"), ("at_most: null", "at_most: 14"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "params.yaml").write_text(text)
    ours, theirs = tmp_path / "baselines", ROOT / "baselines"
    (ours / "unet").mkdir(parents=True)
    shutil.copytree(theirs / "_shared", ours / "_shared")
    shutil.copy(theirs / "unet" / "plugin.py", ours / "unet")
    declared = yaml.safe_load((theirs / "unet" / "method.yaml").read_text())
    declared["rows"] = {METHOD: declared["rows"][METHOD]}
    (ours / "unet" / "method.yaml").write_text(yaml.safe_dump(declared))
    go(tmp_path, "sync")
    go(tmp_path, "data", "--from", str(DATA), "--mix", "few")
    go(tmp_path, "prepare", "--mix", "few")
    cut(tmp_path / "data" / "prepared" / "few")
    return tmp_path


def go(root: Path, *words: str) -> str:
    done = mixseg(root, *words, MIXSEG_WEIGHTS=str(WEIGHTS))
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def cut(prepared: Path) -> None:
    """Keeps a few cases of each dataset and split."""
    manifest = json.loads((prepared / "manifest.json").read_text())
    assert {name: about["test"] for name, about in manifest["datasets"].items()} == {
        "drishti-gs": 51, "kvasir-seg": 100, "busi": 100, "isic2017-open": 150,
    }  # fmt: skip
    for name in manifest["datasets"]:
        folder = prepared / name
        table = pd.read_csv(folder / "cases.csv", dtype=str)
        rows = np.concatenate(
            [np.flatnonzero(table["split"] == split)[:count] for split, count in KEPT.items()]
        )
        table.iloc[rows].to_csv(folder / "cases.csv", index=False)
        for array in ("images.npy", "masks.npy"):
            np.save(folder / array, np.load(folder / array)[rows])
    write_json(prepared / "manifest.json", sealed(manifest, prepared))


def test_the_whole_way(few: Path) -> None:
    run = ("run", "--method", METHOD, "--mix", "few", "--seed", "0")
    assert go(few, *run).endswith("done\n")
    results = few / "results" / "few" / "main" / METHOD / "seed-0"
    record = json.loads((results / "run.json").read_text())
    assert record["initialisation"] == "pretrained"
    assert list(record["weights"]) == ["resnet50.imagenet"]
    assert record["data"]["train"] == 4 * KEPT["train"]
    scores = pd.read_csv(results / "scores.csv")
    assert len(scores) == 4 * KEPT["test"]
    assert set(scores["modality"]) == {"fundus", "colonoscopy", "ultrasound", "dermoscopy"}
    history = pd.read_csv(results / "history.csv")
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    go(few, "leaks", "--mix", "few")
    go(few, "report", "--mix", "few")
    assert "U-Net (ResNet-50)" in (few / "reports" / "few" / "index.html").read_text()

    photos = few / "photos"
    photos.mkdir()
    for path in sorted((DATA / "BUSI" / "images").iterdir())[:3]:
        shutil.copy(path, photos)
    weights = few / "artefacts" / "few" / METHOD / "seed-0" / "weights.safetensors"
    go(few, "predict", "--method", METHOD, "--images", str(photos), "--out", str(few / "out"),
       "--weights", str(weights), "--size", "64")  # fmt: skip
    assert len(list((few / "out").glob("*_overlay.png"))) == 3
