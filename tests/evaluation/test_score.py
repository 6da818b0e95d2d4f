"""Scoring of stored maps: columns, rows, numbers, bytes, and what does not belong together."""

import os
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, jaccard_score

from benchmark.core.errors import MissingDataError, ShapeError
from benchmark.core.progress import Silent
from benchmark.data.cases import load_cases
from benchmark.evaluation.maps import MapFile, MapWriter, read_maps
from benchmark.evaluation.metrics import first_level
from benchmark.evaluation.protocols import PROTOCOLS
from benchmark.evaluation.score import score_maps, write_scores
from benchmark.statistics.schema import METRICS, Metric
from benchmark.statistics.scores import read_scores

SPEC = (
    "dataset,modality,case,group,draw,dsc,iou,sensitivity,precision,mae,"
    "hd95_px,assd_px,nsd,boundary_iou,foreground,tp,fp,fn,tn"
)


def write(prepared, draws=1, change=None):
    """Maps of noisy references; `change` edits the list of (dataset, case, prob)."""
    cases, rng, maps = load_cases(prepared, ("test",)), np.random.default_rng(1), []
    for row in cases.table.itertuples():
        reference = cases.masks[row.dataset][row.row]
        noise = rng.random((draws, *reference.shape))
        maps.append((row.dataset, row.case, 0.55 * reference + 0.45 * noise))
    path = prepared.parent / "probs.npz"
    with MapWriter(path) as writer:
        for dataset, case, prob in (change or list)(maps):
            writer.add(dataset, case, prob)
    return path, maps


def score(path, prepared):
    return score_maps(path, prepared, 0.5, Silent())


def test_columns_are_those_of_the_contract(prepared):
    frame = score(write(prepared)[0], prepared)
    assert ",".join(frame.columns[:19]) == SPEC
    assert tuple(frame.columns) == (*SPEC.split(","), *PROTOCOLS)


def test_a_metric_is_added_in_one_place(prepared, tmp_path, monkeypatch):
    """One from the counts and one from the pixels: a row of the registry is all that it takes."""

    def shift(pred, reference):
        """How far the centres of the two masks lie apart, in pixels."""
        if not pred.any() or not reference.any():
            return np.nan
        centres = (np.argwhere(mask).mean(axis=0) for mask in (pred, reference))
        return float(np.linalg.norm(np.subtract(*centres)))

    specificity = Metric(
        "specificity",
        "Specificity",
        "higher",
        "share",
        lambda m: m.tally.counts.tn / (m.tally.counts.tn + m.tally.counts.fp),
    )
    shift_px = Metric("shift_px", "Shift", "lower", "px", lambda m: m.each(shift), high=np.inf,
                      missing="a mask is empty", digits=1)  # fmt: skip
    path, _ = write(prepared, draws=2)
    before = score(path, prepared)
    for metric in (specificity, shift_px):
        monkeypatch.setitem(METRICS, metric.name, metric)
    frame = score(path, prepared)
    assert list(frame.columns[15:21]) == ["specificity", "shift_px", "tp", "fp", "fn", "tn"]
    pd.testing.assert_frame_equal(frame[before.columns], before)
    cases = load_cases(prepared, ("test",))
    with read_maps(path) as maps:
        for k, row in enumerate(frame.itertuples()):
            assert row.specificity == pytest.approx(row.tn / (row.tn + row.fp))
            about = cases.table.iloc[k // 2]
            reference = cases.masks[row.dataset][about["row"]] != 0
            found = maps[row.dataset]
            pred = found[found.cases.index(row.case)][row.draw] >= first_level(0.5)
            assert row.shift_px == pytest.approx(shift(pred, reference), nan_ok=True)
    write_scores(tmp_path / "scores.csv", frame)
    scores = read_scores(tmp_path / "scores.csv")["skin-b"]
    assert scores.values["specificity"].shape == (3,)
    assert np.isnan(scores.values["shift_px"]).sum() == 1  # the empty reference


def test_rows_are_cases_and_draws_in_order(prepared):
    frame = score(write(prepared, draws=3)[0], prepared)
    assert len(frame) == 7 * 3
    assert list(frame["draw"]) == [0, 1, 2] * 7
    assert list(frame["case"][::3]) == [f"case {i}" for i in (0, 1, 2, 3, 0, 1, 2)]
    assert list(frame["group"][::3]) == [f"group {i}" for i in (0, 1, 2, 3, 0, 1, 2)]
    assert list(frame["modality"].unique()) == ["fundus", "dermoscopy"]


def test_numbers_by_scikit_learn(prepared):
    path, maps = write(prepared)
    cases, frame = load_cases(prepared, ("test",)), score(path, prepared)
    for (dataset, _, prob), row, at in zip(
        maps, frame.itertuples(), cases.table["row"], strict=True
    ):
        reference, pred = cases.masks[dataset][at].ravel(), (prob[0] >= 0.5).ravel()
        assert row.tp + row.fp + row.fn + row.tn == reference.size
        assert row.foreground == pytest.approx(reference.mean())
        assert row.mae == pytest.approx(np.abs(prob[0].ravel() - reference).mean(), abs=1e-5)
        if reference.any():
            assert row.dsc == pytest.approx(f1_score(reference, pred))
            assert row.iou == pytest.approx(jaccard_score(reference, pred))


def test_empty_reference_leaves_the_distances_empty(prepared, tmp_path):
    frame = score(write(prepared)[0], prepared)
    empty = frame[frame["foreground"] == 0]
    assert len(empty) == 1
    assert empty[["hd95_px", "assd_px"]].isna().all(axis=None)
    assert (empty["nsd"] == empty["dsc"]).all()
    assert (empty["boundary_iou"] == empty["dsc"]).all()
    write_scores(tmp_path / "scores.csv", frame)
    lines = (tmp_path / "scores.csv").read_text(encoding="utf-8").split("\n")
    assert ",,," in lines[1 + empty.index[0]]


def test_scoring_again_gives_the_same_bytes(prepared, tmp_path):
    path, _ = write(prepared, draws=2)
    for name in ("one.csv", "two.csv"):
        write_scores(tmp_path / name, score(path, prepared))
    data = (tmp_path / "one.csv").read_bytes()
    assert data == (tmp_path / "two.csv").read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n")


def test_six_digits_and_whole_counts(prepared, tmp_path):
    write_scores(tmp_path / "scores.csv", score(write(prepared)[0], prepared))
    cells = pd.read_csv(tmp_path / "scores.csv", dtype=str)
    assert cells["dsc"].str.fullmatch(r"[01]\.\d{6}").all()
    assert cells["tp"].str.fullmatch(r"\d+").all()
    assert cells["draw"].eq("0").all()


def test_a_dataset_that_is_missing(prepared):
    path, _ = write(prepared, change=lambda maps: [m for m in maps if m[0] != "skin-b"])
    with pytest.raises(ShapeError, match=r"probs.npz: maps of fundus-a, expected .*skin-b.*tiny"):
        score(path, prepared)


def test_a_case_that_is_missing(prepared):
    path, _ = write(prepared, change=lambda maps: maps[1:])
    with pytest.raises(ShapeError, match=r"\[fundus-a\]: maps of 3 cases, expected 4"):
        score(path, prepared)


def test_cases_in_another_order(prepared):
    path, _ = write(prepared, change=lambda maps: [maps[1], maps[0], *maps[2:]])
    with pytest.raises(ShapeError, match="case 0 is 'case 1', expected 'case 0'"):
        score(path, prepared)


def test_maps_of_another_size(prepared):
    path, _ = write(prepared, change=lambda maps: [(d, c, p[:, :20, :20]) for d, c, p in maps])
    with pytest.raises(ShapeError, match=r"maps of \(20, 20\), expected \(24, 24\)"):
        score(path, prepared)


def test_no_maps_and_no_mix(prepared):
    with pytest.raises(MissingDataError):
        score(prepared / "probs.npz", prepared)
    path, _ = write(prepared)
    with pytest.raises(MissingDataError):
        score(path, prepared.parent / "other")


def test_maps_are_read_by_one_thread_at_a_time(prepared, monkeypatch):
    """NumPy parses each header with `ast`, which fails at random when two threads do."""
    path, inside, together, levels = write(prepared)[0], [], [], MapFile.levels

    def slow(*of):
        inside.append(1)
        together.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return levels(*of)

    monkeypatch.setattr(MapFile, "levels", slow)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    score(path, prepared)
    assert together == [1] * 7
