"""`predict --heatmap`: a picture beside the overlay, and what happens without a layer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.core.progress import Silent
from benchmark.evaluation.overlays import warmed
from benchmark.runs.folder import predict_folder


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_heatmap_lies_beside_the_overlay_at_the_image_s_size(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.new("RGB", (60, 40), (10, 200, 10)).save(folder / "a.png")

    def left(batch: np.ndarray) -> np.ndarray:
        heat = np.zeros(batch.shape[:3], np.float32)
        heat[:, :, : heat.shape[2] // 2] = 1
        return heat

    predict_folder(lambda b: np.zeros(b.shape[:3]), folder, out, 32, Silent(), heat=left)
    assert {path.name for path in out.iterdir()} == {
        "a_mask.png", "a_prob.png", "a_overlay.png", "a_heatmap.png", "summary.csv",
    }  # fmt: skip
    picture = read(out / "a_heatmap.png")
    assert picture.shape == (40, 60, 3)
    assert (picture[:, 40:] == (10, 200, 10)).all()  # 0: the picture itself
    # 1: a quarter of the picture and three of the last colour of the map, (252, 255, 164).
    assert (picture[:, :20] == (192, 241, 126)).all()
    assert (read(out / "a_overlay.png") == (10, 200, 10)).all()
    assert list(pd.read_csv(out / "summary.csv")["heatmap_inside"]) == [0.0]  # no mask at all

    def upper(batch: np.ndarray) -> np.ndarray:
        prob = np.zeros(batch.shape[:3])
        prob[:, : prob.shape[1] // 4] = 1
        return prob

    summary = predict_folder(upper, folder, tmp_path / "upper", 32, Silent(), heat=left)
    assert list(summary["heatmap_inside"]) == [0.25]
    predict_folder(lambda b: np.zeros(b.shape[:3]), folder, tmp_path / "none", 32, Silent())
    assert not (tmp_path / "none" / "a_heatmap.png").exists()


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_bands_of_rows_give_what_the_whole_gives(rows: int) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (50, 30, 3), np.uint8))
    heat = rng.random((16, 16), np.float32)
    whole = np.asarray(warmed(picture, heat, 50)).astype(int)
    # Pillow places a band's samples by float32 corners, which may move a colour by a step.
    assert np.abs(np.asarray(warmed(picture, heat, rows)).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("declared", [True, False])
def test_the_command(tmp_path: Path, declared: bool) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS.replace("epochs: 3", "epochs: 1"))
    folder = tmp_path / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN)
    layers = "cam_layers: {decoder: network.2}\n" if declared else ""
    (folder / "method.yaml").write_text(layers + DECLARATION)
    make_prepared(tmp_path / "data" / "prepared" / "tiny")
    assert mixseg(tmp_path, "sync").returncode == 0
    run = mixseg(tmp_path, "run", "--method", "small", "--mix", "tiny", "--seed", "0")
    assert run.returncode == 0, run.stderr
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 40), (200, 10, 10)).save(tmp_path / "in" / "a.png")
    weights = "artefacts/tiny/small/seed-0/weights.safetensors"
    options = ("--images", "in", "--out", "out", "--weights", weights, "--heatmap")
    done = mixseg(tmp_path, "predict", "--method", "small", *options)
    if declared:
        assert done.returncode == 0, done.stderr
        assert read(tmp_path / "out" / "a_heatmap.png").shape == (40, 40, 3)
    else:
        assert done.returncode == 1
        assert "method 'small': cam_layers names nothing, expected a layer" in done.stderr
