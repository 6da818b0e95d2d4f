"""The analyses of activation and frequencies on a made project, from measuring to the section."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.analyses import activation, error_frequencies, frequencies
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.execute import analyse
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.show import addition
from benchmark.analyses.kit.stages import record
from benchmark.analyses.kit.units import FOLDER, MEASURED
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods import discover
from benchmark.statistics.results import read_results

LAYERS = "cam_layers: {decoder: network.2, deepest: network.0}"
ROWS = DECLARATION.replace(
    "small: {title: Small}", f"small: {{title: Small, {LAYERS}}}\n  bare: {{title: Bare}}"
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A project whose row has one run, beside a row that names no layers."""
    root = tmp_path_factory.mktemp("looked")
    text = PARAMS.replace("epochs: 3", "epochs: 1").replace("seeds: [0, 1]", "seeds: [0]")
    (root / "params.yaml").write_text(text)
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "method.yaml").write_text(ROWS)
    make_prepared(root / "data" / "prepared" / "tiny")
    assert mixseg(root, "sync").returncode == 0
    done = mixseg(root, "run", "--method", "small", "--mix", "tiny")
    assert done.returncode == 0, done.stderr
    return Paths(root)


def lines_of(paths: Paths, analysis: Analysis) -> list[tuple[str, bool]]:
    return list(analyse(paths, analysis, "tiny", None, "cpu", Silent()))


def measured(paths: Paths, analysis: Analysis) -> Measured:
    params, cards = load_params(paths.root), discover.cards(paths.root)
    found = read(read_results("tiny", params, cards, paths), analysis)
    assert found is not None
    return found


def table(paths: Paths, name: str, place: str) -> pd.DataFrame:
    return pd.read_csv(paths.results("tiny") / FOLDER / name / place / MEASURED)


def test_activation_of_the_named_layers_and_again_when_they_change(ran: Paths) -> None:
    lines = lines_of(ran, activation.ANALYSIS)
    assert all(ok for _, ok in lines), lines
    found = table(ran, "activation", "small/seed-0")
    assert len(found) == 2 * 4 * 2  # layers, sets, cases
    assert set(found["layer"]) == {"decoder", "deepest"}
    assert found["energy"].dropna().between(0, 1).all()
    section = addition(measured(ran, activation.ANALYSIS))
    assert [grid.name for grid in section.grids] == ["activation-decoder", "activation-deepest"]
    assert any("names no cam_layers: Bare" in text for text in section.grids[0].remarks)
    assert "of the activation lies inside the reference" in section.leads[0]
    assert section.figures[0].svg.startswith("<svg")
    assert [line for line, _ in lines_of(ran, activation.ANALYSIS)] == [
        "activation of small on tiny, seed 0: measured already"
    ]
    declaration = ran.root / "baselines" / "small" / "method.yaml"
    before = record(ran.root)["analyses"]
    declaration.write_text(ROWS.replace("deepest: network.0", "deepest: network.2"))
    assert "1 to measure" in lines_of(ran, activation.ANALYSIS)[0][0]
    after = record(ran.root)["analyses"]
    assert before["activation"] != after["activation"]
    assert before["frequencies"] == after["frequencies"]
    declaration.write_text(ROWS)


def test_a_layer_that_is_not_there_is_told_and_stops_nothing(ran: Paths) -> None:
    declaration = ran.root / "baselines" / "small" / "method.yaml"
    declaration.write_text(ROWS.replace("network.0", "network.9"))
    lines = lines_of(ran, activation.ANALYSIS)
    declaration.write_text(ROWS)
    assert not lines[-1][1]
    assert "no module 'network.9'" in lines[-1][0]


def test_frequencies_of_the_images_and_references(ran: Paths) -> None:
    assert all(ok for _, ok in lines_of(ran, frequencies.ANALYSIS))
    found = table(ran, "frequencies", "mix")
    cases = found[found["case"].notna()]
    assert len(cases) == 2 * 4 * 2  # image and reference, sets, cases
    bins = [name for name in found.columns if name[0] == "f"]
    np.testing.assert_allclose(cases[bins].sum(axis=1), 1, atol=1e-5)
    images = cases[cases["of"] == "image"]
    levels = ["level1", "level2", "level3", "level4", "low"]
    np.testing.assert_allclose(images[levels].sum(axis=1), 1, atol=1e-5)
    whole = found[found["case"].isna()]
    np.testing.assert_allclose(whole.groupby("dataset")["energy"].sum(), 1, atol=1e-4)
    section = addition(measured(ran, frequencies.ANALYSIS))
    assert len(section.leads) == 3
    assert [grid.name for grid in section.grids] == [
        "frequencies", "frequencies-distances-image", "frequencies-distances-reference",
        "frequencies-subbands",
    ]  # fmt: skip
    assert len(section.grids[-1].lines()) == 33
    assert "mathdefault" not in section.figures[0].svg


def test_frequencies_of_the_errors(ran: Paths) -> None:
    assert all(ok for _, ok in lines_of(ran, error_frequencies.ANALYSIS))
    found = table(ran, "error-frequencies", "small/seed-0")
    assert len(found) == 8
    assert found["error"].between(0, 1).all()
    section = addition(measured(ran, error_frequencies.ANALYSIS))
    assert section.leads[0].startswith("The mean frequency of the errors is ")
    assert section.leads[0].endswith("cycles per image (Small), as a mean over test sets.")
    maps = ran.artefacts("tiny", "small", 0) / "probs.npz"
    whole = maps.read_bytes()
    maps.unlink()
    lines = lines_of(ran, error_frequencies.ANALYSIS)
    assert lines[0] == ("error-frequencies of small on tiny, seed 0: measured already", True)
    maps.write_bytes(whole)


def test_heatmaps_draw_a_picture_a_set_and_name_what_is_missing(ran: Paths, tmp_path: Path) -> None:
    from PIL import Image

    options = ("--mix", "tiny", "--out", str(tmp_path), "--cases", "1", "--device", "cpu")
    done = mixseg(ran.root, "heatmaps", *options)
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 4
    assert files[0] == "phantom-colonoscopy-deepest.png"
    assert Image.open(tmp_path / files[0]).size[0] > Image.open(tmp_path / files[0]).size[1]
    failed = mixseg(ran.root, "heatmaps", *options, "--layer", "tokens")
    assert failed.returncode == 1
    assert "no network with a layer 'tokens' and weights" in failed.stderr
