"""Dropout and ensembles on a made mix: numbers by hand, reasons, resumption, the report."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.analyses.dropout import ANALYSIS as DROPOUT
from benchmark.analyses.ensemble import ANALYSIS as ENSEMBLE
from benchmark.analyses.kit.execute import analyse
from benchmark.analyses.kit.read import read
from benchmark.analyses.kit.show import addition
from benchmark.analyses.kit.units import FOLDER, MEASURED
from benchmark.analyses.measures import dropout as measuring
from benchmark.analyses.measures.detection import (
    case_numbers,
    highest,
    observed,
    sampled,
    set_numbers,
)
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.evaluation.uncertainty import Uncertainty, uncertainty
from benchmark.methods import discover
from benchmark.statistics.results import read_results

ABOUT = {"dataset": "a-set", "modality": "fundus", "case": "a", "group": "a"}
ROWS = DECLARATION + "  plain: {title: Plain, arguments: {p: 0.0}}\n"
WITH_P = (
    PLUGIN.replace("size: int = 352)", "size: int = 352, p: float = 0.4)")
    .replace("nn.Dropout2d(0.1)", "nn.Dropout2d(p)")
)  # fmt: skip


def maps(mean: list[float], information: list[float]) -> Uncertainty:
    one, other = np.array([mean]), np.array([information])
    return Uncertainty(one, other, other, other)


def test_the_two_observations_by_hand() -> None:
    # Ten pixels: the tenth with the largest information is the last, of p = 0.4, a background
    # pixel that is predicted as background.
    mean, information = [0.9] * 9 + [0.4], [0.1] * 9 + [0.5]
    reference = np.array([[True] * 9 + [False]])
    found = observed(maps(mean, information), reference, 0.5)
    assert found["sharpness_uncertain"] == pytest.approx(0.1)
    assert found["sharpness_rest"] == pytest.approx(0.4)
    assert found["sharpness_difference"] == pytest.approx(-0.3)
    assert found["background_share"] == 1.0
    found = observed(maps(mean, information), ~reference, 0.5)
    assert found["background_share"] == 0.0
    nothing = observed(maps(mean, [0.0] * 10), reference, 0.5)
    assert all(math.isnan(nothing[name]) for name in ("sharpness_uncertain", "background_share"))
    assert highest(np.array([3.0, 1.0, 3.0, 0.0]), 0.5).tolist() == [True, False, True, False]


def test_a_case_by_hand() -> None:
    reference = np.array([[True, True, False, False]])
    found = case_numbers(
        ABOUT, maps([0.9, 0.2, 0.6, 0.1], [0.1, 0.8, 0.9, 0.3]), reference, 0.4, 0.5
    )
    assert found["dsc_mean"] == 0.5  # one found, one missed, one false
    assert found["gain"] == pytest.approx(0.1)
    assert found["entropy_bit_inside"] == pytest.approx(0.45)
    assert found["information_mbit_outside"] == pytest.approx(600)
    assert found["entropy_auroc"] == 1.0  # both wrong pixels are above both right ones
    empty = case_numbers(ABOUT, maps([0.1] * 4, [0.1] * 4), np.zeros((1, 4), bool), 1.0, 0.5)
    assert math.isnan(empty["entropy_bit_inside"])
    assert math.isnan(empty["entropy_auroc"])  # no pixel is wrong
    assert empty["dsc_mean"] == 1.0


def test_a_set_by_hand() -> None:
    cases = [
        {
            "dataset": "a-set",
            "modality": "fundus",
            "dsc_mean": dsc,
            "entropy_bit": u,
            "information_mbit": v,
        }
        for dsc, u, v in ((0.9, 0.1, 0.5), (0.8, 0.2, 0.5), (0.3, 0.9, 0.5), (0.2, 0.15, 0.5))
    ]
    found = set_numbers(cases)
    # Bad are 0.3 and 0.2. Pairs: .9 above .1 and .2; .15 above .1, below .2: three of four.
    assert found["entropy_case_auroc"] == 0.75
    assert found["information_case_auroc"] == 0.5  # ties
    assert found["case"] == ""
    assert math.isnan(set_numbers(cases[:1])["entropy_case_auroc"])


def test_the_same_pixels_are_drawn_for_every_method() -> None:
    assert np.array_equal(sampled("a/b", 10_001), sampled("a/b", 10_001))
    assert not np.array_equal(sampled("a/b", 20_000), sampled("a/c", 20_000))
    assert sampled("a/b", 5).tolist() == [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A project with a row with dropout and one without, two seeds each."""
    root = tmp_path_factory.mktemp("uncertain")
    text = PARAMS.replace("epochs: 3", "epochs: 1")
    (root / "params.yaml").write_text(
        text.replace("    recipe:", "    analyses: {passes: 3}\n    recipe:")
    )
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(WITH_P)
    (folder / "method.yaml").write_text(ROWS)
    make_prepared(root / "data" / "prepared" / "tiny")
    assert mixseg(root, "sync").returncode == 0
    for row in ("small", "plain"):
        done = mixseg(root, "run", "--method", row, "--mix", "tiny")
        assert done.returncode == 0, done.stderr
    return Paths(root)


def lines(paths: Paths, analysis=DROPOUT) -> list[tuple[str, bool]]:
    return list(analyse(paths, analysis, "tiny", None, "cpu", Silent()))


def test_passes_over_a_mix(ran: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    told = lines(ran)
    assert [line for line, ok in told if "left out" in line] == [
        "dropout of plain on tiny, seed 0: left out, no dropout layer",
        "dropout of plain on tiny, seed 1: left out, no dropout layer",
    ]
    assert all(ok for _, ok in told)
    path = ran.results("tiny") / FOLDER / "dropout" / "small" / "seed-0" / MEASURED
    table = pd.read_csv(path)
    cases = table[table["over"] == "case"]
    assert (len(cases), len(table)) == (8, 12)
    assert cases["case"].is_unique
    assert (cases["information_mbit"] > 0).all()
    scores = pd.read_csv(ran.run("tiny", "main", "small", 0) / "scores.csv")
    merged = cases.merge(scores, on=["dataset", "case"])
    assert merged["dsc_single"].to_numpy() == pytest.approx(merged["dsc"].to_numpy(), abs=1e-6)
    pictures = sorted((ran.root / "work/uncertainty/tiny/dropout/small-seed-0").iterdir())
    assert len(pictures) == 4
    assert Image.open(pictures[0]).size == (5 * 32 + 4 * 4, 32)

    # Interrupted in its second set, it goes on there; the result is the same to the byte.
    whole, real = path.read_bytes(), measuring.measure
    shutil.rmtree(path.parent)
    asked: list[str] = []

    def stops(job, part):
        asked.append(part)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(job, part)

    monkeypatch.setattr(measuring, "measure", stops)
    with pytest.raises(KeyboardInterrupt):
        lines(ran)
    assert lines(ran)[0] != ("dropout of small on tiny, seed 0: measured already", True)
    assert asked[:3] == [asked[0], asked[1], asked[1]]
    assert path.read_bytes() == whole


def test_an_ensemble_of_a_mix(ran: Paths) -> None:
    assert all(ok for _, ok in lines(ran, ENSEMBLE))
    table = pd.read_csv(ran.results("tiny") / FOLDER / "ensemble" / "small" / MEASURED)
    cases = table[table["over"] == "case"]
    assert len(cases) == 8
    scores = [pd.read_csv(ran.run("tiny", "main", "small", s) / "scores.csv") for s in (0, 1)]
    mean = (scores[0].set_index(["dataset", "case"])["dsc"]
            + scores[1].set_index(["dataset", "case"])["dsc"]) / 2  # fmt: skip
    keys = list(zip(cases["dataset"], cases["case"], strict=True))
    assert cases["dsc_single"].to_numpy() == pytest.approx(mean.loc[keys].to_numpy(), abs=1e-6)


def test_an_ensemble_of_equal_maps_has_no_spread(ran: Paths, monkeypatch) -> None:
    maps = [ran.artefacts("tiny", "plain", seed) / "probs.npz" for seed in (0, 1)]
    before = maps[1].read_bytes()
    maps[1].write_bytes(maps[0].read_bytes())
    assert all(ok for _, ok in lines(ran, replace(ENSEMBLE, name="equal")))
    maps[1].write_bytes(before)
    table = pd.read_csv(ran.results("tiny") / FOLDER / "equal" / "plain" / MEASURED)
    cases = table[table["over"] == "case"]
    assert (cases[["sd", "information_mbit", "gain"]] == 0).all().all()


def test_one_seed_is_no_ensemble(ran: Paths) -> None:
    params = ran.root / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("{passes: 3}", "{passes: 3, seeds: [0]}"))
    told = lines(ran, replace(ENSEMBLE, name="single"))
    params.write_text(before)
    assert told[0] == ("2 to measure, none of which takes part", True)
    assert told[1][0] == "single of small on tiny: left out, one seed alone"


@pytest.mark.parametrize("analysis", [DROPOUT, ENSEMBLE], ids=lambda each: each.name)
def test_sections(ran: Paths, analysis) -> None:
    lines(ran, analysis)
    results = read_results("tiny", load_params(ran.root), discover.cards(ran.root), ran)
    found = read(results, analysis)
    assert found is not None
    section = addition(found)
    assert len(section.grids) == 4
    assert len(section.figures) == 1
    titles = [line.title for line in section.grids[0].lines()]
    assert set(titles) == ({"Small"} if analysis is DROPOUT else {"Small", "Plain"})
    if analysis is DROPOUT:
        assert "predicted 3 times" in section.leads[0]
        assert "Left out, no dropout layer: Plain." in section.grids[0].remarks
    assert any(
        "uncertain pixels are more blurred than the rest" in " ".join(lead.split())
        for lead in section.leads
    )
    errors = {record["measure"]: record for record in section.grids[2].records}
    assert errors["entropy_case_auroc"]["cases"] == 1


def test_predict_with_uncertainty(ran: Paths, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    Image.fromarray(pixels[::-1].copy()).save(tmp_path / "in" / "b.png")

    def predict(row: str, out: str, seeds: tuple[int, ...], *more: str):
        files = [str(ran.artefacts("tiny", row, seed) / "weights.safetensors") for seed in seeds]
        named = [word for file in files for word in ("--weights", file)]
        return mixseg(
            ran.root, "predict", "--method", row, "--images", str(tmp_path / "in"),
            "--out", str(tmp_path / out), *named, *more,
        )  # fmt: skip

    done = predict("small", "dropout", (0,), "--uncertainty")
    assert done.returncode == 0, done.stderr
    summary = pd.read_csv(tmp_path / "dropout" / "summary.csv")
    assert list(summary.columns)[-3:] == ["uncertainty_bit", "disagreement_mbit", "error"]
    assert (summary["disagreement_mbit"] > 0).all()
    image = np.asarray(Image.open(tmp_path / "dropout" / "a_uncertainty.png"))
    assert (image.dtype, image.shape) == (np.uint16, (40, 60))
    assert image.mean() / 65535 == pytest.approx(summary["uncertainty_bit"][0], abs=0.01)
    (tmp_path / "in" / "a.png").unlink()  # the other picture alone: the same to the byte
    assert predict("small", "alone", (0,), "--uncertainty").returncode == 0
    for kind in ("prob", "uncertainty"):
        files = [tmp_path / out / f"b_{kind}.png" for out in ("dropout", "alone")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert predict("plain", "ensemble", (0, 1), "--uncertainty").returncode == 0
    assert pd.read_csv(tmp_path / "ensemble" / "summary.csv")["disagreement_mbit"][0] > 0
    refused = predict("plain", "refused", (0,), "--uncertainty")
    assert refused.returncode == 1
    assert "no dropout layer" in refused.stderr
    assert "several" in refused.stderr
    assert predict("plain", "twice", (0, 0), "--uncertainty").returncode == 1
    assert "--uncertainty" in predict("plain", "two", (0, 1)).stderr


def test_members_of_one_bit_apart() -> None:
    found = uncertainty(np.array([[[0.0]], [[1.0]]]))
    assert found.information.item() == 1.0
