import csv
import errno
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deep import png16
from draw import blob, folder, image, isic2018, pranet, row, save, tn3k, zenodo
from PIL import Image

from benchmark.core.errors import ImageError, MissingDataError, StoreError
from benchmark.core.files import Paths, read_json, sha256_bytes, sha256_file
from benchmark.core.params import Drawn, Mix
from benchmark.core.progress import Silent
from benchmark.core.recipe import Recipe
from benchmark.data import prepare as module
from benchmark.data import splits
from benchmark.data.cases import load_cases
from benchmark.data.contact_sheet import contact_sheet
from benchmark.data.images import Case
from benchmark.data.manifest import data_digest
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.pointer_file import Pointer, write_pointer
from benchmark.data.prepare import AHEAD, prepare
from benchmark.data.splits import SPLITS, SplitList, draw_val

SIZE = 32
ROWS = {
    "thyroid": row("thyroid", "tn3k", (2, 2), modality="ultrasound"),
    "skin": row("skin", "isic2018", (2, 1)),
    "eyes": row("eyes", "origa", (3, 3), modality="fundus", raw="origa"),
    "frames": row("frames", "cvc-clinicdb", (2, 2), modality="colonoscopy", raw="cvc-clinicdb"),
    "gone": row("gone", "busi"),
    "lost": row("lost", "busi", raw="elsewhere"),
    "phantom-fundus": row("phantom-fundus", "drawn", (0, 0), modality="fundus"),
}
LISTED = SplitList(
    "tests",
    {"1": "train", "2": "val", "151": "test", "152": "test"},
    {"1": "s1", "2": "s2", "151": "s3", "152": "s3"},
)


def mix(train: list[str], test: list[str], **fields: object) -> Mix:
    """A mix for tests; its recipe is not looked at here."""
    some = {"title": "t", "seeds": [0], "weights": "random", "recipe": Recipe(), "drawn": None}
    known = {"train": train, "test": test, "size": SIZE, "max_epochs": None, "at_most": None}
    return Mix.model_construct(**(some | known | fields))


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A project with four small raw datasets, one of them with a committed list."""
    lists: Callable[[str], SplitList | None] = {"frames": LISTED}.get
    monkeypatch.setattr(module, "dataset", ROWS.__getitem__)
    monkeypatch.setattr(module, "read_list", lists)
    monkeypatch.setattr(splits, "read_list", lists)
    raw = tmp_path / "data" / "raw"
    tn3k(raw / "thyroid")
    isic2018(raw / "skin")
    zenodo(raw / "origa")
    pranet(raw / "cvc-clinicdb")
    return Paths(tmp_path)


ALL = mix(["thyroid", "skin", "frames"], ["thyroid", "skin", "eyes"])


def files(folder: Path) -> dict[str, str]:
    """Digests of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_manifest_says_what_was_written(paths: Paths) -> None:
    manifest = prepare("m", ALL, paths, Silent())
    assert manifest == read_json(paths.prepared("m") / "manifest.json")
    assert (manifest["mix"], manifest["size"]) == ("m", SIZE)
    assert manifest["content"] == data_digest(paths.prepared("m"))
    keys = ("modality", "role", "train", "val", "test", "left_out")
    assert {n: tuple(d[k] for k in keys) for n, d in manifest["datasets"].items()} == {
        "thyroid": ("ultrasound", "seen", 1, 1, 2, 0),
        "skin": ("dermoscopy", "seen", 1, 1, 1, 0),
        # Only trained on: its test cases are not stored.
        "frames": ("colonoscopy", "seen", 1, 1, 0, 0),
        # Only tested.
        "eyes": ("fundus", "unseen", 0, 0, 3, 0),
    }


def test_arrays_hold_the_reduced_pixels_in_the_order_of_the_table(paths: Paths) -> None:
    prepare("m", ALL, paths, Silent())
    folder = paths.prepared("m") / "thyroid"
    images, masks = (np.load(folder / f"{k}.npy", mmap_mode="r") for k in ("images", "masks"))
    table = list(csv.DictReader((folder / "cases.csv").read_text().splitlines()))
    assert (images.dtype, images.shape) == (np.uint8, (4, SIZE, SIZE, 3))
    assert (masks.dtype, masks.shape) == (np.uint8, (4, SIZE, SIZE))
    assert [r["case"] for r in table] == ["test-0000", "test-0001", "train-0000", "train-0001"]
    raw = paths.raw / "thyroid"
    for k, r in enumerate(table):
        picture = Image.open(raw / r["source"]).convert("RGB")
        reduced = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        assert np.array_equal(images[k], reduced)
        assert r["digest"] == sha256_bytes(images[k].tobytes())[:16]
        assert set(np.unique(masks[k])) == {0, 1}
    drawn = Image.fromarray(blob(0).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
    assert (masks[2] != np.asarray(drawn)).mean() < 0.02


def test_what_is_written_is_what_training_opens(paths: Paths) -> None:
    prepare("m", ALL, paths, Silent())
    cases = load_cases(paths.prepared("m"), SPLITS)
    assert len(cases) == 12
    images, masks = cases.pixels(np.arange(12))
    assert images.any()
    assert masks.any(axis=(1, 2)).all()
    groups = dict(zip(cases.table["case"], cases.table["group"], strict=True))
    assert groups["2"] == "s2"


def test_the_report_is_told_of_licences_and_splits(paths: Paths) -> None:
    manifest = prepare("m", ALL, paths, Silent())
    told = read_json(paths.results("m") / "data.json")
    assert told["content"] == manifest["content"]
    for name, about in manifest["datasets"].items():
        assert about.items() <= told["datasets"][name].items()
        assert {"title", "licence", "citation", "homepage"} <= told["datasets"][name].keys()
    assert told["datasets"]["frames"]["split"] == "tests"
    assert "published folders" in told["datasets"]["skin"]["split"]


def test_a_second_run_writes_the_same_bytes(paths: Paths) -> None:
    prepare("m", ALL, paths, Silent())
    first = files(paths.prepared("m")) | files(paths.results("m"))
    prepare("m", ALL, paths, Silent())
    assert files(paths.prepared("m")) | files(paths.results("m")) == first
    assert len(first) == 4 * 4 + 4


def test_the_digest_follows_masks_and_splits_but_not_what_is_left_out(paths: Paths) -> None:
    before = prepare("m", ALL, paths, Silent())["content"]
    frames = paths.raw / "cvc-clinicdb" / "TrainDataset"
    for kind in ("image", "mask"):
        shutil.copy(frames / kind / "cju0a.png", frames / kind / "cju0b.png")
    assert prepare("m", ALL, paths, Silent())["content"] == before
    save(frames / "mask" / "1.png", ~blob(1))
    assert prepare("m", ALL, paths, Silent())["content"] != before


def test_all_gaps_are_listed_before_anything_is_written(paths: Paths) -> None:
    with pytest.raises(MissingDataError) as error:
        prepare("m", mix(["skin", "gone"], ["lost", "gone"]), paths, Silent())
    text = str(error.value)
    assert "2 of 3 datasets are not ready" in text
    for name, raw in (("gone", "gone"), ("lost", "elsewhere")):
        assert f"{name}: {paths.raw / raw}: no folder" in text
        assert f"Ask for {name}." in text
    assert not paths.prepared("m").exists()


def test_fewer_cases_than_published_are_a_gap(paths: Paths) -> None:
    for part in ("test-image", "test-mask"):
        (paths.raw / "thyroid" / "Thyroid Dataset" / "tn3k" / part / "0001.jpg").unlink()
    (paths.raw / "cvc-clinicdb" / "TrainDataset" / "image" / "2.png").unlink()
    with pytest.raises(MissingDataError) as error:
        prepare("m", ALL, paths, Silent())
    assert "thyroid: 2 cases for training and 1 for testing, expected 2 and 2" in str(error.value)
    assert "frames: 1 of 4 cases are missing (2)" in str(error.value)


def test_a_pointer_with_fewer_cases_is_a_gap_too(paths: Paths, tmp_path: Path) -> None:
    folder(tmp_path / "mine", ("1", "2", "151"))
    (paths.raw / "cvc-clinicdb.from").write_text(str(tmp_path / "mine"))
    with pytest.raises(MissingDataError, match=r"1 of 4 cases are missing \(152\)"):
        prepare("m", ALL, paths, Silent())
    folder(tmp_path / "mine", ("152",))
    assert prepare("m", ALL, paths, Silent())["datasets"]["frames"]["train"] == 1


def break_one(paths: Paths, monkeypatch: pytest.MonkeyPatch, how: str) -> type[BaseException]:
    """Makes the third dataset's writing fail; gives the error to expect."""
    if how == "damaged":
        (paths.raw / "cvc-clinicdb" / "TrainDataset" / "image" / "2.png").write_bytes(b"\x89PNG")
        return ImageError
    append = module.Rows.append
    error = KeyboardInterrupt() if how == "ctrl-c" else OSError(errno.ENOSPC, "no space left")

    def failing(self: module.Rows, pixels: np.ndarray) -> None:
        if "frames" in self.path.parts:
            raise error
        append(self, pixels)

    monkeypatch.setattr(module.Rows, "append", failing)
    return KeyboardInterrupt if how == "ctrl-c" else StoreError


@pytest.mark.parametrize("how", ["damaged", "ctrl-c", "disk full"])
@pytest.mark.parametrize("before", [False, True])
def test_nothing_half_written_is_left(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, how: str, before: bool
) -> None:
    if before:
        prepare("m", ALL, paths, Silent())
    old = files(paths.root / "data" / "prepared"), files(paths.root / "results")
    expected = break_one(paths, monkeypatch, how)
    with pytest.raises(expected):
        prepare("m", ALL, paths, Silent())
    assert (files(paths.root / "data" / "prepared"), files(paths.root / "results")) == old
    assert not list((paths.root / "data" / "prepared").glob(".*"))


def test_only_a_few_cases_are_in_memory_at_once(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Counter[str]()
    read, append = module.read_pixels, module.Rows.append

    def counting(*about: object, **depth: object) -> Case:
        live["now"] += 1
        live["most"] = max(live["most"], live["now"])
        return read(*about, **depth)

    def written(self: module.Rows, pixels: np.ndarray) -> None:
        live["now"] -= self.path.name == "images.npy"
        append(self, pixels)

    count = 5 * AHEAD
    monkeypatch.setattr(module, "read_pixels", counting)
    monkeypatch.setattr(module.Rows, "append", written)
    monkeypatch.setitem(ROWS, "eyes", ROWS["eyes"].model_copy(update={"counts": _counts(count)}))
    zenodo(paths.raw / "origa", count=count)
    prepare("m", mix(["eyes"], ["eyes"]), paths, Silent())
    assert live["most"] <= AHEAD
    assert live["now"] == 0


def _counts(count: int) -> object:
    return type(ROWS["eyes"].counts)(train=count, test=count)


def test_at_most_so_many_training_cases_and_all_test_cases(paths: Paths) -> None:
    both = ["thyroid", "frames"]
    prepare("m", mix(both, both), paths, Silent())
    every = load_cases(paths.prepared("m"), SPLITS).table
    prepare("m", mix(both, both, at_most=1), paths, Silent())
    some = load_cases(paths.prepared("m"), SPLITS).table
    for name in both:
        one, all_ = some[some["dataset"] == name], every[every["dataset"] == name]
        assert sum(one["split"] != "test") == 1
        assert set(one["case"]) < set(all_["case"])
        assert sum(one["split"] == "test") == sum(all_["split"] == "test") == 2
    again = [sha256_file(path) for path in sorted(paths.prepared("m").rglob("*.npy"))]
    prepare("m", mix(both, both, at_most=1), paths, Silent())
    assert again == [sha256_file(path) for path in sorted(paths.prepared("m").rglob("*.npy"))]


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def own(paths: Paths, codes: dict[str, int], **fields: object) -> Mix:
    """A folder of one's own, discs of these codes by name; those that begin with t are tested."""
    for k, (name, code) in enumerate(codes.items()):
        split = paths.raw / "own" / ("test" if name[0] == "t" else "train")
        save(split / "images" / f"{name}.png", image(k))
        save(split / "masks" / f"{name}.png", blob(k).astype(np.uint8) * np.uint8(code))
    counts = (sum(name[0] != "t" for name in codes), sum(name[0] == "t" for name in codes))
    ROWS["own"] = row("own", "folder", counts, **fields)
    return mix(["own"], ["own"])


def test_one_code_for_the_lesion_in_a_whole_dataset(paths: Paths) -> None:
    prepare("m", own(paths, {"a": 1, "b": 1, "t": 0}), paths, Silent())
    chosen = own(paths, {"a": 1, "b": 255, "t": 0})
    with pytest.raises(ImageError) as error:
        prepare("m", chosen, paths, Silent())
    masks = paths.raw / "own" / "train" / "masks"
    assert f"{masks / 'b.png'}: the lesion has code 255, and code 1 in {masks / 'a.png'}" in str(
        error.value
    )
    assert "--lesion-codes" in str(error.value)
    ROWS["own"] = row("own", "folder", (2, 1), lesion_codes=[1, 255], background_codes=[0])
    prepare("m", chosen, paths, Silent())
    assert np.load(paths.prepared("m") / "own" / "masks.npy").any(axis=(1, 2)).sum() == 2


def test_a_dataset_without_any_lesion_is_refused(paths: Paths) -> None:
    with pytest.raises(ImageError, match=r"own: all 3 masks are empty .*--lesion-codes"):
        prepare("m", own(paths, {"a": 0, "b": 0, "t": 0}), paths, Silent())
    assert not paths.prepared("m").exists()
    prepare("m", own(paths, {"a": 0, "b": 0, "t": 255}), paths, Silent())


def test_codes_of_the_row_and_of_the_pointer(paths: Paths, tmp_path: Path) -> None:
    codes = {"lesion_codes": [7], "background_codes": [0]}
    prepare("m", own(paths, {"a": 7, "b": 7, "t": 7}, **codes), paths, Silent())
    read = np.load(paths.prepared("m") / "own" / "masks.npy")
    assert (read.mean(axis=(1, 2)) < 0.3).all()
    # What the pointer says is of the folder that it names.
    other = ListedCodes((0,), (7,))
    write_pointer(paths.raw, "own", Pointer(paths.raw / "own", other))
    prepare("m", mix(["own"], ["own"]), paths, Silent())
    assert np.array_equal(np.load(paths.prepared("m") / "own" / "masks.npy"), 1 - read)
    write_pointer(paths.raw, "own", Pointer(paths.raw / "own"))
    prepare("m", mix(["own"], ["own"]), paths, Silent())
    assert np.array_equal(np.load(paths.prepared("m") / "own" / "masks.npy"), read)


def test_deep_pictures_are_read_by_one_rule_that_is_said_once(paths: Paths) -> None:
    chosen = own(paths, {"a": 255, "b": 255, "c": 255, "t": 255})
    for name, largest in (("a", 1023), ("b", 200)):
        values = np.full((*blob(0).shape, 3), largest, np.uint16)
        png16(paths.raw / "own" / "train" / "images" / f"{name}.png", values)
    heard = Listening()
    prepare("m", chosen, paths, heard)
    assert heard.lines == [
        "own: 2 pictures have 16 bits a channel with values up to 1023: "
        "read as 10 bits, of which the upper 8 are kept"
    ]
    table = load_cases(paths.prepared("m"), SPLITS).table.set_index("case")["row"]
    images = np.load(paths.prepared("m") / "own" / "images.npy")
    assert (images[table["a"]] == 255).all()
    assert (images[table["b"]] == 50).all()
    heard = Listening()
    prepare("m", chosen.model_copy(update={"at_most": 1}), paths, heard)
    assert "read as 10 bits" in heard.lines[0]


def test_a_list_without_val_gets_one_and_says_so(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{k:02d}" for k in range(30)]
    listed = SplitList(
        "mine", dict.fromkeys(names, "train") | {"t": "test"}, dict.fromkeys([*names, "t"], "")
    )
    lists: Callable[[str], SplitList | None] = {"own": listed}.get
    monkeypatch.setattr(module, "read_list", lists)
    monkeypatch.setattr(splits, "read_list", lists)
    chosen = own(paths, dict.fromkeys([*names, "t"], 255))
    heard = Listening()
    manifest = prepare("m", chosen, paths, heard)
    assert [manifest["datasets"]["own"][split] for split in SPLITS] == [27, 3, 1]
    assert heard.lines == [
        "own: its list of splits names no val, so a share of 0.1 of its training groups is drawn "
        "by name for val"
    ]
    told = read_json(paths.results("m") / "data.json")["datasets"]["own"]["split"]
    assert told.startswith("mine. val: ")


def test_an_empty_val_is_said(paths: Paths) -> None:
    heard = Listening()
    manifest = prepare("m", own(paths, {"a": 255, "t": 255}), paths, heard)
    assert manifest["datasets"]["own"]["train"] == 1  # the one case is left to train on
    assert heard.lines == [
        "own: val is empty (training cases in one group, or none left by at_most): "
        "`mixseg tune` cannot use it"
    ]


def test_the_contact_sheet_shows_the_smallest_and_the_largest(paths: Paths) -> None:
    prepare("m", ALL, paths, Silent())
    folder = paths.prepared("m") / "thyroid"
    images, masks = (np.load(folder / f"{kind}.npy") for kind in ("images", "masks"))
    order = np.argsort(masks.sum(axis=(1, 2)), kind="stable")
    expected = contact_sheet([images[k] for k in order], [masks[k] for k in order])
    with Image.open(folder / "contact_sheet.jpg") as sheet:
        assert np.abs(np.asarray(sheet).astype(int) - expected).mean() < 5


def test_drawn_datasets_are_drawn(paths: Paths) -> None:
    drawn = mix(["phantom-fundus"], ["phantom-fundus"], drawn=Drawn(train=20, test=3, seed=5))
    manifest = prepare("m", drawn, paths, Silent())
    assert [manifest["datasets"]["phantom-fundus"][s] for s in SPLITS] == [18, 2, 3]
    cases = load_cases(paths.prepared("m"), SPLITS).table
    assert list(cases["case"]) == [f"fundus-{k:04d}" for k in range(1, 24)]
    train = {f"fundus-{k:04d}": f"fundus-{k:04d}" for k in range(1, 21)}
    assert set(cases["case"][cases["split"] == "val"]) == draw_val("phantom-fundus", train)
    assert list(cases["case"][cases["split"] == "test"]) == [
        f"fundus-{k:04d}" for k in (21, 22, 23)
    ]
    assert cases["digest"].is_unique
    again = prepare("m", drawn, paths, Silent())
    assert again == manifest
    other = mix(["phantom-fundus"], ["phantom-fundus"], drawn=Drawn(train=20, test=3, seed=6))
    assert prepare("m", other, paths, Silent())["content"] != manifest["content"]


def test_a_drawn_dataset_in_a_mix_that_draws_nothing_is_refused(paths: Paths) -> None:
    with pytest.raises(MissingDataError, match="phantom-fundus: a drawn dataset"):
        prepare("m", mix(["phantom-fundus"], []), paths, Silent())
