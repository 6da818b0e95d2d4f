"""Datasets of one's own: what is proposed, what is read, what is refused."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from draw import blob, image, pair, save
from support import PARAMS, mixseg

from benchmark.core.errors import CatalogError, ImageError, MissingDataError, ParamsError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.data.catalog import broken_own, dataset, load_catalog, read_own
from benchmark.data.layouts import raw_folder
from benchmark.data.mask_rules import ListedCodes
from benchmark.data.mix_entry import with_entry, write_entry
from benchmark.data.new_dataset import Looked, Wanted, look_again, new_dataset
from benchmark.data.own import OWN, Seeded, draw_splits
from benchmark.data.own_sheet import page
from benchmark.data.patterns import group_in, name_in
from benchmark.data.prepare import prepare

COUNT = 10


def suffixed(root: Path) -> None:
    """One folder, masks that end in _mask."""
    for k in range(COUNT):
        pair(root / f"scan {k}.png", root / f"scan {k}_mask.png", k)


def labels(root: Path) -> None:
    """images/ and labels/, the split by folders."""
    for part, count in (("train", 7), ("test", 3)):
        for k in range(count):
            home = root / part
            pair(home / "images" / f"{k}.jpg", home / "labels" / f"{k}.png", k + len(part))


def ones(root: Path) -> None:
    """Masks of 0 and 1."""
    for k in range(COUNT):
        save(root / "images" / f"{k}.png", image(k))
        save(root / "masks" / f"{k}_segmentation.png", blob(k).astype(np.uint8))


def patients(root: Path) -> None:
    """Three pictures of each of five patients."""
    for k in range(15):
        name = f"p{k // 3}_{k}"
        pair(root / "images" / f"{name}.png", root / "masks" / f"{name}.png", k)


MADE = {"suffixed": suffixed, "labels": labels, "ones": ones, "patients": patients}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A project without own datasets."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MIXSEG_DATASETS", raising=False)
    return Paths(root)


def made(paths: Paths, kind: str, **wanted: object) -> Looked:
    folder = paths.root.parent / kind
    MADE[kind](folder)
    return new_dataset(kind, folder, Wanted("dermoscopy", **wanted), paths, Silent())


def refused(paths: Paths, kind: type[Exception], folder: Path, **wanted: object) -> str:
    """The message of an error, after which nothing is there."""
    with pytest.raises(kind) as error:
        new_dataset("mine", folder, Wanted("dermoscopy", **wanted), paths, Silent())
    assert not list(paths.own.glob("*")) if paths.own.exists() else True
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "images", "masks"),
    [
        ("suffixed", ["*.png"], ["*_mask.png"]),
        ("labels", ["*/images/*.jpg"], ["*/labels/*.png"]),
        ("ones", ["images/*.png"], ["masks/*_segmentation.png"]),
        ("patients", ["images/*.png"], ["masks/*.png"]),
    ],
)
def test_patterns_are_proposed(
    paths: Paths, kind: str, images: list[str], masks: list[str]
) -> None:
    looked = made(paths, kind)
    assert looked.row.own is not None
    assert (looked.row.own.images, looked.row.own.masks) == (images, masks)
    assert not any(looked.unmatched.values())
    assert looked.row.counts.total == len(looked.cases) == (15 if kind == "patients" else 10)
    assert all(looked.counts[split] for split in ("train", "val", "test"))


@pytest.mark.parametrize("kind", MADE)
def test_a_proposal_is_prepared(paths: Paths, kind: str) -> None:
    made(paths, kind)
    write_entry(paths.root, with_entry(kind, kind, paths.root))
    mix = load_params(paths.root).mix(kind).model_copy(update={"size": 32})
    manifest = prepare(kind, mix, paths, Silent())
    about = manifest["datasets"][kind]
    counts = load_catalog()[kind].counts
    assert about["train"] + about["val"] == counts.train
    assert about["val"] >= 1
    assert about["test"] == counts.test >= 2
    folder = paths.prepared(kind) / kind
    rows = list(csv.DictReader((folder / "cases.csv").open(encoding="utf-8")))
    masks = np.load(folder / "masks.npy")
    assert all(masks.any(axis=(1, 2)))
    sources = {row["source"]: mask.mean() for row, mask in zip(rows, masks, strict=True)}
    if kind == "suffixed":
        assert sources["scan 3.png"] == pytest.approx(blob(3).mean(), abs=0.02)
    told = read_json(paths.results(kind) / "data.json")["datasets"][kind]["split"]
    assert told.startswith(
        "lists of cases (train, test); val by rule"
        if kind == "labels"
        else "drawn by case with seed"
    )


def test_the_patients_stay_together(paths: Paths) -> None:
    looked = made(paths, "patients", group="{group}_*")
    splits = defaultdict(set)
    for case in looked.cases:
        splits[case.group].add(case.split)
    assert set(splits) == {f"p{k}" for k in range(5)}
    assert all(len(found) == 1 for found in splits.values())
    assert looked.counts == {"train": 9, "val": 3, "test": 3}
    assert "drawn by group" in "\n".join(looked.lines())


def test_without_a_group_the_beginnings_are_pointed_at(paths: Paths) -> None:
    looked = made(paths, "patients")
    hint = next(line for line in looked.lines() if "beginnings" in line)
    assert 'write group: "{group}_*" into dataset.yaml' in hint
    # The way out that it names.
    text = looked.at.read_text().replace("group: null", 'group: "{group}_*"')
    looked.at.write_text(text)
    again = look_again("patients", paths, Silent())
    assert len({case.group for case in again.cases}) == 5
    assert not any("beginnings" in line for line in again.lines())


def test_one_patient_with_two_pictures_is_pointed_at(paths: Paths) -> None:
    folder = paths.root.parent / "few"
    for name in ("100_1", "100_2", *(f"{k}_1" for k in range(101, 110))):
        pair(folder / "images" / f"{name}.png", folder / "masks" / f"{name}.png", len(name))
    looked = new_dataset("few", folder, Wanted("ultrasound"), paths, Silent())
    assert any("11 names have 10 beginnings" in line for line in looked.lines())


def test_names_that_begin_alike_or_all_differ_are_no_patients(paths: Paths) -> None:
    for kind in ("suffixed", "ones"):
        assert not any("beginnings" in line for line in made(paths, kind).lines())


def test_without_write_the_next_step_adds_the_mix(paths: Paths) -> None:
    ones(folder := paths.root.parent / "mine")
    words = ("new-dataset", "mine", "--from", str(folder), "--modality", "fundus")
    first = mixseg(paths.root, *words)
    assert "next: mixseg new-dataset mine --write && mixseg prepare --mix mine" in first.stdout
    second = mixseg(paths.root, "new-dataset", "mine", "--write")
    assert "next: mixseg prepare --mix mine" in second.stdout
    assert "  mine:\n" in (paths.root / "params.yaml").read_text()
    wrong = mixseg(paths.root, "new-dataset", "mine", "--group", "{group}_*")
    assert (wrong.returncode, "give --from DIR too" in wrong.stderr) == (2, True)


def test_a_split_is_drawn_by_its_seed_and_says_what_is_empty() -> None:
    groups = {f"{k}": f"g{k // 2}" for k in range(20)}
    first = draw_splits("a", Seeded(seed=0), groups)
    assert first == draw_splits("a", Seeded(seed=0), dict(reversed(groups.items())))
    assert first != draw_splits("a", Seeded(seed=1), groups)
    # Two groups of two reach 20 % of 20; one reaches 10 %.
    assert [list(first.values()).count(s) for s in ("train", "val", "test")] == [14, 2, 4]
    assert set(draw_splits("a", Seeded(), dict.fromkeys("abc", "one")).values()) == {"train"}


def test_empty_parts_are_named(paths: Paths) -> None:
    looked = made(paths, "patients", group="*_*{group}")  # the last digit: many groups
    assert not [line for line in looked.lines() if "none" in line]
    folder = paths.root.parent / "one"
    for k in range(4):
        pair(folder / f"x_{k}.png", folder / f"x_{k}_mask.png", k)
    one = new_dataset("one", folder, Wanted("fundus", group="{group}_*"), paths, Silent())
    assert [line for line in one.lines() if line.startswith(("val: none", "test: none"))]
    with pytest.raises(MissingDataError, match="no case to train on or to test"):
        one.check_matched()


def test_names_by_patterns() -> None:
    assert name_in("*_mask.png", "a_b_mask.png") == "a_b"
    assert name_in("*_mask.png", "a.png") is None
    assert name_in("*/images/*.png", "train/images/7.png") == "train/7"
    assert name_in("*/labels/*_seg.png", "train/labels/7_seg.png") == "train/7"
    assert name_in("**/*.png", "a/b/c.png") == "a/b/c"
    assert name_in("**/*.png", "c.png") == "c"
    assert name_in("*.png", "a/b.png") is None
    assert name_in("x(*).png", "x(1).png") == "1"
    assert group_in("{group}_*", "p1_2_left") == "p1"
    assert group_in("{group}/*", "p1/2") == "p1"
    assert group_in("{group}_*", "p1") is None


def test_the_closer_pattern_says_what_a_file_is(paths: Paths) -> None:
    folder = paths.root.parent / "both"
    for k in range(4):
        pair(folder / f"scan {k}_img.png", folder / f"scan {k}.png", k)
    wanted = Wanted("fundus", images=["*_img.png"], masks=["*.png"])
    looked = new_dataset("both", folder, wanted, paths, Silent())
    assert [case.image.name for case in looked.cases] == [f"scan {k}_img.png" for k in range(4)]
    assert [case.masks[0].name for case in looked.cases] == [f"scan {k}.png" for k in range(4)]


def test_several_masks_of_one_image_are_joined(paths: Paths) -> None:
    folder = paths.root.parent / "several"
    for k in range(4):
        pair(folder / f"{k}.png", folder / f"{k}_mask.png", k)
    second = np.zeros_like(blob(0))
    second[:3, :3] = True
    save(folder / "0_mask_1.png", second)
    looked = new_dataset("several", folder, Wanted("ultrasound"), paths, Silent())
    assert looked.row.own is not None
    assert looked.row.own.masks == ["*_mask.png", "*_mask_1.png"]
    masks = {case.case: pixels.mask for case, pixels in looked.shown}
    assert masks["0"][5, 5] == 1
    assert masks["1"][5, 5] == 0


def test_listed_codes_are_kept(paths: Paths) -> None:
    folder = paths.root.parent / "coded"
    for k in range(4):
        save(folder / "images" / f"{k}.png", image(k))
        save(folder / "masks" / f"{k}.png", np.where(blob(k), 2, 7).astype(np.uint8))
    assert "label numbers" in refused(paths, ImageError, folder)
    new_dataset("coded", folder, Wanted("fundus", codes=ListedCodes((2,), (7,))), paths, Silent())
    assert dataset("coded").codes == ListedCodes((2,), (7,))


def test_what_could_not_be_matched_is_listed(paths: Paths) -> None:
    folder = paths.root.parent / "odd"
    suffixed(folder)
    (folder / "scan 3_mask.png").unlink()
    save(folder / "other_mask.png", blob(1))
    looked = new_dataset("odd", folder, Wanted("fundus"), paths, Silent())
    assert looked.unmatched["Images without a mask"] == ["scan 3.png"]
    assert looked.unmatched["Masks without an image"] == ["other_mask.png"]
    sheet = (paths.own / "odd" / "contact_sheet.html").read_text(encoding="utf-8")
    assert "<code>scan 3.png</code>" in sheet
    with pytest.raises(MissingDataError, match=r"1 of 10 images without a mask \(scan 3.png\)"):
        looked.check_matched()
    with pytest.raises(MissingDataError, match="without a mask"):
        raw_folder(dataset("odd"), paths.raw)
    # The way out that the message names.
    path = paths.own / "odd" / "dataset.yaml"
    for names in ('["scan 3.png"]', '["scan 3*.png"]'):
        path.write_text(re.sub("leave_out: .*", f"leave_out: {names}", path.read_text()))
        again = look_again("odd", paths, Silent())
        again.check_matched()
        assert len(raw_folder(dataset("odd"), paths.raw).cases) == COUNT - 1


def test_nothing_is_written_for_bad_input(paths: Paths) -> None:
    folder = paths.root.parent / "bad"
    suffixed(folder)
    said = refused(paths, MissingDataError, folder, images=["*.jpg"], masks=["*_mask.png"])
    assert "*.jpg matches none of 20 pictures" in said
    said = refused(paths, MissingDataError, folder, images=["scan *.png"], masks=["*_mask.png"])
    assert "no pair" in said
    for bad in ("../*.png", "/etc/*.png", "a/../../*.png", "~/*.png", "a\\*.png"):
        assert "leaves its folder" in refused(
            paths, CatalogError, folder, images=[bad], masks=["*.png"]
        )
    assert "has no *" in refused(paths, CatalogError, folder, images=["a.png"], masks=["*.png"])
    assert "no picture" in refused(paths, CatalogError, folder, images=["*.dcm"], masks=["*.png"])
    assert "{group}" in refused(paths, CatalogError, folder, group="*_*")
    assert "does not fit the name" in refused(paths, CatalogError, folder, group="{group}#*")
    assert "no folder" in refused(paths, MissingDataError, folder / "gone")
    save(folder / "scan 2_mask.png", blob(2, (80, 60)))
    assert "the mask is 80 x 60, expected 40 x 30" in refused(paths, ImageError, folder)
    plain = paths.root.parent / "plain"
    save(plain / "a.png", image(1))
    assert "nothing tells images from masks" in refused(paths, MissingDataError, plain)


def test_a_name_of_the_catalog_is_refused(paths: Paths) -> None:
    folder = paths.root.parent / "named"
    suffixed(folder)
    with pytest.raises(CatalogError, match="busi, a dataset of the catalog"):
        new_dataset("busi", folder, Wanted("ultrasound"), paths, Silent())
    with pytest.raises(CatalogError, match="small letters"):
        new_dataset("../x", folder, Wanted("ultrasound"), paths, Silent())
    new_dataset("mine", folder, Wanted("ultrasound"), paths, Silent())
    (paths.own / "mine").rename(paths.own / "busi")
    with pytest.raises(CatalogError, match="the name busi"):
        dataset("busi")


def test_a_broken_dataset_stops_no_other(paths: Paths) -> None:
    folder = paths.root.parent / "scans"
    suffixed(folder)
    for name in ("mine", "theirs"):
        new_dataset(name, folder, Wanted("ultrasound"), paths, Silent())
    broken = paths.own / "theirs" / OWN
    broken.write_text(broken.read_text().replace("images:", "imges:"))
    assert dataset("mine").name == "mine"
    assert "theirs" not in load_catalog()
    assert "imges: an unknown key, expected 'images'" in str(broken_own()["theirs"])
    with pytest.raises(CatalogError, match="imges: an unknown key"):
        dataset("theirs")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("grupo: null", "expected 'group'"),
        ("image: [x]", "expected 'images'"),
        ("layout: folder", "layout: an unknown key"),
        ("split: {seeds: 1}", "expected 'seed'"),
        ("split: {seed: 0, val: 0}", "split.val: input should be greater than 0"),
        ("split: {train: ../x.txt}", "leaves its folder"),
        ("modality: x-ray", "modality: input should be 'fundus'"),
    ],
)
def test_keys_that_are_wrong_are_named(paths: Paths, line: str, said: str) -> None:
    made(paths, "suffixed")
    path = paths.own / "suffixed" / "dataset.yaml"
    key = line.split(":")[0]
    kept = [one for one in path.read_text().splitlines() if not one.startswith(f"{key}:")]
    path.write_text("\n".join([*kept, line]) + "\n")
    with pytest.raises(CatalogError) as error:
        read_own(path)
    assert said in str(error.value)


def test_lists_are_checked(paths: Paths) -> None:
    made(paths, "labels")
    home = paths.own / "labels"
    train = (home / "train.txt").read_text()
    for more, said in (("test-0", "a second time"), ("nobody", "no image with a mask")):
        (home / "train.txt").write_text(f"{train}{more}\n")
        with pytest.raises(CatalogError, match=said):
            raw_folder(dataset("labels"), paths.raw)


def test_files_that_go_are_noticed(paths: Paths) -> None:
    made(paths, "suffixed")
    home = paths.root.parent / "suffixed"
    for file in ("scan 0.png", "scan 0_mask.png"):
        (home / file).unlink()
    with pytest.raises(MissingDataError, match="as 'counts' in"):
        raw_folder(dataset("suffixed"), paths.raw)
    look_again("suffixed", paths, Silent())
    assert len(raw_folder(dataset("suffixed"), paths.raw).cases) == COUNT - 1


def test_another_folder_of_datasets(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXSEG_DATASETS", str(paths.root.parent / "elsewhere"))
    made(paths, "suffixed")
    assert (paths.root.parent / "elsewhere" / "suffixed" / "dataset.yaml").is_file()
    assert "suffixed" in load_catalog()
    monkeypatch.delenv("MIXSEG_DATASETS")
    assert "suffixed" not in load_catalog()


def test_the_entry_of_a_mix_keeps_comments(paths: Paths) -> None:
    path = paths.root / "params.yaml"
    recipe = yaml.safe_load(PARAMS)["mixes"]["tiny"]["recipe"]
    text = (
        f"# first\ndefaults:\n  recipe: &recipe {json.dumps(recipe)}  # kept\n"
        "focus: small\nthreshold: 0.5\nresamples: 200\nmixes:\n  one:  # kept too\n"
        "    title: One\n    size: 32\n    drawn: null\n    at_most: null\n    train: [busi]\n"
        "    test: [busi]\n    seeds: [0]\n    weights: random\n    recipe: *recipe  # last\n"
        "  # of the mixes\n"
    )
    for more in ("", "\n# end\n"):
        path.write_text(text + more)
        after = with_entry("mine", 'My "own" é', paths.root)
        write_entry(paths.root, after)
        mixes = load_params(paths.root).mixes
        assert list(mixes) == ["one", "mine"]
        assert mixes["mine"].title == 'My "own" é'
        assert mixes["mine"].recipe == mixes["one"].recipe
        assert after.index("# last") < after.index("  mine:") < after.index("# of the mixes")
        assert "recipe: *recipe\n" in after
        lines = after.splitlines()
        assert [line for line in (text + more).splitlines() if line not in lines] == []
    with pytest.raises(ParamsError, match="a mix of this name"):
        with_entry("mine", "t", paths.root)
    path.write_text("focus: small\nmixes: {}\n")
    with pytest.raises(ParamsError):
        with_entry("mine", "t", paths.root)


def test_the_sheet_is_one_file_and_escapes(paths: Paths) -> None:
    folder = paths.root.parent / "odd"
    for k in range(3):
        name = f"<script>alert({k})</script>".replace("/", "")
        pair(folder / f"{name}.png", folder / f"{name}_mask.png", k)
    wanted = Wanted("fundus", title="<b>&", licence='"><i>')
    looked = new_dataset("odd", folder, wanted, paths, Silent())
    sheet = (paths.own / "odd" / "contact_sheet.html").read_text(encoding="utf-8")
    assert "<script" not in sheet
    assert "<b>" not in sheet
    assert "<i>" not in sheet
    assert sheet.count('src="data:image/') == sheet.count("<img") == 6
    assert "http" not in sheet
    assert (paths.own / "odd" / ".gitignore").read_text() == "contact_sheet.html\n"
    assert "and 10 more" in page("t", {}, looked.shown, {"x": [f"{k}" for k in range(60)]})


def test_one_run_end_to_end(project: Paths) -> None:
    """The commands alone, from a folder of pictures to scores."""
    folder = project.root.parent / f"{project.root.name}-pictures"
    patients(folder)
    done = mixseg(project.root, "new-dataset", "mine", "--from", str(folder), "--modality",
                  "ultrasound", "--group", "{group}_*", "--write")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "9, val 3, test 3" in done.stdout
    params = project.root / "params.yaml"
    head, entry = params.read_text().split("\n  mine:\n")
    small = entry.replace("size: 352", "size: 32").replace("[0, 1, 2]", "[0]")
    params.write_text(f"{head}\n  mine:\n{small.replace('pretrained', 'random')}")
    for words in (("prepare", "--mix", "mine"), ("data", "--mix", "mine"),
                  ("run", "--method", "small", "--mix", "mine", "--seed", "0")):  # fmt: skip
        done = mixseg(project.root, *words)
        assert done.returncode == 0, done.stderr
    run = project.run("mine", "main", "small", 0)
    scores = list(csv.DictReader((run / "scores.csv").open(encoding="utf-8")))
    assert {row["dataset"] for row in scores} == {"mine"}
    assert len({row["case"] for row in scores}) == 3
    taken = mixseg(project.root, "new-dataset", "mine", "--from", str(folder), "--modality",
                   "ultrasound")  # fmt: skip
    assert taken.returncode != 0
    assert "a folder is there" in taken.stderr
