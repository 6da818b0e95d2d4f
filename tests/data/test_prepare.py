import csv
import errno
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from draw import blob, folder, isic2018, pranet, row, save, tn3k, zenodo
from PIL import Image

from benchmark.core.errors import ImageError, MissingDataError, StoreError
from benchmark.core.files import Places, read_json, sha256_bytes, sha256_file
from benchmark.core.params import Drawn, Mix
from benchmark.core.progress import Silent
from benchmark.core.recipe import Recipe
from benchmark.data import prepare as module
from benchmark.data import splits
from benchmark.data.cases import load_cases
from benchmark.data.manifest import data_digest
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
    known = {"train": train, "test": test, "size": SIZE, "max_epochs": None}
    return Mix.model_construct(**(some | known | fields))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
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
    return Places(tmp_path)


ALL = mix(["thyroid", "skin", "frames"], ["thyroid", "skin", "eyes"])


def files(folder: Path) -> dict[str, str]:
    """Digests of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_manifest_says_what_was_written(places: Places) -> None:
    manifest = prepare("m", ALL, places, Silent())
    assert manifest == read_json(places.prepared("m") / "manifest.json")
    assert (manifest["mix"], manifest["size"]) == ("m", SIZE)
    assert manifest["content"] == data_digest(places.prepared("m"))
    keys = ("modality", "role", "train", "val", "test", "left_out")
    assert {n: tuple(d[k] for k in keys) for n, d in manifest["datasets"].items()} == {
        "thyroid": ("ultrasound", "seen", 1, 1, 2, 0),
        "skin": ("dermoscopy", "seen", 1, 1, 1, 0),
        # Only trained on: its test cases are not stored.
        "frames": ("colonoscopy", "seen", 1, 1, 0, 0),
        # Only tested.
        "eyes": ("fundus", "unseen", 0, 0, 3, 0),
    }


def test_arrays_hold_the_reduced_pixels_in_the_order_of_the_table(places: Places) -> None:
    prepare("m", ALL, places, Silent())
    folder = places.prepared("m") / "thyroid"
    images, masks = (np.load(folder / f"{k}.npy", mmap_mode="r") for k in ("images", "masks"))
    table = list(csv.DictReader((folder / "cases.csv").read_text().splitlines()))
    assert (images.dtype, images.shape) == (np.uint8, (4, SIZE, SIZE, 3))
    assert (masks.dtype, masks.shape) == (np.uint8, (4, SIZE, SIZE))
    assert [r["case"] for r in table] == ["test-0000", "test-0001", "train-0000", "train-0001"]
    raw = places.raw / "thyroid"
    for k, r in enumerate(table):
        picture = Image.open(raw / r["source"]).convert("RGB")
        reduced = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        assert np.array_equal(images[k], reduced)
        assert r["digest"] == sha256_bytes(images[k].tobytes())[:16]
        assert set(np.unique(masks[k])) == {0, 1}
    drawn = Image.fromarray(blob(0).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
    assert (masks[2] != np.asarray(drawn)).mean() < 0.02


def test_what_is_written_is_what_training_opens(places: Places) -> None:
    prepare("m", ALL, places, Silent())
    cases = load_cases(places.prepared("m"), SPLITS)
    assert len(cases) == 12
    images, masks = cases.pixels(np.arange(12))
    assert images.any()
    assert masks.any(axis=(1, 2)).all()
    groups = dict(zip(cases.table["case"], cases.table["group"], strict=True))
    assert groups["2"] == "s2"


def test_the_report_is_told_of_licences_and_splits(places: Places) -> None:
    manifest = prepare("m", ALL, places, Silent())
    told = read_json(places.results("m") / "data.json")
    assert told["content"] == manifest["content"]
    for name, about in manifest["datasets"].items():
        assert about.items() <= told["datasets"][name].items()
        assert {"title", "licence", "citation", "homepage"} <= told["datasets"][name].keys()
    assert told["datasets"]["frames"]["split"] == "tests"
    assert "published folders" in told["datasets"]["skin"]["split"]


def test_a_second_run_writes_the_same_bytes(places: Places) -> None:
    prepare("m", ALL, places, Silent())
    first = files(places.prepared("m")) | files(places.results("m"))
    prepare("m", ALL, places, Silent())
    assert files(places.prepared("m")) | files(places.results("m")) == first
    assert len(first) == 4 * 3 + 3


def test_the_digest_follows_masks_and_splits_but_not_what_is_left_out(places: Places) -> None:
    before = prepare("m", ALL, places, Silent())["content"]
    frames = places.raw / "cvc-clinicdb" / "TrainDataset"
    for kind in ("image", "mask"):
        shutil.copy(frames / kind / "cju0a.png", frames / kind / "cju0b.png")
    assert prepare("m", ALL, places, Silent())["content"] == before
    save(frames / "mask" / "1.png", ~blob(1))
    assert prepare("m", ALL, places, Silent())["content"] != before


def test_all_gaps_are_listed_before_anything_is_written(places: Places) -> None:
    with pytest.raises(MissingDataError) as error:
        prepare("m", mix(["skin", "gone"], ["lost", "gone"]), places, Silent())
    text = str(error.value)
    assert "2 of 3 datasets are not ready" in text
    for name, raw in (("gone", "gone"), ("lost", "elsewhere")):
        assert f"{name}: {places.raw / raw}: no folder" in text
        assert f"Ask for {name}." in text
    assert not places.prepared("m").exists()


def test_fewer_cases_than_published_are_a_gap(places: Places) -> None:
    for part in ("test-image", "test-mask"):
        (places.raw / "thyroid" / "Thyroid Dataset" / "tn3k" / part / "0001.jpg").unlink()
    (places.raw / "cvc-clinicdb" / "TrainDataset" / "image" / "2.png").unlink()
    with pytest.raises(MissingDataError) as error:
        prepare("m", ALL, places, Silent())
    assert "thyroid: 2 cases for training and 1 for testing, expected 2 and 2" in str(error.value)
    assert "frames: 1 of 4 cases are missing (2)" in str(error.value)


def test_a_pointer_with_fewer_cases_is_a_gap_too(places: Places, tmp_path: Path) -> None:
    folder(tmp_path / "mine", ("1", "2", "151"))
    (places.raw / "cvc-clinicdb.from").write_text(str(tmp_path / "mine"))
    with pytest.raises(MissingDataError, match=r"1 of 4 cases are missing \(152\)"):
        prepare("m", ALL, places, Silent())
    folder(tmp_path / "mine", ("152",))
    assert prepare("m", ALL, places, Silent())["datasets"]["frames"]["train"] == 1


def break_one(places: Places, monkeypatch: pytest.MonkeyPatch, how: str) -> type[BaseException]:
    """Makes the third dataset's writing fail; gives the error to expect."""
    if how == "damaged":
        (places.raw / "cvc-clinicdb" / "TrainDataset" / "image" / "2.png").write_bytes(b"\x89PNG")
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
    places: Places, monkeypatch: pytest.MonkeyPatch, how: str, before: bool
) -> None:
    if before:
        prepare("m", ALL, places, Silent())
    old = files(places.root / "data" / "prepared"), files(places.root / "results")
    expected = break_one(places, monkeypatch, how)
    with pytest.raises(expected):
        prepare("m", ALL, places, Silent())
    assert (files(places.root / "data" / "prepared"), files(places.root / "results")) == old
    assert not list((places.root / "data" / "prepared").glob(".*"))


def test_only_a_few_cases_are_in_memory_at_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Counter[str]()
    read, append = module.read_pixels, module.Rows.append

    def counting(*about: object) -> tuple[np.ndarray, np.ndarray]:
        live["now"] += 1
        live["most"] = max(live["most"], live["now"])
        return read(*about)

    def written(self: module.Rows, pixels: np.ndarray) -> None:
        live["now"] -= self.path.name == "images.npy"
        append(self, pixels)

    count = 5 * AHEAD
    monkeypatch.setattr(module, "read_pixels", counting)
    monkeypatch.setattr(module.Rows, "append", written)
    monkeypatch.setitem(ROWS, "eyes", ROWS["eyes"].model_copy(update={"counts": _counts(count)}))
    zenodo(places.raw / "origa", count=count)
    prepare("m", mix(["eyes"], ["eyes"]), places, Silent())
    assert live["most"] <= AHEAD
    assert live["now"] == 0


def _counts(count: int) -> object:
    return type(ROWS["eyes"].counts)(train=count, test=count)


def test_at_most_so_many_training_cases_and_all_test_cases(places: Places) -> None:
    both = ["thyroid", "frames"]
    prepare("m", mix(both, both), places, Silent())
    every = load_cases(places.prepared("m"), SPLITS).table
    prepare("m", mix(both, both, at_most=1), places, Silent())
    some = load_cases(places.prepared("m"), SPLITS).table
    for name in both:
        one, all_ = some[some["dataset"] == name], every[every["dataset"] == name]
        assert sum(one["split"] != "test") == 1
        assert set(one["case"]) < set(all_["case"])
        assert sum(one["split"] == "test") == sum(all_["split"] == "test") == 2
    again = [sha256_file(path) for path in sorted(places.prepared("m").rglob("*.npy"))]
    prepare("m", mix(both, both, at_most=1), places, Silent())
    assert again == [sha256_file(path) for path in sorted(places.prepared("m").rglob("*.npy"))]


def test_drawn_datasets_are_drawn(places: Places) -> None:
    drawn = mix(["phantom-fundus"], ["phantom-fundus"], drawn=Drawn(train=20, test=3, seed=5))
    manifest = prepare("m", drawn, places, Silent())
    assert [manifest["datasets"]["phantom-fundus"][s] for s in SPLITS] == [18, 2, 3]
    cases = load_cases(places.prepared("m"), SPLITS).table
    assert list(cases["case"]) == [f"fundus-{k:04d}" for k in range(1, 24)]
    train = {f"fundus-{k:04d}": f"fundus-{k:04d}" for k in range(1, 21)}
    assert set(cases["case"][cases["split"] == "val"]) == draw_val("phantom-fundus", train)
    assert list(cases["case"][cases["split"] == "test"]) == [
        f"fundus-{k:04d}" for k in (21, 22, 23)
    ]
    assert cases["digest"].is_unique
    again = prepare("m", drawn, places, Silent())
    assert again == manifest
    other = mix(["phantom-fundus"], ["phantom-fundus"], drawn=Drawn(train=20, test=3, seed=6))
    assert prepare("m", other, places, Silent())["content"] != manifest["content"]


def test_a_drawn_dataset_in_a_mix_that_draws_nothing_is_refused(places: Places) -> None:
    with pytest.raises(MissingDataError, match="phantom-fundus: a drawn dataset"):
        prepare("m", mix(["phantom-fundus"], []), places, Silent())
