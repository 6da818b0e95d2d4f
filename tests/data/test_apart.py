"""Data prepared apart from a mix: what is left out, and what makes them stale."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from draw import isic2018, pair, row
from support import PARAMS, mixseg

from benchmark.core.errors import MissingDataError, ParamsError, StaleDataError, StoreError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import Params, load_params
from benchmark.core.progress import Silent
from benchmark.data import apart, splits
from benchmark.data import prepare as module
from benchmark.data.apart import check_named, prepare_named, removed, require_apart
from benchmark.data.cases import load_cases

ROWS = {
    "skin": row("skin", "isic2018", (2, 1)),
    "again": row("again", "folder", (0, 3)),
    "phantom-dermoscopy": row("phantom-dermoscopy", "drawn", (0, 0)),
}


def params_of(**changes: object) -> Params:
    raw = yaml.safe_load(PARAMS)
    tiny = raw["mixes"]["tiny"]
    own = {**tiny, "train": ["skin"], "test": ["skin"], "unseen": ["again"], "drawn": None}
    other = {**tiny, "train": ["phantom-dermoscopy"], "test": ["phantom-dermoscopy"], "size": 48}
    raw["mixes"] = {"own": {**own, **changes}, "other": other}
    return Params.model_validate(raw)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A dataset that is trained on, and one that holds two of its pictures beside a new one."""
    monkeypatch.setattr(module, "dataset", ROWS.__getitem__)
    monkeypatch.setattr(module, "read_list", lambda name: None)
    monkeypatch.setattr(splits, "read_list", lambda name: None)
    paths = Paths(tmp_path)
    isic2018(paths.raw / "skin")
    test = paths.raw / "again" / "test"
    pair(test / "images" / "ISIC_0000001.jpg", test / "masks" / "ISIC_0000001.png", 80)
    pair(test / "images" / "new.jpg", test / "masks" / "new.png", 81)
    pair(test / "images" / "copy.jpg", test / "masks" / "copy.png", 82)
    (first,) = (paths.raw / "skin").rglob("ISIC_0000000.jpg")
    shutil.copy(first, test / "images" / "copy.jpg")
    return paths


def test_pictures_that_are_trained_on_are_left_out_and_counted(paths: Paths) -> None:
    params = params_of()
    prepare_named("own", params, paths, Silent())
    manifest = prepare_named("own.unseen", params, paths, Silent())
    assert manifest["datasets"]["again"]["removed"] == {"id": 1, "pixels": 1}
    assert manifest["datasets"]["again"]["test"] == 1
    cases = load_cases(paths.prepared("own.unseen"), ("test",))
    assert list(cases.table["case"]) == ["new"]
    images = np.load(paths.prepared("own.unseen") / "again" / "images.npy")
    assert images.shape == (1, 32, 32, 3)  # the header says what was written
    assert np.array_equal(images[0], cases.pixels(np.array([0]))[0][0])
    assert removed(manifest) == [
        "again: 2 of 3 cases removed, which own is trained on (1 by id, 1 more by pixels)"
    ]
    told = read_json(paths.results("own.unseen") / "data.json")
    assert told["datasets"]["again"]["removed"] == {"id": 1, "pixels": 1}
    assert check_named("own.unseen", params, paths)["content"] == manifest["content"]
    assert "removed" not in read_json(paths.prepared("own") / "manifest.json")["datasets"]["skin"]


def test_a_set_of_which_nothing_is_left_has_no_case(paths: Paths) -> None:
    test = paths.raw / "again" / "test"
    for name in ("new", "copy"):
        (test / "images" / f"{name}.jpg").unlink()
        (test / "masks" / f"{name}.png").unlink()
    ROWS_OF_ONE = {**ROWS, "again": row("again", "folder", (0, 1))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "dataset", ROWS_OF_ONE.__getitem__)
        prepare_named("own", params_of(), paths, Silent())
        prepare_named("own.unseen", params_of(), paths, Silent())
    assert len(load_cases(paths.prepared("own.unseen"), ("test",))) == 0


def test_another_mix_is_prepared_at_the_size_of_this_one(paths: Paths) -> None:
    params = params_of()
    prepare_named("other", params, paths, Silent())
    manifest = prepare_named("other.own", params, paths, Silent())
    assert manifest["size"] == 48
    assert list(manifest["datasets"]) == ["skin"]
    assert manifest["datasets"]["skin"]["removed"] == {"id": 0, "pixels": 0}
    prepare_named("own", params, paths, Silent())
    manifest = prepare_named("own.other", params, paths, Silent())
    assert (manifest["size"], manifest["datasets"]["phantom-dermoscopy"]["test"]) == (32, 2)


def test_data_of_another_request_or_of_other_training_cases_are_stale(paths: Paths) -> None:
    params = params_of()
    with pytest.raises(MissingDataError, match="mixseg prepare --mix own"):
        prepare_named("own.unseen", params, paths, Silent())
    prepare_named("own", params, paths, Silent())
    with pytest.raises(MissingDataError, match=r"mixseg prepare --mix own\.unseen"):
        require_apart(paths, params, "own.unseen")
    prepare_named("own.unseen", params, paths, Silent())
    require_apart(paths, params, "own.unseen")
    changed = params_of(unseen=["phantom-dermoscopy"])
    with pytest.raises(StaleDataError, match=r"test: prepared with \[again\].*own\.unseen"):
        require_apart(paths, changed, "own.unseen")
    fewer = params_of(at_most=1)
    prepare_named("own", fewer, paths, Silent())
    with pytest.raises(StaleDataError, match=r"the training cases of own with digest"):
        require_apart(paths, fewer, "own.unseen")


def test_raw_data_that_are_absent_are_named_and_nothing_is_lost(paths: Paths) -> None:
    params = params_of()
    prepare_named("own", params, paths, Silent())
    prepare_named("own.unseen", params, paths, Silent())
    before = (paths.prepared("own.unseen") / "manifest.json").read_bytes()
    shutil.rmtree(paths.raw / "again")
    with pytest.raises(MissingDataError, match=r"again: .*no folder"):
        prepare_named("own.unseen", params, paths, Silent())
    assert (paths.prepared("own.unseen") / "manifest.json").read_bytes() == before
    (paths.prepared("own.unseen") / "again" / "images.npy").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"mixseg prepare --mix own\.unseen"):
        check_named("own.unseen", params, paths)


@pytest.mark.parametrize(
    ("name", "said"),
    [("other.unseen", "mixes.other: no 'unseen'"), ("own.othr", "Did you mean 'other'"),
     ("onw.unseen", "Did you mean 'own'")],
)  # fmt: skip
def test_names_of_nothing_are_errors(name: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        params_of().prepared(name)


def test_unseen_changes_neither_the_request_nor_what_is_trained() -> None:
    one, other = params_of().mix("own"), params_of(unseen=[]).mix("own")
    assert one.request() == other.request()
    assert "unseen" not in one.request()
    assert apart.home("own.unseen") == "own"


def test_the_command_prepares_them_and_says_how(tmp_path: Path) -> None:
    raw = yaml.safe_load(PARAMS)
    sets = raw["mixes"]["tiny"]["test"]
    raw["mixes"]["tiny"] |= {"train": sets[:3], "test": sets[:3], "unseen": sets[3:]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    first = mixseg(tmp_path, "prepare", "--mix", "tiny")
    assert first.stdout.endswith(
        "next, the test sets that the mix never trains on: mixseg prepare --mix tiny.unseen\n"
    )
    second = mixseg(tmp_path, "prepare", "--mix", "tiny.unseen")
    assert second.returncode == 0, second.stderr
    assert "phantom-dermoscopy: 0 of 2 cases removed, which tiny is trained on" in second.stderr
    assert mixseg(tmp_path, "prepare", "--mix", "tiny.unseen", "--check").returncode == 0
    assert "no mix 'tiny.unseen'" in mixseg(tmp_path, "run", "--all", "--mix", "tiny.unseen").stderr
    listed = mixseg(tmp_path, "data", "--mix", "tiny.unseen").stdout
    assert "phantom-dermoscopy" in listed
    assert "phantom-fundus" not in listed
    assert load_params(tmp_path).mix("tiny").unseen == sets[3:]
