"""Predictions made elsewhere: which files are which cases, what is refused, what is scored."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import SIZE, make_synced, mixseg

from benchmark.core.errors import ImageError, MissingDataError, MixSegError, ParamsError
from benchmark.core.files import Paths
from benchmark.core.progress import Silent
from benchmark.core.recorded import edited, listed
from benchmark.data.cases import Cases, load_cases
from benchmark.data.supplied import Faults, kind_of, look_at, original_sizes, pair, read_prob
from benchmark.evaluation.protocols import PROTOCOLS
from benchmark.runs.score_masks import GROUP, OF_MASKS, Request, score_masks
from benchmark.statistics.cardless import SUPPLIED
from benchmark.statistics.scores import read_record, read_scores

CASES = {"a": ["eye-001", "eye-002"], "b": ["eye-001", "skin"]}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return make_synced(tmp_path / "project")


def cases_of(paths: Paths) -> Cases:
    return load_cases(paths.prepared("tiny"), ("test",))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def supply(paths: Paths, values: np.ndarray | None = None, *, flat: bool = False) -> Path:
    """The references as files; `values` are what 0 and 1 become."""
    folder, cases = paths.root.parent / "masks", cases_of(paths)
    values = np.array([0, 255], np.uint8) if values is None else values
    for dataset, case, row in cases.table[["dataset", "case", "row"]].itertuples(index=False):
        place = folder if flat else folder / dataset
        save(place / f"{case}.png", values[cases.masks[dataset][row]])
    return folder


def score(paths: Paths, folder: Path, **more: object) -> str:
    return score_masks(paths, Request("tiny", folder, **{"name": "Theirs", **more}), Silent())


def refused(
    paths: Paths, folder: Path, kind: type[MixSegError] = ImageError, **more: object
) -> str:
    """The message of what is refused; nothing was written."""
    with pytest.raises(kind) as caught:
        score(paths, folder, **more)
    assert not (paths.results("tiny") / GROUP).exists()
    return str(caught.value)


def result(paths: Paths, seed: int = 0) -> tuple[pd.DataFrame, dict]:
    folder = paths.run("tiny", GROUP, "theirs", seed)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    return pd.read_csv(folder / "scores.csv"), record


# ---- names


def paired(folder: Path, *names: str) -> tuple[dict, dict]:
    for name in names:
        save(folder / name, np.zeros((8, 8), np.uint8))
    faults = Faults()
    found = pair(folder, CASES, faults)
    places = {key: path.relative_to(folder).as_posix() for key, path in found.items()}
    return places, {kind: phrases for kind, phrases in faults.found.items() if phrases}


def test_files_are_paired_by_folder_and_by_unique_name(tmp_path: Path) -> None:
    names = ("a/eye-001_mask.png", "eye-002.tif", "b/eye-001.PNG", "skin_Segmentation.png")
    found, faults = paired(tmp_path, *names)
    assert found == {("a", "eye-001"): names[0], ("a", "eye-002"): names[1],
                     ("b", "eye-001"): names[2], ("b", "skin"): names[3]}  # fmt: skip
    assert not faults


def test_kinds_of_faults_are_told_apart(tmp_path: Path) -> None:
    names = ("eye-001.png", "a/eye-2_pred.png", "a/eye-007.png", "b/skin.png", "b/skin_mask.png",
             "c/eye-001.png")  # fmt: skip
    found, faults = paired(tmp_path, *names)
    assert set(found) == {("b", "skin")}
    assert faults == {
        "missing": ["a/eye-001", "a/eye-002", "b/eye-001"],
        "named": ["a/eye-2_pred.png, nearest is a/eye-002", "c/eye-001.png, nearest is a/eye-001"],
        "extra": ["a/eye-007.png"],
        "twice": ["b/skin_mask.png beside b/skin.png"],
        "unclear": ["eye-001.png: a and b"],
    }


def test_a_message_shows_the_first_and_counts_the_rest() -> None:
    faults = Faults()
    for k in range(5):
        faults.add("extra", f"{k}.png")
    assert faults.lines() == ["5 of no test case (0.png, 1.png, 2.png and 2 more)"]


# ---- contents


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 65535), (0, 0)])
def test_two_values_are_a_mask(tmp_path: Path, values: tuple[int, int]) -> None:
    kind = np.uint16 if max(values) > 255 else np.uint8
    pixels = np.zeros((20, 10), kind)
    pixels[:6] = values[1]
    save(tmp_path / "m.png", pixels)
    look = look_at(tmp_path / "m.png")
    assert look.size == (10, 20)
    assert kind_of({tmp_path: look}) == "masks"
    prob = read_prob(tmp_path / "m.png", "masks", 10)
    expected = np.zeros((10, 10), np.float32)
    expected[:3] = values[1] > 0  # nearest: every second row
    assert np.array_equal(prob, expected)


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_maps_are_scaled_and_reduced_bilinearly(tmp_path: Path, kind: type, top: int) -> None:
    pixels = np.zeros((16, 16), kind)
    pixels[:, 8:] = top
    pixels[0, 0] = top // 5
    save(tmp_path / "p.png", pixels)
    look = look_at(tmp_path / "p.png")
    assert (look.code, look.top) == (None, top)
    assert kind_of({tmp_path: look}) == "maps"
    assert read_prob(tmp_path / "p.png", "maps", 16)[0, 0] == pytest.approx(0.2, abs=1e-6)
    small = read_prob(tmp_path / "p.png", "maps", 8)
    assert small.shape == (8, 8)
    # The antialiased edge is no step: the pixels beside it hold a share of the other side.
    assert 0 < small[4, 3] < 0.5 < small[4, 4] < 1


def test_masks_of_two_codes_and_maps_out_of_scale_are_refused(tmp_path: Path) -> None:
    looks = {}
    for name, top in (("one.png", 1), ("other.png", 255), ("labels.png", 2)):
        pixels = np.zeros((8, 8), np.uint8)
        pixels[0, 0], pixels[1, 1] = top, top - (top == 2)
        save(tmp_path / name, pixels)
        looks[name] = look_at(tmp_path / name)
    with pytest.raises(ImageError, match=r"1 as the lesion, where other\.png holds 255"):
        kind_of({Path(name): looks[name] for name in ("one.png", "other.png")})
    with pytest.raises(ImageError, match="2 is the largest value of all 1 files"):
        kind_of({Path("labels.png"): looks["labels.png"]})


def test_the_original_is_found_upright(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "kvasir-seg"
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, options in (("one", {}), ("two", {"exif": turned})):
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB" if part == "images" else "L", (40, 20))
            picture.save(folder / part / f"{name}.jpg", **(options if part == "images" else {}))
    found = original_sizes("kvasir-seg", tmp_path / "raw", ["one", "two", "three"])
    assert found == {"one": (40, 20), "two": (20, 40)}
    assert original_sizes("kvasir-seg", tmp_path / "none", ["one"]) == {}


# ---- scores


def test_the_reference_as_masks_scores_one_and_has_no_mae(paths: Paths) -> None:
    said = score(paths, supply(paths))
    assert "8 masks for 8 test cases" in said
    assert "no MAE" in said
    frame, record = result(paths)
    assert (frame["dsc"] == 1).all()
    assert "mae" not in frame
    for name in PROTOCOLS:
        assert frame[name].notna().all() == (name in OF_MASKS), name
    assert record["group"] == GROUP == SUPPLIED
    assert record["title"] == "Theirs"
    assert record["supplied"]["kind"] == "masks"
    assert record["supplied"]["missing"] == {}
    folder = paths.run("tiny", GROUP, "theirs", 0)
    assert read_record(folder / "run.json", (GROUP, "theirs", 0)) == record
    assert set(read_scores(folder / "scores.csv")) == set(frame["dataset"])
    known = listed(paths.results("tiny"))[f"{GROUP}/theirs/seed-0/run.json"]
    assert edited(folder / "run.json", known) is None
    assert edited(folder / "scores.csv", record["files"]["scores.csv"]) is None


def test_maps_have_an_mae_by_arithmetic(paths: Paths) -> None:
    values = np.array([51, 204], np.uint8)  # 0.2 and 0.8: every pixel is off by 0.2
    said = score(paths, supply(paths, values, flat=True), seed=4)
    assert "8 maps for 8 test cases" in said
    frame, record = result(paths, 4)
    assert (frame["dsc"] == 1).all()
    assert np.allclose(frame["mae"], 0.2, atol=1e-5)
    assert (record["seed"], record["supplied"]["kind"]) == (4, "maps")


def test_what_is_kept_of_masks_is_what_thresholds_keep(paths: Paths, tmp_path: Path) -> None:
    """The columns of masks are those that a map and its own mask have in common."""
    folder, rng = supply(paths), np.random.default_rng(0)
    for path in folder.rglob("*.png"):
        soft = rng.integers(0, 256, (SIZE, SIZE)).astype(np.uint8)
        save(path, soft)
        hard = np.where(soft >= 128, np.uint8(255), np.uint8(0))
        save(tmp_path / "hard" / path.relative_to(folder), hard)
    score(paths, folder, seed=0)
    score(paths, tmp_path / "hard", seed=1)
    soft_scores, hard_scores = result(paths)[0], result(paths, 1)[0]
    shared = [name for name in hard_scores if hard_scores[name].notna().any()]
    assert {"dsc", "hd95_px", *OF_MASKS} <= set(shared)
    pd.testing.assert_frame_equal(soft_scores[shared], hard_scores[shared])


def test_missing_files_are_refused_or_score_zero(paths: Paths) -> None:
    folder = supply(paths)
    first = sorted(folder.rglob("*.png"))[0]
    first.unlink()
    name = first.relative_to(folder).with_suffix("").as_posix()
    text = refused(paths, folder)
    assert f"1 missing ({name})" in text
    assert "--allow-missing" in text
    assert "1 missing, scored 0" in score(paths, folder, allow_missing=True)
    frame, record = result(paths)
    gone = frame["dataset"] + "/" + frame["case"] == name
    assert list(frame["dsc"]) == list((~gone).astype(float))
    assert record["supplied"]["missing"] == {name.split("/")[0]: 1}


def test_a_missing_case_scores_zero_also_where_its_reference_is_empty(paths: Paths) -> None:
    from benchmark.core.files import read_json, write_json
    from benchmark.data.manifest import MANIFEST, sealed

    prepared = paths.prepared("tiny")
    row = cases_of(paths).table.iloc[0]
    masks = np.load(prepared / row["dataset"] / "masks.npy")
    masks[row["row"]] = 0
    np.save(prepared / row["dataset"] / "masks.npy", masks)
    write_json(prepared / MANIFEST, sealed(read_json(prepared / MANIFEST), prepared))
    folder = supply(paths)
    (folder / row["dataset"] / f"{row['case']}.png").unlink()
    score(paths, folder, allow_missing=True)
    assert list(result(paths)[0]["dsc"]) == [0.0] + [1.0] * 7


def test_allow_missing_excuses_nothing_else(paths: Paths) -> None:
    folder = supply(paths)
    first = sorted(folder.rglob("*.png"))[0]
    first.rename(first.with_name(f"{first.stem}_pred.png"))
    text = refused(paths, folder, allow_missing=True)
    assert f"1 wrongly named ({first.parent.name}/{first.stem}_pred.png, nearest is" in text
    assert " missing" not in text


def test_sizes_that_are_neither_are_refused(paths: Paths) -> None:
    folder = supply(paths)
    first = sorted(folder.rglob("*.png"))[0]
    save(first, np.zeros((SIZE, SIZE + 8), np.uint8))
    assert "1 of a wrong size" in (text := refused(paths, folder))
    assert f"{first.parent.name}/{first.name} is 40 x 32, expected 32 x 32" in text


# ---- bad input


def test_pictures_that_cannot_be_used_are_named(paths: Paths) -> None:
    folder = supply(paths)
    one, two, three = sorted(folder.rglob("*.png"))[:3]
    Image.new("RGB", (SIZE, SIZE)).save(one)
    two.write_bytes(two.read_bytes()[:40])
    Image.new("L", (SIZE, SIZE)).save(three.with_suffix(".jpg"))
    three.unlink()
    text = refused(paths, folder)
    assert "3 that cannot be used" in text
    assert "a picture of mode RGB" in text
    assert two.name in text
    assert "compression with loss" in text


@pytest.mark.parametrize(
    ("name", "found"),
    [("../up", "a path"), ("a\\b", "a path"), ("=1+1", "a formula"), ("", "0 characters"),
     ("–", "1 characters"), ("x" * 61, "61 characters"), ("small", "the method small"),
     ("SMALL", "the method small")],
)  # fmt: skip
def test_names_that_cannot_be_used(paths: Paths, name: str, found: str) -> None:
    assert found in refused(paths, supply(paths), ParamsError, name=name)


def test_two_names_of_one_folder_are_refused(paths: Paths) -> None:
    folder = supply(paths)
    score(paths, folder)
    score(paths, folder)  # the same again is scored anew
    with pytest.raises(ParamsError, match="another name of the same folder"):
        score(paths, folder, name="theirs!", seed=1)


def test_the_same_files_are_no_second_training(paths: Paths) -> None:
    folder = supply(paths)
    score(paths, folder)
    with pytest.raises(ParamsError, match="the same files as seed 0"):
        score(paths, folder, seed=1)
    assert not paths.run("tiny", GROUP, "theirs", 1).exists()
    assert "wrote" in score(paths, folder, name="Others", seed=1)


def test_no_folder_no_files_no_mix(paths: Paths) -> None:
    assert "no folder" in refused(paths, paths.root / "none", MissingDataError)
    empty = paths.root / "empty"
    empty.mkdir()
    assert "8 missing" in refused(paths, empty, allow_missing=True)
    with pytest.raises(ParamsError):
        score_masks(paths, Request("huge", empty, "Theirs"), Silent())
    for path in paths.prepared("tiny").rglob("*.*"):
        path.unlink()
    assert "a prepared mix" in refused(paths, empty, MissingDataError)


def test_the_command(paths: Paths) -> None:
    folder = supply(paths)
    words = ("score-masks", "--mix", "tiny", "--masks", str(folder), "--name", "Theirs")
    done = mixseg(paths.root, *words, "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "wrote results/tiny/supplied/theirs/seed-1" in done.stdout
    assert re.search(r"^mean DSC: \S+ 1\.000", done.stdout, re.MULTILINE)  # the references
    assert "next: mixseg report --mix tiny" in done.stdout
    next(folder.rglob("*.png")).unlink()
    done = mixseg(paths.root, *words)
    assert done.returncode == 1
    assert "\n  1 missing (" in done.stderr  # a line a kind
