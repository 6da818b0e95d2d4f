import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from draw import TREES, blob, clinicdb, folder, image, isic2017, pranet, row, save, zenodo

from benchmark.core.errors import CatalogError, ImageError, MissingDataError
from benchmark.data.catalog import dataset, load_catalog
from benchmark.data.images import read_case, read_mask
from benchmark.data.layouts import LAYOUTS, raw_cases, source
from benchmark.data.splits import read_list

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("MIXSEG_REAL_DATA", ROOT.parent / "shared" / "data"))
REAL_FOLDERS = {
    "kvasir-seg": "Kvasir-SEG",
    "cvc-clinicdb": "CVC-ClinicDB",
    "busi": "BUSI",
    "isic2017": "ISIC2017",
    "drishti-gs": "DRISHTI-GS",
    "ddti": "DDTI",
}


def check(name: str, raw: Path, expected: dict[str, np.ndarray]) -> dict[str, str | None]:
    """Reads a drawn tree with the catalog's own row: the cases and their masks, to the pixel."""
    cases = raw_cases(dataset(name), raw)
    _, layout = source(dataset(name), raw)
    assert [case.case for case in cases] == sorted(expected)
    for case in cases:
        mask = np.logical_or.reduce([read_mask(path, layout.rule) for path in case.masks])
        assert (mask != expected[case.case]).mean() < 0.01  # JPEG masks move an edge here and there
        small, _ = read_case(case.image, case.masks, layout.rule, 16)
        assert small.any()
    return {case.case: case.split for case in cases}


def test_every_layout_of_the_catalog_is_read_here() -> None:
    used = {row.layout for row in load_catalog().values() if not row.drawn}
    assert used | {"folder"} == set(LAYOUTS)
    raw = {name: row.layout for name, row in load_catalog().items() if not row.drawn}
    assert {name: layout for name, (layout, _) in TREES.items()} == {
        name: layout for name, layout in raw.items() if name in TREES
    }
    assert set(raw) - set(TREES) == {"isic2017-open"}  # the same folder as isic2017


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("deep", [False, True])
def test_each_dataset_is_read_as_published(tmp_path: Path, name: str, deep: bool) -> None:
    folder = tmp_path / name / "unpacked here" if deep else tmp_path / name
    expected = TREES[name][1](folder)
    check(name, tmp_path, expected)


@pytest.mark.parametrize("name", TREES)
def test_each_dataset_is_read_from_its_inner_folder(tmp_path: Path, name: str) -> None:
    expected = TREES[name][1](tmp_path / "outer")
    inner = tmp_path / "outer"
    while len(children := [c for c in inner.iterdir() if c.is_dir()]) == 1:
        inner = children[0]
    shutil.move(inner, tmp_path / name)
    check(name, tmp_path, expected)


def test_splits_of_the_published_folders(tmp_path: Path) -> None:
    found = {}
    for name in ("origa", "tn3k", "isic2018", "isic2017", "drishti-gs", "cvc-clinicdb", "busi"):
        found[name] = check(name, tmp_path, TREES[name][1](tmp_path / name))
    assert found["origa"]["train-001"] == "train"
    assert found["origa"]["test-003"] == "test"
    assert found["tn3k"] == {
        "train-0000": "train",
        "train-0001": "train",
        "test-0000": "test",
        "test-0001": "test",
    }
    assert found["isic2018"]["ISIC_12169"] == "test"
    # The official validation set is a test set in one mix and nothing in the other: lists say so.
    assert found["isic2017"] == {
        "ISIC_0000000": "train",
        "ISIC_0001769": None,
        "ISIC_0012086": "test",
    }
    assert found["drishti-gs"] == {"drishtiGS_002": "train", "drishtiGS_001": "test"}
    assert found["cvc-clinicdb"]["151"] == "test"
    assert set(found["busi"].values()) == {None}


def test_the_archive_of_several_fundus_sets_gives_the_one_that_is_asked_for(tmp_path: Path) -> None:
    expected = zenodo(tmp_path / "refuge", "REFUGE", 2)
    zenodo(tmp_path / "refuge", "ORIGA", 3)
    check("refuge", tmp_path, expected)
    shutil.move(tmp_path / "refuge", tmp_path / "drishti")
    with pytest.raises(MissingDataError, match="2 folders with train and test"):
        raw_cases(row("drishti", "zenodo-8009107"), tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_clinicdb_is_read_as_first_published_too(tmp_path: Path, suffix: str) -> None:
    check("cvc-clinicdb", tmp_path, clinicdb(tmp_path / "cvc-clinicdb", suffix))


def test_cvc_300_is_read_where_pranets_training_set_lies_beside(tmp_path: Path) -> None:
    pranet(tmp_path / "cvc-300", "CVC-ClinicDB")
    assert [case.case for case in raw_cases(dataset("cvc-300"), tmp_path)] == ["151", "152"]


def test_a_nodule_belongs_to_its_patient(tmp_path: Path) -> None:
    TREES["ddti"][1](tmp_path / "ddti")
    groups = {case.case: case.group for case in raw_cases(dataset("ddti"), tmp_path)}
    assert groups == {"100_1(1)": "100", "100_1(2)": "100", "10_1": "10"}


def test_a_pointer_stands_for_the_folder(tmp_path: Path) -> None:
    expected = folder(tmp_path / "mine")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "isic2017.from").write_text(f"{tmp_path / 'mine'}\n")
    for name in ("isic2017", "isic2017-open"):
        assert [c.case for c in raw_cases(dataset(name), tmp_path / "raw")] == sorted(expected)


def test_a_pointer_to_nowhere_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "busi.from").write_text("/not/here")
    with pytest.raises(MissingDataError, match=r"/not/here: no folder, expected images/ and masks"):
        raw_cases(dataset("busi"), tmp_path)


def test_a_folder_of_ones_own_may_say_the_split(tmp_path: Path) -> None:
    folder(tmp_path / "own" / "train", ("a", "b"))
    folder(tmp_path / "own" / "test", ("c",))
    cases = raw_cases(row("own", "folder"), tmp_path)
    assert [(c.case, c.split) for c in cases] == [("a", "train"), ("b", "train"), ("c", "test")]


def test_stems_with_spaces_brackets_and_accents(tmp_path: Path) -> None:
    composed, taken_apart = (unicodedata.normalize(f, "Läsion é (1) [x]") for f in ("NFC", "NFD"))
    save(tmp_path / "own" / "images" / f"{taken_apart}.jpg", image(1))
    save(tmp_path / "own" / "masks" / f"{composed}.png", blob(1))
    (case,) = raw_cases(row("own", "folder"), tmp_path)
    assert case.case == composed


def test_what_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    expected = folder(tmp_path / "own")
    (tmp_path / "own" / "images" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "own" / "images" / "._a.jpg").write_bytes(b"x")
    (tmp_path / "own" / "images" / "more.png").mkdir()
    (tmp_path / "own" / "__MACOSX" / "images").mkdir(parents=True)
    (tmp_path / "own" / "__MACOSX" / "masks").mkdir()
    assert len(raw_cases(row("own", "folder"), tmp_path)) == len(expected)


def test_a_mask_without_an_image_is_passed_over(tmp_path: Path) -> None:
    isic2017(tmp_path / "isic2017")
    extra = tmp_path / "isic2017" / "ISIC-2017_Training_Part1_GroundTruth"
    save(extra / "ISIC_0000009_segmentation.png", blob(1))
    assert len(raw_cases(dataset("isic2017"), tmp_path)) == 3


def test_an_image_without_a_mask_is_named(tmp_path: Path) -> None:
    folder(tmp_path / "own")
    (tmp_path / "own" / "masks" / "b (1).png").unlink()
    with pytest.raises(MissingDataError, match=r"1 of 3 images without a mask \(b \(1\)\.jpg\)"):
        raw_cases(row("own", "folder"), tmp_path)


@pytest.mark.parametrize("twin", ["images/a.png", "masks/a.gif"])
def test_two_files_of_one_stem_are_refused(tmp_path: Path, twin: str) -> None:
    folder(tmp_path / "own")
    save(tmp_path / "own" / twin, blob(1))
    with pytest.raises(ImageError, match="a second file of the case of a"):
        raw_cases(row("own", "folder"), tmp_path)


def test_one_case_in_two_parts_is_refused(tmp_path: Path) -> None:
    isic2017(tmp_path / "isic2017")
    for kind, suffix in (("Data", ".jpg"), ("Part1_GroundTruth", "_segmentation.png")):
        one = tmp_path / "isic2017" / f"ISIC-2017_Training_{kind}" / f"ISIC_0000000{suffix}"
        shutil.copy(one, tmp_path / "isic2017" / f"ISIC-2017_Test_v2_{kind}")
    with pytest.raises(ImageError, match="a second file of the case"):
        raw_cases(dataset("isic2017"), tmp_path)


@pytest.mark.parametrize("name", TREES)
def test_missing_empty_and_strange_folders_say_what_is_expected_and_how_to_get_it(
    tmp_path: Path, name: str
) -> None:
    states = [("no folder", ""), ("an empty folder", name), ("fold|neither|no ISIC", f"{name}/odd")]
    for found, below in states:
        (tmp_path / below).mkdir(exist_ok=True)
        with pytest.raises(MissingDataError, match=found) as error:
            raw_cases(dataset(name), tmp_path)
        assert LAYOUTS[dataset(name).layout].describes in str(error.value)
        assert dataset(name).how in str(error.value)


def test_folders_without_a_picture_are_no_dataset(tmp_path: Path) -> None:
    for child in ("images", "masks"):
        (tmp_path / "own" / child).mkdir(parents=True)
    with pytest.raises(MissingDataError, match="no picture"):
        raw_cases(row("own", "folder"), tmp_path)


def test_an_unknown_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="'isic1999', expected one of folder, "):
        raw_cases(row("own", "isic1999"), tmp_path)


@pytest.mark.parametrize("name", REAL_FOLDERS)
def test_real_pictures_are_read(tmp_path: Path, name: str) -> None:
    real = REAL / REAL_FOLDERS[name]
    if not real.is_dir():
        pytest.skip(f"no real pictures at {real}; MIXSEG_REAL_DATA names another folder")
    images = sorted((real / "images").iterdir())
    images = images[:: len(images) // 12][:12]
    for kind in ("images", "masks"):
        (tmp_path / "copy" / kind).mkdir(parents=True)
    for path in images:
        shutil.copy(path, tmp_path / "copy" / "images")
        shutil.copy(real / "masks" / f"{path.stem}.png", tmp_path / "copy" / "masks")
    (tmp_path / f"{name}.from").write_text(str(tmp_path / "copy"))
    cases = raw_cases(dataset(name), tmp_path)
    named = read_list(name)
    assert named is not None
    # The normal images of BUSI and the validation set of ISIC2017 are in no list.
    assert sum(case.case in named.split for case in cases) >= 5
    for case in cases:
        small, mask = read_case(case.image, case.masks, LAYOUTS["folder"].rule, 64)
        assert small.std() > 5
        assert mask.any() or case.case.startswith("normal")
