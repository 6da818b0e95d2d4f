import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from draw import (
    COPIES,
    SIZE,
    TREES,
    blob,
    clinicdb,
    coded,
    ddti_xml,
    folder,
    glaucoma,
    image,
    isic2017,
    pair,
    pranet,
    refuge_official,
    row,
    save,
    zenodo,
)

from benchmark.core.errors import CatalogError, ImageError, MissingDataError
from benchmark.data.catalog import dataset, load_catalog
from benchmark.data.images import read_case
from benchmark.data.layouts import LAYOUTS, describes, raw_cases, raw_folder, read_pixels
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.masks import read_mask
from benchmark.data.pointer_file import Pointer, write_pointer
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
    found = raw_folder(dataset(name), raw)
    assert [case.case for case in found.cases] == sorted(expected)
    for case in found.cases:
        mask = np.logical_or.reduce([read_mask(path, found.rule).pixels for path in case.masks])
        assert (mask != expected[case.case]).mean() < 0.01  # JPEG masks move an edge here and there
        small, *_ = read_pixels(case, found.rule, 16)
        assert small.any()
    return {case.case: case.split for case in found.cases}


def test_every_layout_of_the_catalog_is_read_here() -> None:
    used = {row.layout for row in load_catalog().values() if not row.drawn}
    assert used | {"folder"} == set(LAYOUTS)
    raw = {name: row.layout for name, row in load_catalog().items() if not row.drawn}
    assert {name: layout for name, (layout, _) in TREES.items()} == {
        name: layout for name, layout in raw.items() if name in TREES
    }
    # The same folders as isic2017, refuge and origa.
    assert set(raw) - set(TREES) == {"isic2017-open", "refuge-official", "origa-ab"}


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("deep", [False, True])
def test_each_dataset_is_read_as_published(tmp_path: Path, name: str, deep: bool) -> None:
    folder = tmp_path / name / "unpacked here" if deep else tmp_path / name
    expected = TREES[name][1](folder)
    check(name, tmp_path, expected)


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("deep", [False, True])
def test_each_copy_is_read_and_named(tmp_path: Path, copy: str, deep: bool) -> None:
    name, describing, draw = COPIES[copy]
    place = tmp_path / dataset(name).raw
    expected = draw(place / "unpacked here" if deep else place)
    splits = check(name, tmp_path, expected)
    assert describing in raw_folder(dataset(name), tmp_path).form.describes
    if name == "refuge-official":  # the validation set is passed over
        assert splits == {"g0001": "train", "n0001": "train", "V0001": None, "T0001": "test"}
    if name == "origa-ab":
        assert splits == {"001": "train", "002": "train", "003": "test"}


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
    shutil.rmtree(tmp_path / "refuge/Processed_Fundus_Images/REFUGE")
    for count in (1, 2):
        with pytest.raises(MissingDataError, match=r"of other datasets \(.*ORIGA.*\), none named"):
            raw_cases(dataset("refuge"), tmp_path)
        zenodo(tmp_path / "refuge", "Drishti_GS", count)


@pytest.mark.parametrize(
    "codes", [(255, 128, 0), (0, 1, 2), (0, 128, 255), (0, 255, 255), (0, 1, 1), (255, 0, 0)]
)
def test_the_frame_of_the_masks_tells_how_they_say_disc(
    tmp_path: Path, codes: tuple[int, int, int]
) -> None:
    names = {f"images masks {name}": k for k, name in enumerate("abc")}
    expected = coded(tmp_path / "origa", names, codes, ".png")
    save(tmp_path / "origa/images/empty.jpg", image(8))
    expected["empty"] = np.zeros(SIZE[::-1], bool)
    save(tmp_path / "origa/masks/empty.png", np.full(SIZE[::-1], codes[0], np.uint8))
    check("origa", tmp_path, expected)


def test_a_number_that_the_first_masks_do_not_hold_is_no_background(tmp_path: Path) -> None:
    names = {f"images masks {k:02d}": k % 5 for k in range(12)}
    coded(tmp_path / "origa", names, (0, 1, 2), ".png")
    coded(tmp_path / "origa", {"images masks 11": 1}, (0, 1, 3), ".png")
    found = raw_folder(dataset("origa"), tmp_path)
    with pytest.raises(ImageError, match=r"11\.png: code 3 \(.* on neither list"):
        read_mask(found.cases[-1].masks[0], found.rule)


def test_masks_of_two_codings_in_one_set_are_refused(tmp_path: Path) -> None:
    coded(tmp_path / "origa", {"images masks a": 1}, (255, 128, 0), ".png")
    coded(tmp_path / "origa", {"images masks b": 2}, (0, 1, 2), ".png")
    found = raw_folder(dataset("origa"), tmp_path)
    with pytest.raises(ImageError, match=r"b\.png: .*codes 1, 2 .*expected .*0, 128, 255.*a\.png"):
        found.rule  # noqa: B018


# By the frame, by what lies below 255 or by 1 and 2: none of these fits, and none is guessed.
@pytest.mark.parametrize(
    ("codes", "suffix", "said"),
    [
        ((0, 1, 34), ".png", r"1 \(.*34 \("),
        ((0, 3, 3), ".png", r"3 \(.*like label numbers"),
        ((0, 1, 255), ".png", r"1 \(.*255 \(.*expected 0, 128 and 255"),
        ((0, 1, 2), ".jpg", "like label numbers"),
    ],
)
def test_discs_of_other_codes_are_refused_until_they_are_listed(
    tmp_path: Path, codes: tuple[int, int, int], suffix: str, said: str
) -> None:
    expected = coded(tmp_path / "origa", {"images masks a": 1}, codes, suffix)
    found = raw_folder(dataset("origa"), tmp_path)
    with pytest.raises(ImageError, match=said):
        read_mask(found.cases[0].masks[0], found.rule)
    listed = ListedCodes(tuple(sorted(set(codes[1:]))), (0,))
    write_pointer(tmp_path, "origa", Pointer(tmp_path / "origa", listed))
    assert raw_folder(dataset("origa"), tmp_path).rule == listed
    if suffix == ".png":
        check("origa", tmp_path, expected)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_clinicdb_is_read_as_first_published_too(tmp_path: Path, suffix: str) -> None:
    check("cvc-clinicdb", tmp_path, clinicdb(tmp_path / "cvc-clinicdb", suffix))


def test_cvc_300_is_read_where_pranets_training_set_lies_beside(tmp_path: Path) -> None:
    pranet(tmp_path / "cvc-300", "CVC-ClinicDB")
    assert [case.case for case in raw_cases(dataset("cvc-300"), tmp_path)] == ["151", "152"]


def test_pranets_test_sets_are_not_read_as_another_dataset(tmp_path: Path) -> None:
    pranet(tmp_path / "kvasir-seg", "CVC-300")  # no TrainDataset
    cases = raw_cases(dataset("kvasir-seg"), tmp_path)
    assert {case.image.parent.parent.name for case in cases} == {"Kvasir"}
    shutil.rmtree(tmp_path / "kvasir-seg/TestDataset/Kvasir")
    with pytest.raises(MissingDataError, match=r"images and masks of other datasets .*CVC-300"):
        raw_cases(dataset("kvasir-seg"), tmp_path)
    shutil.rmtree(tmp_path / "kvasir-seg/TestDataset/CVC-ClinicDB")  # one is left, and a stranger
    with pytest.raises(MissingDataError, match=r"images and masks of other datasets .*CVC-300"):
        raw_cases(dataset("kvasir-seg"), tmp_path)


@pytest.mark.parametrize("below", [".", "CVC-ClinicDB", "unpacked/CVC-ClinicDB"])
def test_a_folder_of_ones_own_is_not_taken_for_pranets_pack(tmp_path: Path, below: str) -> None:
    expected = folder(tmp_path / "cvc-clinicdb" / below, ("1", "2", "612"))
    found = raw_folder(dataset("cvc-clinicdb"), tmp_path)
    assert [case.case for case in found.cases] == sorted(expected)
    assert found.form.describes.startswith("images/ and masks/")


def test_another_dataset_in_the_folder_is_named(tmp_path: Path) -> None:
    glaucoma(tmp_path / "refuge", "REFUGE")
    shutil.rmtree(tmp_path / "refuge/REFUGE")
    with pytest.raises(
        MissingDataError, match=r"none named like refuge.*OrigaList|none named like"
    ):
        raw_cases(dataset("refuge"), tmp_path)
    pair(tmp_path / "busi/Kvasir/images/a.png", tmp_path / "busi/Kvasir/masks/a.png", 1)
    with pytest.raises(MissingDataError, match=r"other datasets \(Kvasir\), none named like busi"):
        raw_cases(dataset("busi"), tmp_path)


def test_a_part_of_refuge_without_its_masks_is_passed_over(tmp_path: Path) -> None:
    refuge_official(tmp_path / "refuge")
    shutil.rmtree(tmp_path / "refuge/REFUGE2/REFUGE2/REFUGE-Test-GT")
    cases = raw_cases(dataset("refuge-official"), tmp_path)
    assert [case.case for case in cases] == ["V0001", "g0001", "n0001"]
    next((tmp_path / "refuge").rglob("n0001.bmp")).unlink()
    with pytest.raises(MissingDataError, match=r"1 of 2 images without a mask \(n0001\.jpg\)"):
        raw_cases(dataset("refuge-official"), tmp_path)


def test_origa_without_its_list_has_no_splits(tmp_path: Path) -> None:
    glaucoma(tmp_path / "origa", "ORIGA")
    (tmp_path / "origa/ORIGA/OrigaList.csv").unlink()
    cases = raw_cases(dataset("origa-ab"), tmp_path)
    assert {case.split for case in cases} == {None}


def test_a_nodule_belongs_to_its_patient(tmp_path: Path) -> None:
    TREES["ddti"][1](tmp_path / "ddti")
    groups = {case.case: case.group for case in raw_cases(dataset("ddti"), tmp_path)}
    assert groups == {"100_1(1)": "100", "100_1(2)": "100", "10_1": "10"}


def test_ddtis_outlines_are_cases_of_the_crops_names(tmp_path: Path) -> None:
    ddti_xml(tmp_path / "ddti")
    found = raw_folder(dataset("ddti"), tmp_path)
    groups = {case.case: case.group for case in found.cases}
    assert groups == {"100_1(1)": "100", "100_1(2)": "100", "100_2": "100"}
    listed = read_list("ddti")
    assert listed is not None
    assert {"100_1(1)", "100_1(2)"} <= set(listed.split)
    for case in found.cases:
        picture, mask, _ = read_pixels(case, found.rule, 64)
        assert picture.shape == (64, 64, 3)
        assert picture.std() > 1
        # Around the first outline: 80 x 60 pixels in 125 x 120, as 15 columns are black.
        share = 81 * 61 / (126 * 121) if case.case != "100_1(2)" else 0.5 * 61 * 51 / (121 * 111)
        assert mask.mean() == pytest.approx(share, abs=0.02), case.case


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<case><mark>", "no XML"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><case/>", "definitions of entities"),
        ("<case>" + " " * 2**20 + "</case>", "more than 1 MiB"),
    ],
)
def test_what_is_no_file_of_outlines_is_named(tmp_path: Path, text: str, said: str) -> None:
    ddti_xml(tmp_path / "ddti")
    (tmp_path / "ddti/100.xml").write_text(text)
    with pytest.raises(ImageError, match=rf"100\.xml: {said}"):
        raw_cases(dataset("ddti"), tmp_path)


def test_an_outline_outside_of_its_picture_is_named(tmp_path: Path) -> None:
    ddti_xml(tmp_path / "ddti")
    save(tmp_path / "ddti/100_2.jpg", image(1, (40, 30)))
    found = raw_folder(dataset("ddti"), tmp_path)
    with pytest.raises(ImageError, match=r"outline 1 lies outside of 100_2\.jpg"):
        read_pixels(found.cases[-1], found.rule, 32)


NUMBERS = ["-0.5", "-1", "+2", "1=1", "a-b", "-"]


@pytest.mark.parametrize(
    "name", ["=HYPERLINK(1)", "@a", "+a", "-a", "=1+2", "\ta", "＝1", *NUMBERS]
)
def test_names_that_a_spreadsheet_would_run_are_refused(tmp_path: Path, name: str) -> None:
    folder(tmp_path / "own", (name,))
    if name in NUMBERS:
        assert [case.case for case in raw_cases(row("own", "folder"), tmp_path)] == [name]
        return
    with pytest.raises(ImageError, match="spreadsheet runs as a formula"):
        raw_cases(row("own", "folder"), tmp_path)


def test_folders_that_a_spreadsheet_would_run_are_refused(tmp_path: Path) -> None:
    folder(tmp_path / "own" / "=1+2", ("a",))
    with pytest.raises(ImageError, match=r"'=1\+2/images/a\.jpg'"):
        raw_cases(row("own", "folder"), tmp_path)


def test_a_pointer_stands_for_the_folder(tmp_path: Path) -> None:
    expected = folder(tmp_path / "mine")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "isic2017.from").write_text(f"{tmp_path / 'mine'}\n")
    for name in ("isic2017", "isic2017-open"):
        assert [c.case for c in raw_cases(dataset(name), tmp_path / "raw")] == sorted(expected)


def test_a_pointer_to_nowhere_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "busi.from").write_text("/not/here")
    with pytest.raises(MissingDataError, match=r"/not/here: no folder, expected Dataset_BUSI"):
        raw_cases(dataset("busi"), tmp_path)


@pytest.mark.parametrize("name", TREES)
def test_a_pointer_may_name_a_published_folder(tmp_path: Path, name: str) -> None:
    expected = TREES[name][1](tmp_path / "elsewhere")
    (tmp_path / f"{dataset(name).raw}.from").write_text(f"{tmp_path / 'elsewhere'}\n")
    check(name, tmp_path, expected)


def test_the_name_of_a_folder_may_end_in_a_space(tmp_path: Path) -> None:
    expected = folder(tmp_path / "mine ")
    (tmp_path / "busi.from").write_text(f"{tmp_path / 'mine '}\n")
    assert len(raw_cases(dataset("busi"), tmp_path)) == len(expected)


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
    states = [("no folder", ""), ("an empty folder", name), ("no |neither", f"{name}/odd")]
    for found, below in states:
        (tmp_path / below).mkdir(exist_ok=True)
        with pytest.raises(MissingDataError, match=found) as error:
            raw_cases(dataset(name), tmp_path)
        assert describes(dataset(name)) in str(error.value)
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
        small, mask, _ = read_case(
            case.image, case.masks, raw_folder(dataset(name), tmp_path).rule, 64
        )
        assert small.std() > 5
        assert mask.any() or case.case.startswith("normal")
