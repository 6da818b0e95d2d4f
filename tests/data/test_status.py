"""What is here and what is missing is told; pointers are written only to what can be read."""

import os
from pathlib import Path

import pytest

from benchmark.core.errors import (
    CatalogError,
    ImageError,
    MissingDataError,
    MixSegError,
    ParamsError,
)
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.data import status as module
from benchmark.data.catalog import load_catalog
from benchmark.data.layouts import raw_cases, raw_folder
from benchmark.data.mask_rules import ListedCodes, MaskRule
from benchmark.data.pointers import point_to
from benchmark.data.raw import folder_of
from benchmark.data.status import (
    DataStatus,
    count_cases,
    datasets_of,
    describe,
    listed_cases,
    status,
)

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT)
CATALOG = load_catalog()
REAL = Path(os.environ.get("MIXSEG_REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "project")


def fill(folder: Path, names: list[str], kinds: tuple[str, ...] = ("images", "masks")) -> Path:
    """Files of these stems; no picture is opened here, so what is in them does not matter."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / kind / f"{name}.png").write_bytes(b"x")
    return folder


def told(paths: Paths, name: str) -> DataStatus:
    return status({name: CATALOG[name]}, paths, PARAMS.mixes)[0]


def pointers(paths: Paths) -> dict[str, str]:
    return {path.name: path.read_text() for path in paths.raw.glob("*.from")}


def refuse(folder: Path, names: list[str], paths: Paths, *parts: str) -> None:
    """Pointing there must fail with these parts in a named error, and write nothing."""
    with pytest.raises(MixSegError) as error:
        point_to(folder, names, paths)
    assert all(part in str(error.value) for part in parts), error.value
    assert pointers(paths) == {}


def test_nothing_is_here(paths: Paths) -> None:
    rows = status(CATALOG, paths, PARAMS.mixes)
    assert [row.dataset for row in rows] == list(CATALOG)
    states = {row.dataset: row.state for row in rows}
    assert {name for name, state in states.items() if state == "here"} == {
        name for name, row in CATALOG.items() if row.drawn
    }
    assert set(states.values()) == {"here", "missing"}
    assert not paths.raw.exists(), "looking does not write"


def test_what_is_missing_says_how_to_get_it(paths: Paths) -> None:
    plain = told(paths, "kvasir-seg")
    assert plain.how.startswith("`mixseg data --dataset kvasir-seg --download` fetches it")
    assert "drop kvasir-seg.zip (46 MB) into data/raw/kvasir-seg" in plain.how
    account = told(paths, "drishti-gs")
    assert "Register a team" in account.how
    assert "--download" not in account.how
    assert (plain.modality, plain.found, plain.expected) == ("colonoscopy", 0, 1000)


def test_mixes_that_use_a_dataset(paths: Paths) -> None:
    assert {"mix1", "mix2", "open"} <= set(told(paths, "cvc-clinicdb").mixes)
    assert told(paths, "cvc-300").mixes == ("mix1.unseen", "mix2")
    assert told(paths, "ddti").mixes == ("mix1.unseen", "open.unseen", "open128.unseen")


@pytest.mark.parametrize(
    ("count", "state"), [(0, "missing"), (59, "incomplete"), (60, "here"), (61, "incomplete")]
)
def test_states(paths: Paths, monkeypatch: pytest.MonkeyPatch, count: int, state: str) -> None:
    monkeypatch.setattr(module, "listed_cases", lambda name: None)
    if count:
        folder = paths.raw / "cvc-300/TestDataset/CVC-300"
        fill(folder, [str(i) for i in range(count)])
    row = told(paths, "cvc-300")
    assert (row.state, row.found, row.expected) == (state, min(count, 60), 60)
    where = f"in {paths.raw / 'cvc-300'}, read as PraNet's TestDataset/CVC-300/{{images,masks}}/."
    if count:
        assert row.how.startswith(where)
    if state == "incomplete":
        assert f"Cases: 0 for training and {count} for testing, in place of 0 and 60" in row.how


def test_other_pictures_are_named(paths: Paths) -> None:
    fill(paths.raw / "kvasir-seg", ["beach", "dog"])
    row = told(paths, "kvasir-seg")
    assert (row.state, row.found) == ("incomplete", 0)
    assert "read as Kvasir-SEG/{images,masks}/*.jpg" in row.how
    assert "1000 of its 1000 cases are not there (cju0qkwl35piu0993l0dewei2" in row.how
    assert "2 cases of other names are (beach, dog)" in row.how


@pytest.mark.parametrize(
    "name", ["archive.zip", "deep/er/Data.TAR.GZ", "../archives/Dataset_BUSI.zip"]
)
def test_a_dropped_archive_is_noticed(paths: Paths, name: str) -> None:
    path = paths.raw / "busi" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK")
    row = told(paths, "busi")
    assert row.state == "missing" or "deep" in name
    said = f"Not unpacked yet: {path}. `mixseg data --dataset busi --download` unpacks it."
    assert said.replace("busi/../", "") in row.how
    with pytest.raises(MixSegError, match=f"{path.name} not unpacked yet.*--dataset busi --down"):
        raw_cases(CATALOG["busi"], paths.raw)


def test_a_dropped_rar_is_to_be_unpacked_by_hand(paths: Paths) -> None:
    (paths.raw / "busi").mkdir(parents=True)
    (paths.raw / "busi/busi.rar").write_bytes(b"Rar")
    assert "Unpack busi.rar by hand (unar, 7z)" in told(paths, "busi").how
    with pytest.raises(MixSegError, match=r"Unpack busi\.rar by hand"):
        raw_cases(CATALOG["busi"], paths.raw)


def test_another_row_that_fits_is_named(paths: Paths) -> None:
    for split in ("train", "test"):
        letter = split[0] if split == "test" else "n"
        for kind in ("images", "mask"):
            names = [f"{letter}{i:04d}" for i in range(400)]
            (paths.raw / "refuge/REFUGE2" / split / kind).mkdir(parents=True)
            for name in names:
                (paths.raw / "refuge/REFUGE2" / split / kind / f"{name}.png").write_bytes(b"x")
    assert told(paths, "refuge-official").state == "here"
    row = told(paths, "refuge")
    assert (row.state, row.found) == ("incomplete", 400)
    assert "Cases: 400 for training and 400 for testing, in place of 320 and 80" in row.how
    assert "It is the whole of refuge-official, another dataset of the catalog" in row.how


def test_only_cases_of_the_committed_split_count(paths: Paths) -> None:
    listed = sorted(listed_cases("cvc-300") or ())
    assert len(listed) == 60
    fill(paths.raw / "cvc-300/TestDataset/CVC-300", [*listed[:59], "another", "and another"])
    row = told(paths, "cvc-300")
    assert (row.state, row.found) == ("incomplete", 59)


def test_two_rows_that_share_a_folder_are_told_apart(paths: Paths) -> None:
    names = sorted(listed_cases("isic2017-open") or ())
    point_to(fill(paths.root / "own/ISIC2017", names).parent, ["isic2017-open"], paths)
    assert told(paths, "isic2017-open").state == "here"
    other = told(paths, "isic2017")
    assert (other.state, other.found, other.expected) == ("incomplete", 2000, 2600)
    assert "isic2017.from points to" in other.how


def test_an_unreadable_folder_says_why(paths: Paths) -> None:
    fill(paths.raw / "kvasir-seg", ["a", "b"])
    (paths.raw / "kvasir-seg/masks/b.png").unlink()
    row = told(paths, "kvasir-seg")
    assert (row.state, row.found) == ("incomplete", 0)
    assert "1 of 2 images without a mask (b.png)" in row.how
    assert "`mixseg data --dataset kvasir-seg --download` fetches it" in row.how


def test_an_empty_folder_is_missing(paths: Paths) -> None:
    (paths.raw / "kvasir-seg").mkdir(parents=True)
    assert told(paths, "kvasir-seg").state == "missing"


def test_a_pointer_to_a_folder_that_went_away(paths: Paths) -> None:
    own = fill(paths.root / "own/Kvasir-SEG", ["a"])
    point_to(own.parent, [], paths, force=True)
    own.rename(own.with_name("elsewhere"))
    row = told(paths, "kvasir-seg")
    assert row.state == "missing"
    assert "kvasir-seg.from points to" in row.how


def test_counting_raises_only_what_is_unexpected(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(paths.raw / "kvasir-seg", ["a"])
    (paths.raw / "kvasir-seg/images/a.jpg").write_bytes(b"x")
    with pytest.raises(ImageError):
        raw_cases(CATALOG["kvasir-seg"], paths.raw)
    assert count_cases(CATALOG["kvasir-seg"], paths.raw).state == "incomplete"
    monkeypatch.setattr("benchmark.data.layouts.raw_folder", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        count_cases(CATALOG["kvasir-seg"], paths.raw)


def test_datasets_of_a_mix() -> None:
    mix2 = ["refuge", "kvasir-seg", "cvc-clinicdb", "tn3k", "isic2017", "cvc-300"]
    assert datasets_of(PARAMS, "mix2") == mix2
    assert datasets_of(PARAMS, "mix2.unseen") == ["busi", "origa"]
    assert {*mix2, "etis"} < set(datasets_of(PARAMS, None))
    with pytest.raises(ParamsError, match="Did you mean 'mix2'"):
        datasets_of(PARAMS, "mix-2")


def test_the_text_names_every_dataset_and_how_to_get_it(paths: Paths) -> None:
    text = describe(PARAMS, datasets_of(PARAMS, "open"), paths)
    assert all(name in text for name in datasets_of(PARAMS, "open"))
    assert "DRISHTI-GS (missing): Register a team" in text
    assert "0/1000" in text
    assert "drawn" in describe(PARAMS, datasets_of(PARAMS, "mix0"), paths)


NAMES = ["Kvasir-SEG", "kvasir_seg", "KVASIR SEG", "kvasirseg"]


@pytest.mark.parametrize("name", NAMES)
def test_sub_folders_are_known_by_name(paths: Paths, tmp_path: Path, name: str) -> None:
    fill(tmp_path / "own" / name, ["a", "b"])
    fill(tmp_path / "own" / "holidays", ["c"])
    lines = point_to(tmp_path / "own", [], paths, force=True)
    assert lines == [f"kvasir-seg: {tmp_path / 'own' / name}"]
    assert pointers(paths) == {"kvasir-seg.from": f"{tmp_path / 'own' / name}\n"}
    cases = raw_cases(CATALOG["kvasir-seg"], paths.raw)
    assert [case.case for case in cases] == ["a", "b"]


def test_one_folder_serves_two_rows(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "ISIC2017", ["a"])
    lines = point_to(tmp_path, [], paths, force=True)
    assert [line.split(":")[0] for line in lines] == ["isic2017", "isic2017-open"]
    assert set(pointers(paths)) == {"isic2017.from"}


def test_what_a_mix_lacks_is_said(paths: Paths, tmp_path: Path) -> None:
    for name in ("BUSI", "DRISHTI-GS"):
        fill(tmp_path / "own" / name, ["a"])
    lines = point_to(tmp_path / "own", datasets_of(PARAMS, "open"), paths, force=True)
    assert set(pointers(paths)) == {"busi.from", "drishti-gs.from"}
    assert f"kvasir-seg: nothing named like it in {tmp_path / 'own'}" in lines


def test_a_folder_of_one_dataset(paths: Paths, tmp_path: Path) -> None:
    own = fill(tmp_path / "pictures", ["a"])
    assert point_to(own, ["busi"], paths, force=True) == [f"busi: {own}"]
    assert pointers(paths) == {"busi.from": f"{own}\n"}


def test_a_folder_with_train_and_test(paths: Paths, tmp_path: Path) -> None:
    for split, names in (("train", ["a", "b"]), ("test", ["c"])):
        fill(tmp_path / "tn3k" / split, names)
    point_to(tmp_path, [], paths, force=True)
    cases = raw_cases(CATALOG["tn3k"], paths.raw)
    assert sorted(case.split or "" for case in cases) == ["test", "train", "train"]


def test_a_pointer_is_replaced(paths: Paths, tmp_path: Path) -> None:
    for name in ("one", "two"):
        point_to(fill(tmp_path / name, ["a"]), ["busi"], paths, force=True)
    assert pointers(paths) == {"busi.from": f"{tmp_path / 'two'}\n"}


@pytest.mark.parametrize(("names", "count"), [([], 0), (["busi", "ddti"], 2)])
def test_one_folder_needs_one_name(
    paths: Paths, tmp_path: Path, names: list[str], count: int
) -> None:
    own = fill(tmp_path / "own", ["a"])
    parts = (f"{count} datasets are named", "exactly one dataset", "--dataset NAME")
    refuse(own, names, paths, str(own), *parts)


def test_names_that_do_not_fit(paths: Paths, tmp_path: Path) -> None:
    own = tmp_path / "own"
    fill(own / "kvasir-sge", ["a"])
    fill(own / "holidays", ["a"])
    parts = ("sub-folders holidays, kvasir-sge", "kvasir-seg", "Nearest: kvasir-sge")
    refuse(own, ["kvasir-seg"], paths, str(own), *parts)
    refuse(own, [], paths, "holidays, kvasir-sge", "Nearest: kvasir-sge")
    with pytest.raises(CatalogError, match="Did you mean 'kvasir-seg'"):
        point_to(own, ["kvasir-sge"], paths)


def test_folders_of_other_names_in_train_and_test_are_shown(paths: Paths, tmp_path: Path) -> None:
    for split in ("train", "test"):
        fill(tmp_path / "own" / split, ["a"], ("pictures", "truth"))
    parts = ("sub-folders test (pictures, truth), train (pictures, truth), expected images/",)
    refuse(tmp_path / "own", ["busi"], paths, *parts, "or a folder busi. Rename the folders.")


def test_two_sub_folders_of_one_dataset(paths: Paths, tmp_path: Path) -> None:
    for name in ("BUSI", "busi_"):
        fill(tmp_path / "own" / name, ["a"])
    refuse(tmp_path / "own", ["busi"], paths, "BUSI and busi_ are both busi")


def test_folders_that_cannot_be_read(paths: Paths, tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", ["busi"], paths, "no such folder")
    (tmp_path / "file").write_bytes(b"x")
    refuse(tmp_path / "file", ["busi"], paths, "no such folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", ["busi"], paths, "neither images/ and masks/ nor sub-folders")
    fill(tmp_path / "one/BUSI", ["a"], ("images",))
    said = ("BUSI: no folder with benign and malignant; no folder with images and masks, expected",)
    refuse(tmp_path / "one", ["busi"], paths, *said, "images/ and masks/ of equal stems")
    fill(tmp_path / "none/BUSI", [])
    refuse(tmp_path / "none", ["busi"], paths, "no picture")


def test_other_pictures_do_not_replace_a_good_pointer(paths: Paths, tmp_path: Path) -> None:
    good = fill(tmp_path / "good", sorted(listed_cases("cvc-300") or ()))
    point_to(good, ["cvc-300"], paths)
    old = pointers(paths)
    for names in (["beach", "dog"], sorted(listed_cases("cvc-300") or ())[1:]):
        other = fill(tmp_path / f"other {len(names)}", names)
        with pytest.raises(
            MissingDataError, match=r"is not CVC-300: .* cases are not there"
        ) as error:
            point_to(other, ["cvc-300"], paths)
        assert "No pointer was changed" in str(error.value)
        assert ("beach, dog" in str(error.value)) == (names[0] == "beach")
        assert pointers(paths) == old
    point_to(other, ["cvc-300"], paths, force=True)
    assert pointers(paths) == {"cvc-300.from": f"{other}\n"}


def test_one_folder_of_other_pictures_keeps_all_pointers(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own/CVC-300", sorted(listed_cases("cvc-300") or ()))
    fill(tmp_path / "own/Kvasir-SEG", ["beach"])
    refuse(tmp_path / "own", [], paths, "Kvasir-SEG is not Kvasir-SEG", "No pointer was changed")


def test_counts_are_compared_where_there_is_no_list(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own/train", ["a"])
    fill(tmp_path / "own/test", ["b"])
    said = "cases: 1 for training and 1 for testing, in place of 2594 and 1000"
    parts = (f"own is not ISIC2018: {said}, expected", "`mixseg new-dataset`")
    refuse(tmp_path / "own", ["isic2018"], paths, *parts)


def test_a_published_folder_may_be_pointed_to(paths: Paths, tmp_path: Path) -> None:
    names = sorted(listed_cases("cvc-300") or ())
    fill(tmp_path / "CVC-EndoSceneStill/CVC-300", names, ("bbdd", "gtpolyp"))
    lines = point_to(tmp_path / "CVC-EndoSceneStill", ["cvc-300"], paths)
    assert lines == [f"cvc-300: {tmp_path / 'CVC-EndoSceneStill/CVC-300'}"]
    lines = point_to(tmp_path, ["cvc-300"], paths)
    assert lines == [f"cvc-300: {tmp_path}"]
    assert told(paths, "cvc-300").state == "here"
    assert "bbdd,gtpolyp" in told(paths, "cvc-300").how


def test_an_image_without_a_mask(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own/BUSI", ["a", "b (1)"])
    fill(tmp_path / "own/DDTI", ["a"])
    (tmp_path / "own/BUSI/masks/b (1).png").unlink()
    refuse(tmp_path / "own", [], paths, "1 of 2 images without a mask (b (1).png)")


OWN = [
    ("Images", "Masks", ""), ("image", "mask", ""), ("imgs", "labels", ""), ("IMG", "label", ""),
    ("images", "masks", "_mask"), ("images", "masks", "_segmentation"), ("images", "masks", "-Seg"),
    ("images ", "masks", ""),
]  # fmt: skip


@pytest.mark.parametrize(("images", "masks", "suffix"), OWN)
@pytest.mark.parametrize("splits", [("",), ("train", "test"), ("Train", "TEST")])
def test_folders_and_stems_as_people_name_them(
    paths: Paths, tmp_path: Path, images: str, masks: str, suffix: str, splits: tuple[str, ...]
) -> None:
    for k, split in enumerate(splits):
        fill(tmp_path / "own" / split, [f"a{k}", f"b{k}"], (images,))
        fill(tmp_path / "own" / split, [f"a{k}{suffix}", f"b{k}{suffix}"], (masks,))
    point_to(tmp_path / "own", ["busi"], paths, force=True)
    cases = raw_cases(CATALOG["busi"], paths.raw)
    assert len(cases) == 2 * len(splits)
    assert all(case.masks[0].stem == f"{case.image.stem}{suffix}" for case in cases)
    expected = {None} if splits == ("",) else {"train", "test"}
    assert {case.split for case in cases} == expected


def test_of_several_folders_of_masks_the_plain_name_counts(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own", ["a"], ("images", "labels", "masks", "masks_cup"))
    point_to(tmp_path / "own", ["busi"], paths, force=True)
    assert raw_cases(CATALOG["busi"], paths.raw)[0].masks[0].parent.name == "masks"


def test_a_mask_of_another_stem_is_named(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own", ["a", "b"], ("images",))
    fill(tmp_path / "own", ["a_lesion", "b_lesion"], ("masks",))
    parts = ("2 of 2 images without a mask (a.png, b.png)", "(a_lesion.png, b_lesion.png)")
    refuse(tmp_path / "own", ["busi"], paths, *parts)


def test_two_masks_of_one_image_are_refused(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own", ["a"], ("images",))
    fill(tmp_path / "own", ["a_mask", "a_segmentation"], ("masks",))
    refuse(tmp_path / "own", ["busi"], paths, "a second file of the case of a_mask.png")


def test_an_image_called_mask_has_its_own_mask(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own", ["a", "a_mask"])
    point_to(tmp_path / "own", ["busi"], paths, force=True)
    cases = raw_cases(CATALOG["busi"], paths.raw)
    assert [case.masks[0].stem for case in cases] == ["a", "a_mask"]


@pytest.mark.parametrize("name", ["BUSI ", " busi", "busi\t"])
def test_a_folder_whose_name_ends_in_a_space(paths: Paths, tmp_path: Path, name: str) -> None:
    fill(tmp_path / "own" / name, ["a"])
    point_to(tmp_path / "own" / name, ["busi"], paths, force=True)
    assert [case.case for case in raw_cases(CATALOG["busi"], paths.raw)] == ["a"]


def test_a_line_break_in_a_name_is_refused(paths: Paths, tmp_path: Path) -> None:
    fill(tmp_path / "own\nother", ["a"])
    refuse(tmp_path / "own\nother", ["busi"], paths, "a line break in its name")


def test_what_is_passed_over_is_said(paths: Paths, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for split, name in (("train", "a"), ("test", "b"), ("val", "c")):
        fill(own / split, [name])
    fill(own / "train", ["alone"], ("masks",))
    for name in ("train/images/x.dcm", "train/images/y.dcm", "test/masks/z.npy", "README", ".hid"):
        (own / name).write_bytes(b"x")
    expected = "2 .dcm, 1 .npy, 1 .png, 1 README, val/ (2 .png)"
    lines = point_to(own, ["isic2018"], paths, force=True)
    assert lines == [f"isic2018: {own}; passed over {expected}"]
    text = describe(PARAMS, ["isic2018", "busi", "phantom-fundus"], paths)
    assert f" Passed over: {expected}. " in " ".join(text.split())


def test_pictures_that_a_list_does_not_name_are_passed_over(paths: Paths, tmp_path: Path) -> None:
    own = fill(tmp_path / "own", [*sorted(listed_cases("cvc-300") or ()), "beach"])
    assert point_to(own, ["cvc-300"], paths) == [f"cvc-300: {own}; passed over 2 .png"]
    assert told(paths, "cvc-300").how.endswith("Passed over: 2 .png.")


def test_nothing_is_said_where_all_is_used(paths: Paths, tmp_path: Path) -> None:
    own = fill(tmp_path / "own", sorted(listed_cases("cvc-300") or ()))
    assert point_to(own, ["cvc-300"], paths) == [f"cvc-300: {own}"]
    assert "assed over" not in describe(PARAMS, ["cvc-300"], paths)


def test_a_folder_of_dicom_alone_says_what_is_there(paths: Paths, tmp_path: Path) -> None:
    own = fill(tmp_path / "own", ["a", "b"])
    for path in (own / "images").iterdir():
        path.rename(path.with_suffix(".dcm"))
    parts = ("no picture ending in .png, .jpg", "but images/ (2 .dcm), masks/ (2 .png)")
    refuse(own, ["busi"], paths, *parts)


def test_the_codes_stand_in_the_pointer(paths: Paths, tmp_path: Path) -> None:
    own = fill(tmp_path / "own", ["a"])
    codes = ListedCodes((1, 2), (0,))
    lines = point_to(own, ["busi"], paths, force=True, codes=codes)
    assert lines == [f"busi: {own}; lesion codes 1, 2 and background codes 0"]
    assert pointers(paths) == {"busi.from": f"{own}\nlesion codes: 1,2\nbackground codes: 0\n"}
    assert raw_folder(CATALOG["busi"], paths.raw).rule == codes
    assert folder_of(CATALOG["busi"], paths.raw) == own
    point_to(own, ["busi"], paths, force=True)
    assert raw_folder(CATALOG["busi"], paths.raw).rule == MaskRule()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("lesion codes: 1", "no background code"),
        ("lesion codes: x\nbackground codes: 0", "'x' is no code"),
        ("lesion codes: 1\nbackground codes: 1", "1 is a lesion code and a background code"),
    ],
)
def test_a_pointer_with_broken_codes_is_named(paths: Paths, lines: str, said: str) -> None:
    paths.raw.mkdir(parents=True)
    (paths.raw / "busi.from").write_text(f"/somewhere\n{lines}\n")
    with pytest.raises(MissingDataError, match=said):
        raw_folder(CATALOG["busi"], paths.raw)


def test_drawn_datasets_are_not_read_from_files(paths: Paths, tmp_path: Path) -> None:
    refuse(tmp_path, datasets_of(PARAMS, "mix0"), paths, "phantom-fundus is drawn")


@pytest.mark.skipif(not (REAL / "BUSI").is_dir(), reason=f"no real images in {REAL}")
def test_real_images(paths: Paths) -> None:
    point_to(REAL, datasets_of(PARAMS, "open"), paths)
    rows = [told(paths, name) for name in datasets_of(PARAMS, "open")]
    assert [(row.dataset, row.state, row.found) for row in rows] == [
        ("drishti-gs", "here", 101),
        ("kvasir-seg", "here", 1000),
        ("cvc-clinicdb", "here", 612),
        ("busi", "here", 647),
        ("isic2017-open", "here", 2150),
    ]
