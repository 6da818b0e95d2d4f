"""Corrupted pictures on a made mix whose runs are done: measured, resumed, shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support import DECLARATION, PARAMS, PLUGIN, make_prepared, mixseg

from benchmark.analyses._corruption_values import Corrupted, clean_gap, reference_row
from benchmark.analyses.corruptions import ANALYSIS
from benchmark.analyses.kit.execute import analyse
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.show import addition
from benchmark.analyses.kit.units import FOLDER, MEASURED
from benchmark.analyses.measures import corruption_sets, corruptions
from benchmark.core.errors import MissingDataError, StaleDataError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods import discover
from benchmark.methods.discover import method_entry
from benchmark.statistics.results import read_results

# A network that is shown a point and has a frozen embedding: it draws a disc around the point, on
# what it embedded.
PROMPTED = '''

class Prompted(Small):
    """The small network, more sure near its point; the picture comes from a frozen embedding."""

    def __init__(self, size: int = 352) -> None:
        super().__init__(size)
        self.frozen = nn.Conv2d(3, 3, 3, padding=1, bias=False).requires_grad_(False)
        nn.init.dirac_(self.frozen.weight)

    def embedder(self):
        return self.frozen

    def embed(self, image):
        return self.frozen(image).half()

    def predict(self, inputs):
        image, at = inputs.features.to(inputs.image.dtype), inputs.points[:, 0]
        side = torch.arange(image.shape[-1], device=image.device)
        far = (side[None, :, None] - at[:, None, None, 1]) ** 2
        far = far + (side[None, None] - at[:, None, None, 0]) ** 2
        return self.network(image) + torch.exp(-far / 50)[:, None]

    def loss(self, inputs, mask):
        return {"total": nn.functional.binary_cross_entropy_with_logits(
            self.predict(inputs), mask)}
'''
ROWS = """\
rows:
  small: {title: U-Net (ResNet-34)}
  shown: {title: Shown a point, class: Prompted, prompt: point, draws: 2, group: prompted}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A project whose runs are done: one row without a prompt, one with."""
    root = tmp_path_factory.mktemp("corrupted")
    settings = "    weights: random\n    analyses: {severities: [1, 5]}\n"
    text = PARAMS.replace("epochs: 3", "epochs: 2").replace("    weights: random\n", settings)
    (root / "params.yaml").write_text(text)
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    plugin = PLUGIN.replace("from torch import", "import torch\nfrom torch import") + PROMPTED
    (folder / "plugin.py").write_text(plugin)
    declared = DECLARATION[: DECLARATION.index("rows:")] + "class: Small\n" + ROWS
    (folder / "method.yaml").write_text(declared)
    make_prepared(root / "data" / "prepared" / "tiny")
    assert mixseg(root, "sync").returncode == 0
    for name in ("small", "shown"):
        done = mixseg(root, "run", "--method", name, "--mix", "tiny")
        assert done.returncode == 0, done.stderr
    return Paths(root)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the runs had, which is what the same bits ask for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def job(paths: Paths, method: str = "small", **changes: Any) -> Job:
    mix = load_params(paths.root).mix("tiny")
    group = method_entry(paths.root, method).card.group
    given: dict[str, Any] = {
        "name": "tiny", "mix": mix, "method": method, "seeds": (0,), "group": group,
    }  # fmt: skip
    return Job(paths, **{**given, **changes})


@pytest.mark.parametrize(("method", "group"), [("small", "main"), ("shown", "prompted")])
def test_severity_0_gives_the_stored_scores_to_the_bit(ran: Paths, method: str, group: str) -> None:
    found = corruptions.measure(job(ran, method), "clean")
    scores = pd.read_csv(ran.run("tiny", group, method, 0) / "scores.csv")
    first = scores[scores["draw"] == 0].reset_index(drop=True)
    assert list(found["case"]) == list(first["case"])
    assert 0.2 < first["dsc"].mean() < 1
    for column in ("dsc", "sensitivity"):
        assert list(found[column].round(6)) == list(first[column])
    assert list(found["stored"]) == list(first["dsc"])
    assert set(found["severity"]) == {0}


def test_other_weights_than_the_scored_ones_are_an_error(
    ran: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "weights", lambda self, seed: ran.artefacts("tiny", "small", 1) /
                        "weights.safetensors")  # fmt: skip
    with pytest.raises(StaleDataError, match="as the stored weights give"):
        corruptions.measure(job(ran), "clean")
    monkeypatch.undo()
    scores = ran.run("tiny", "main", "small", 0) / "scores.csv"
    whole = scores.read_bytes()
    scores.unlink()
    try:
        with pytest.raises(MissingDataError, match="the scores of the run"):
            corruptions.measure(job(ran), "clean")
        frame = pd.read_csv(pd.io.common.BytesIO(whole))
        frame.loc[0, "dsc"] += 0.0005
        frame.to_csv(scores, index=False)
        assert corruptions.measure(job(ran), "clean")["stored"][0] == frame["dsc"][0]
        frame.loc[0, "dsc"] += 0.002
        frame.to_csv(scores, index=False)
        with pytest.raises(StaleDataError):
            corruptions.measure(job(ran), "clean")
        frame[1:].to_csv(scores, index=False)
        with pytest.raises(StaleDataError):
            corruptions.measure(job(ran), "clean")
    finally:
        scores.write_bytes(whole)


def test_every_method_is_shown_the_same_pictures(
    ran: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, list[bytes]] = {}
    real = corruptions.probabilities

    def looks(method: Any, inputs: Any) -> np.ndarray:
        shown.setdefault(method.card.name, []).append(inputs.image.numpy().tobytes())
        if method.card.name == "shown":  # what it embeds is the corrupted picture
            assert torch.equal(inputs.features, inputs.image.half())
            assert inputs.points.shape == (8, 1, 2)
        return real(method, inputs)

    monkeypatch.setattr(corruptions, "probabilities", looks)
    tables = [corruptions.measure(job(ran, name), "shot-noise") for name in ("small", "shown")]
    assert shown["small"] == shown["shown"]
    assert len(set(shown["small"])) == 2  # severities 1 and 5, a batch of 8 each
    assert not np.allclose(tables[0]["dsc"], tables[1]["dsc"])
    assert corruptions.measure(job(ran), "shot-noise").equals(tables[0])


def test_a_corruption_applies_where_its_set_names_the_modality(ran: Paths) -> None:
    for part, kinds in (
        ("medmnistc-brightness-up", {"dermoscopy", "ultrasound"}),
        ("ours-motion-blur", {"colonoscopy"}),
        ("jpeg", {"fundus", "colonoscopy", "ultrasound", "dermoscopy"}),
    ):
        found = corruptions.measure(job(ran), part)
        assert set(found["modality"]) == kinds
        assert len(found) == ANALYSIS.work(job(ran), part) == 2 * 2 * len(kinds)
        assert set(found["severity"]) == {1, 5}
    mix = load_params(ran.root).mix("tiny")
    five = mix.analyses.model_copy(update={"severities": [5]}) if mix.analyses else None
    alone = job(ran, mix=mix.model_copy(update={"analyses": five}))
    assert corruptions.measure(alone, "axis-gaussian-noise").empty


def test_ece_by_hand() -> None:
    prob = np.array([[0.95, 0.97], [0.1, 1.0]])
    truth = np.array([[True, False], [False, True]])
    # Bins of a fifteenth: {0.1}: |0.1 - 0| ; {0.95, 0.97, 1.0}: |2.92 - 2|.
    assert corruptions.ece(prob, truth) == pytest.approx((0.1 + 0.92) / 4)
    assert corruptions.ece(np.zeros((3, 3)), np.zeros((3, 3), bool)) == 0


def test_ece_is_that_of_torchmetrics() -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(0)
    prob, truth = rng.random((40, 40)), rng.random((40, 40)) < 0.3
    # Theirs is of the foreground too, in 15 bins that are closed on the other side.
    expected = torchmetrics.binary_calibration_error(
        torch.from_numpy(prob).ravel(), torch.from_numpy(truth).ravel().int(), n_bins=15, norm="l1"
    )
    assert corruptions.ece(prob, truth) == pytest.approx(float(expected), abs=1e-5)


@pytest.fixture(scope="module")
def measured(ran: Paths) -> Measured:
    torch.set_num_threads(1)
    lines = list(analyse(ran, ANALYSIS, "tiny", None, "cpu", Silent()))
    assert all(ok for _, ok in lines), lines
    assert lines[0][0].startswith("4 to measure, ")
    results = read_results("tiny", load_params(ran.root), discover.cards(ran.root), ran)
    found = read(results, ANALYSIS)
    assert found is not None
    return found


def test_an_interrupted_unit_goes_on_after_the_last_corruption(
    ran: Paths, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ran.results("tiny") / FOLDER / "corruptions" / "small" / "seed-1"
    whole = (path / MEASURED).read_bytes()
    (path / "record.json").unlink()
    real, called = corruptions.measure, []

    def stops(job: Job, part: str) -> pd.DataFrame:
        if part == "contrast" and job.limit is None and len(called) < 20:
            raise KeyboardInterrupt
        called.append(part)
        return real(job, part)

    monkeypatch.setattr(corruptions, "measure", stops)
    with pytest.raises(KeyboardInterrupt):
        list(analyse(ran, ANALYSIS, "tiny", "small", "cpu", Silent()))
    before = list(corruption_sets.parts(load_params(ran.root).mix("tiny")))
    assert called == before[: before.index("contrast")]
    monkeypatch.setattr(corruptions, "measure", lambda job, part: called.append(part) or
                        real(job, part))  # fmt: skip
    called.clear()
    list(analyse(ran, ANALYSIS, "tiny", "small", "cpu", Silent()))
    assert called == before[before.index("contrast") :]
    assert (path / MEASURED).read_bytes() == whole


def test_means_and_ratios_are_those_of_the_rows(measured: Measured) -> None:
    found, table = Corrupted(measured), measured.table
    entry = next(e for e in measured.rows() if e.name == "shown")
    base = reference_row(measured)
    assert base is not None
    assert base.name == "small"
    assert clean_gap(measured) == 0

    def mean(method: str, **of: object) -> float:
        chosen = table["method"] == method
        for key, value in of.items():
            chosen &= table[key] == value
        return float(table[chosen]["dsc"].mean())

    where = {"dataset": "phantom-fundus"}
    generic = [n for n, c in corruption_sets.CORRUPTIONS.items() if c.family == "Generic"]
    every = np.mean([mean("shown", corruption=name, **where) for name in generic])
    value = found.value(entry, "phantom-fundus", "generic", "dsc")
    assert value is not None
    assert value.mean == pytest.approx(every)
    ratio = found.ratio(entry, "phantom-fundus", relative=False)
    assert ratio is not None
    assert ratio.mean == pytest.approx(np.mean([
        (1 - mean("shown", corruption=n, **where)) / (1 - mean("small", corruption=n, **where))
        for n in generic
    ]))  # fmt: skip
    clean = {m: mean(m, corruption="clean", **where) for m in ("shown", "small")}
    falls = {n: clean["small"] - mean("small", corruption=n, **where) for n in generic}
    kept = [n for n in generic if falls[n] >= 0.005]
    relative = found.ratio(entry, "phantom-fundus", relative=True)
    assert relative is not None
    assert kept
    assert relative.mean == pytest.approx(np.mean([
        (clean["shown"] - mean("shown", corruption=n, **where)) / falls[n] for n in kept
    ]))  # fmt: skip
    own = found.ratio(base, "phantom-fundus", relative=True)
    assert own is not None
    assert own.mean == pytest.approx(1)


def test_the_section_says_what_was_found(measured: Measured) -> None:
    section = addition(measured)
    assert "On the clean pictures every DSC equals the stored one" in section.leads[-1]
    assert "severities 1, 5, the DSC of" in section.leads[0]
    assert "the smallest fall of 2 rows" in section.leads[0]
    names = [grid.name for grid in section.grids]
    assert names[:2] == ["corruptions", "corruptions-calibration"]
    assert len(names) == len(set(names)) == 2 + 4 + 1
    fundus = section.grids[names.index("corruptions-phantom-fundus")]
    assert any("not comparable with published MedMNIST-C" in text for text in fundus.remarks)
    assert any("sigma of the Gaussian blur is given for 224" in text for text in fundus.remarks)
    assert all(len(line.cells) == len(fundus.columns) for line in fundus.lines())
    worst = fundus.lines()[0].cells[-1]
    titles = [column.label for column in fundus.columns]
    lowest = min(float(cell.sort or 0) for cell in fundus.lines()[0].cells[1:-1])
    assert worst.sort == pytest.approx(lowest)
    assert any(title.startswith(worst.text) for title in titles)
    assert [figure.name for figure in section.figures] == [
        "corruptions-dsc", "corruptions-ece", "corruptions-heat",
    ]  # fmt: skip
    assert all(figure.records and "<svg" in figure.svg for figure in section.figures)
    json.dumps([*section.figures[0].records])


def test_one_row_without_a_u_net_has_no_ratio(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {k: v for k, v in measured.records.items() if v["method"] == "shown"}
    section = addition(Measured(measured.analysis, measured.results, only))
    assert any("No U-Net was measured" in text for text in section.grids[0].remarks)
    assert {c.label for c in section.grids[0].columns} == {"Clean DSC ↑", "Corrupted DSC ↑"}
    assert "the largest" not in section.leads[0]
