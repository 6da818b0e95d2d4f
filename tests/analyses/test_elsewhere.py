"""Sets never trained on and the test sets of other mixes, on drawn mixes of one size and two."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support import PARAMS, PLUGIN, mixseg

from benchmark.analyses._elsewhere import Apart, comparison
from benchmark.analyses.cross_mix import ANALYSIS as CROSS
from benchmark.analyses.kit.execute import analyse
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.show import addition
from benchmark.analyses.kit.stages import PLACE, sync
from benchmark.analyses.kit.summary import Value
from benchmark.analyses.kit.units import FOLDER, MEASURED, RECORD
from benchmark.analyses.measures.elsewhere import COLUMNS
from benchmark.analyses.unseen import ANALYSIS as UNSEEN
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods import discover
from benchmark.statistics.results import read_results

SHOWN = '''

import torch


class Shown(Small):
    """What lies near the point that it is shown."""

    def predict(self, inputs):
        size = inputs.image.shape[-1]
        y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        at = inputs.points[:, 0, :, None, None]
        return (8 - ((x - at[:, 0]) ** 2 + (y - at[:, 1]) ** 2).sqrt())[:, None]
'''
DECLARATION = """\
source: tests
licence: Apache-2.0
rows:
  small: {title: Small, class: Small}
  shown: {title: Shown, class: Shown, group: prompted, prompt: point, draws: 2}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Two rows on a mix of three modalities; another mix tests on all four, drawn alike."""
    root = tmp_path_factory.mktemp("elsewhere")
    raw = yaml.safe_load(PARAMS)
    tiny = raw["mixes"]["tiny"]
    tiny["recipe"]["epochs"] = 1
    sets = tiny["test"]
    here = {**tiny, "train": sets[:3], "test": sets[:3], "unseen": sets[3:], "compare": ["there"]}
    there = {**tiny, "title": "There", "size": 64, "drawn": {"train": 6, "test": 4, "seed": 0}}
    raw["mixes"] = {"here": {**here, "title": "Here"}, "there": there}
    (root / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    folder = root / "baselines" / "small"
    folder.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN + SHOWN)
    (folder / "method.yaml").write_text(DECLARATION)
    for words in (("sync",), ("prepare", "--mix", "here"), ("run", "--all", "--mix", "here")):
        done = mixseg(root, *words)
        assert done.returncode == 0, done.stderr
    return Paths(root)


@pytest.fixture(scope="module")
def lines(ran: Paths) -> list[str]:
    """What both analyses say."""
    found = [*_measured(ran, UNSEEN), *_measured(ran, CROSS)]
    assert all(ok for _, ok in found), found
    return [line for line, _ in found]


def _measured(paths: Paths, analysis: object, mix: str = "here") -> list[tuple[str, bool]]:
    return list(analyse(paths, analysis, mix, None, "cpu", Silent()))  # type: ignore[arg-type]


def _table(paths: Paths, name: str, row: str, seed: int = 0) -> pd.DataFrame:
    path = paths.results("here") / FOLDER / name / row / f"seed-{seed}" / MEASURED
    return pd.read_csv(path)


def test_cases_that_the_mix_tests_on_too_get_their_stored_scores(
    ran: Paths, lines: list[str]
) -> None:
    """The other mix is drawn alike: its last two cases are the mix's test cases, to the pixel."""
    for row, group in (("small", "main"), ("shown", "prompted")):
        scores = pd.read_csv(ran.run("here", group, row, 0) / "scores.csv")
        stored = scores[scores["draw"] == 0].set_index(["dataset", "case"])
        found = _table(ran, "cross-mix", row)
        found["dataset"] = found["dataset"].str.removeprefix("there/")
        found = found.set_index(["dataset", "case"])
        shared = found.index.intersection(stored.index)
        assert len(shared) == 3 * 2
        for column in COLUMNS:
            both = found.loc[shared, column], stored.loc[shared, column]
            pd.testing.assert_series_equal(*both, rtol=0, atol=2e-6, check_names=False)


def test_what_the_mix_is_trained_on_is_left_out_of_the_other_mixs_sets(
    ran: Paths, lines: list[str]
) -> None:
    """The other mix tests on cases 7 to 10; this one is trained on 1 to 8 of three modalities."""
    counts = _table(ran, "cross-mix", "small")["dataset"].value_counts().to_dict()
    three = ("fundus", "colonoscopy", "ultrasound")
    assert counts == {**{f"there/phantom-{m}": 2 for m in three}, "there/phantom-dermoscopy": 4}
    record = read_json(ran.results("here") / FOLDER / "cross-mix" / "small" / "seed-0" / RECORD)
    assert (record["cases"], record["identity"]["parts"]) == (10, ["here.there"])
    assert record["identity"]["apart"]["here.there"]


def test_sets_never_trained_on_are_scored_apart(ran: Paths, lines: list[str]) -> None:
    table = _table(ran, "unseen", "small")
    assert set(table["dataset"]) == {"phantom-dermoscopy"}
    assert list(table.columns) == ["dataset", "modality", "case", "group", *COLUMNS]
    scores = pd.read_csv(ran.run("here", "main", "small", 0) / "scores.csv")
    assert "phantom-dermoscopy" not in set(scores["dataset"])
    assert [line for line, _ in _measured(ran, UNSEEN)] == [
        f"unseen of {row} on here, seed {seed}: measured already"
        for row in ("small", "shown")
        for seed in (0, 1)
    ]


def _read(paths: Paths, analysis: object) -> Measured:
    results = read_results("here", load_params(paths.root), discover.cards(paths.root), paths)
    found = read(results, analysis)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_section_says_what_was_found(ran: Paths, lines: list[str]) -> None:
    section = addition(_read(ran, UNSEEN))
    assert section.leads == (
        "The mix is not trained on Phantom dermoscopy: 2 cases, predicted with the weights of the"
        " runs. The mix is trained on none of their pictures.",
        "No test set of the mix has the modality of Phantom dermoscopy.",
    )
    assert [grid.name for grid in section.grids] == ["unseen-overlap", "unseen-errors"]
    assert [c.group for c in section.grids[0].columns] == ["Phantom dermoscopy"] * 3
    section = addition(_read(ran, CROSS))
    assert section.leads[0].startswith(
        "The test sets of There are predicted with the weights of this mix. 6 pictures were left"
        " out first, because the mix is trained on the same pictures. The mix is trained on other"
        " cases of 3 of them: Phantom fundus of There (in domain), "
    )
    groups = dict.fromkeys(column.group for column in section.grids[0].columns)
    assert list(groups)[-1] == "Phantom dermoscopy of There"
    assert any("first prompt draw" in remark for remark in section.grids[0].remarks)
    (figure,) = section.figures
    assert len(figure.records) == 2 * 4


def test_a_row_is_compared_with_the_mean_over_the_mixs_sets_of_the_modality(
    ran: Paths, lines: list[str]
) -> None:
    found = _read(ran, CROSS)
    apart, entry = Apart(found), found.rows()[0]
    runs = [pd.read_csv(ran.run("here", "main", "small", seed) / "scores.csv") for seed in (0, 1)]
    wanted = sum(run[run["dataset"] == "phantom-fundus"]["dsc"].mean() for run in runs) / 2
    assert apart.seen(entry, "there/phantom-fundus") == pytest.approx(wanted)
    assert apart.seen(entry, "there/phantom-dermoscopy") != apart.seen(
        entry, "there/phantom-fundus"
    )
    assert apart.new() == ["there/phantom-dermoscopy"]


@pytest.fixture
def changed(ran: Paths, lines: list[str]) -> Iterator[Path]:
    """params.yaml, which is put back."""
    path = ran.root / "params.yaml"
    before = path.read_text()
    yield path
    path.write_text(before)


def _set(path: Path, mix: str, **fields: object) -> None:
    raw = yaml.safe_load(path.read_text())
    raw["mixes"][mix] |= fields
    path.write_text(yaml.safe_dump(raw, sort_keys=False))


def test_a_mix_without_such_sets_has_nothing_to_do(ran: Paths, changed: Path) -> None:
    _set(changed, "here", unseen=[], compare=[], analyses={"names": ["unseen", "cross-mix"]})
    assert _measured(ran, UNSEEN) == [
        ("unseen on here: nothing to do, the mix names no `unseen` sets", True)
    ]
    assert _measured(ran, CROSS) == [
        ("cross-mix on here: nothing to do, the mix names no other mix in `compare`", True)
    ]
    (ran.root / PLACE).mkdir(parents=True, exist_ok=True)
    sync(ran.root)
    assert yaml.safe_load((ran.root / PLACE / "dvc.yaml").read_text())["stages"] == {}
    _set(changed, "here", unseen=["phantom-dermoscopy"])
    sync(ran.root)
    stages = yaml.safe_load((ran.root / PLACE / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["unseen-on-here"]


def test_sets_that_are_stale_or_absent_are_said_and_nothing_is_lost(
    ran: Paths, changed: Path
) -> None:
    before = _table(ran, "unseen", "small")
    _set(changed, "here", unseen=["etis"])
    ((line, ok),) = _measured(ran, UNSEEN)
    assert not ok
    assert "test: prepared with [phantom-dermoscopy], params.yaml asks for [etis]" in line
    prepared, aside = ran.prepared("here.unseen"), ran.root / "aside"
    prepared.rename(aside)
    data = ran.results("here.unseen") / "data.json"
    told = data.read_bytes()
    data.unlink()
    ((line, ok),) = _measured(ran, UNSEEN)
    assert not ok
    assert "1 of 1 datasets are not ready" in line
    assert "etis: " in line
    assert not prepared.exists()
    aside.rename(prepared)
    data.write_bytes(told)
    pd.testing.assert_frame_equal(_table(ran, "unseen", "small"), before)


def test_a_limit_takes_the_same_cases_of_each_set_for_every_row(ran: Paths, changed: Path) -> None:
    before = {row: _table(ran, "cross-mix", row) for row in ("small", "shown")}
    _set(changed, "here", analyses={"cases": 1})
    assert all(ok for _, ok in _measured(ran, CROSS))
    few = {row: _table(ran, "cross-mix", row) for row in ("small", "shown")}
    assert [len(table) for table in few.values()] == [4, 4]
    assert list(few["small"]["case"]) == list(few["shown"]["case"])
    _set(changed, "here", analyses=None)
    assert all(ok for _, ok in _measured(ran, CROSS))
    pd.testing.assert_frame_equal(_table(ran, "cross-mix", "small"), before["small"])


def test_weights_that_are_gone_leave_a_run_out(ran: Paths, changed: Path) -> None:
    weights = ran.artefacts("here", "small", 1) / "weights.safetensors"
    aside = weights.with_suffix(".aside")
    weights.rename(aside)
    _set(changed, "here", analyses={"cases": 1})
    found = [line for line, ok in _measured(ran, UNSEEN) if ok]
    aside.rename(weights)
    assert "unseen of small on here, seed 1: left out, the weights of seed 1 are not here" in found


def test_the_order_and_the_largest_fall_are_those_of_the_numbers(
    ran: Paths, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """a: .9 here and .4 there; b: .8 and .6. The best changes on one set and stays on another."""
    small = _read(ran, CROSS).rows()[0]
    a, b = replace(small, name="a", title="A"), replace(small, name="b", title="B")
    sets = ["there/phantom-fundus", "there/phantom-ultrasound"]
    there = {(a, sets[0]): 0.4, (b, sets[0]): 0.6, (a, sets[1]): 0.95, (b, sets[1]): 0.7}
    nan = float("nan")
    monkeypatch.setattr(Apart, "new", lambda self: sets)
    monkeypatch.setattr(Apart, "seen", lambda self, entry, name: {"a": 0.9, "b": 0.8}[entry.name])
    monkeypatch.setattr(
        Apart, "dsc", lambda self, e, name: Value(there[e, name], nan, nan, nan, 2, 2)
    )
    monkeypatch.setattr(Measured, "rows", lambda self: [a, b])
    assert comparison(Apart(_read(ran, CROSS))) == [
        "In 1 of 2 sets the unprompted row with the best DSC is not the one that is best on the"
        " mix's own sets of the same modality.",
        "The DSC of A on Phantom fundus of There (in domain) falls most: it is 0.900 on the mix's"
        " sets of the same modality, and 0.400 here.",
    ]
