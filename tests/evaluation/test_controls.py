"""Controls: what arithmetic says of them comes out of the whole way through file and scoring."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmark.core.files import Paths
from benchmark.core.params import Params
from benchmark.core.progress import Silent
from benchmark.data.cases import load_cases
from benchmark.data.manifest import data_digest
from benchmark.evaluation.controls import CONTROLS, mean_mask, run_controls


@pytest.fixture
def scores(prepared):
    paths = Paths(prepared.parents[2])
    params = Params.model_construct(threshold=0.5)
    folders = run_controls("tiny", paths, params, Silent())
    assert folders == [paths.results("tiny") / "controls" / name / "seed-0" for name in CONTROLS]
    return {
        name: pd.read_csv(folder / "scores.csv")
        for name, folder in zip(CONTROLS, folders, strict=True)
    }


def test_oracle_is_right_everywhere(scores):
    frame = scores["oracle"]
    assert len(frame) == 7
    for column in ("dsc", "iou", "sensitivity", "precision"):
        assert (frame[column] == 1).all()
    assert (frame["mae"] == 0).all()
    found = frame[frame["foreground"] > 0]
    assert (found[["hd95_px", "assd_px"]] == 0).all(axis=None)


def test_empty_scores_nothing_but_the_empty_reference(scores):
    frame = scores["empty"]
    assert list(frame["dsc"]) == list((frame["foreground"] == 0).astype(float))
    assert np.allclose(frame["mae"], frame["foreground"], atol=1e-6)
    assert frame["hd95_px"].isna().all()


def test_full_is_arithmetic(scores):
    # |P| is everything, so tp = f n: DSC = 2f / (1 + f), IoU = precision = f, sensitivity = 1.
    frame = scores["full"]
    share = frame["foreground"]
    assert np.allclose(frame["dsc"], 2 * share / (1 + share), atol=2e-6)
    assert np.allclose(frame["iou"], share, atol=1e-6)
    assert np.allclose(frame["precision"], share, atol=1e-6)
    assert list(frame["sensitivity"]) == list((share > 0).astype(float))
    assert np.allclose(frame["mae"], 1 - share, atol=1e-6)


def test_mean_mask_is_of_train_and_val(prepared, scores):
    # Two datasets with one train and one val case each; they are the last two rows.
    masks = [np.load(prepared / name / "masks.npy")[-2:] for name in ("fundus-a", "skin-b")]
    train = load_cases(prepared, ("train", "val"))
    assert np.array_equal(mean_mask(train), np.concatenate(masks).mean(axis=0))
    assert scores["mean-mask"]["mae"].between(0, 1).all()


def test_centre_disc_is_a_disc_in_the_middle():
    disc = CONTROLS["centre-disc"].map(np.zeros((352, 352)), np.zeros((352, 352)))
    # Radius 88: pi 88^2 = 24328 pixels; symmetric under every turn of the square.
    assert disc.sum() == pytest.approx(np.pi * 88**2, rel=0.002)
    assert np.array_equal(disc, disc.T)
    assert np.array_equal(disc, disc[::-1])
    assert disc[175, 88] == 1
    assert disc[175, 87] == 0


def test_records_say_what_they_are(prepared, scores):
    root = prepared.parents[2] / "results" / "tiny" / "controls"
    for name in scores:
        record = json.loads((root / name / "seed-0" / "run.json").read_text(encoding="utf-8"))
        assert record["method"] == name
        assert record["group"] == "controls"
        assert record["schema"] == 2
        assert record["size"] == 24
        assert (record["initialisation"], record["weights"]) == ("none", {})
        assert record["data"]["test"] == {"fundus-a": 4, "skin-b": 3}
        assert record["data"]["train"] == (4 if name == "mean-mask" else 0)
        assert record["identity"]["data"] == data_digest(prepared)


def test_no_maps_are_left(prepared, scores):
    root = prepared.parents[2]
    assert not (root / "artefacts").exists()
    assert not list(root.rglob("*.npz"))
