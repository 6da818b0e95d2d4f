import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark.core.errors import MissingDataError
from benchmark.core.files import Paths, read_json, sha256_bytes, write_json
from benchmark.core.params import Mix
from benchmark.core.progress import Silent
from benchmark.data.leaks import COLUMNS, leaks, read_leaks, summary
from benchmark.data.manifest import sealed

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("MIXSEG_REAL_DATA", ROOT.parent / "shared" / "data"))
SIZE = 96
ASKED = Mix.model_construct(size=SIZE, train=["skin"], test=["skin"], at_most=None, drawn=None)
Case = tuple[str, str, np.ndarray]  # name, split, image


def texture(seed: int) -> np.ndarray:
    """A picture that no other resembles, uint8 (96, 96, 3)."""
    blocks = np.random.default_rng(seed).integers(20, 236, (12, 12, 3))
    return np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)


def noisy(image: np.ndarray, sigma: float = 12) -> np.ndarray:
    noise = np.random.default_rng(9).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write(paths: Paths, mix: str, **datasets: list[Case]) -> None:
    """Writes a prepared mix; the modality is the dataset's name up to the underscore."""
    folder = paths.prepared(mix)
    about = {}
    for name, cases in datasets.items():
        (folder / name).mkdir(parents=True)
        images = np.stack([image for _, _, image in cases])
        np.save(folder / name / "images.npy", images)
        np.save(folder / name / "masks.npy", np.zeros(images.shape[:3], np.uint8))
        rows = [
            {
                "case": case,
                "group": case,
                "split": split,
                "source": case,
                "digest": sha256_bytes(image.tobytes())[:16],
            }
            for case, split, image in cases
        ]
        pd.DataFrame(rows).to_csv(folder / name / "cases.csv", index=False)
        about[name] = {"modality": name.split("_")[0]}
    manifest = {"mix": mix, "request": ASKED.request(), "size": SIZE, "datasets": about}
    write_json(folder / "manifest.json", sealed(manifest, folder))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def pairs(table: pd.DataFrame) -> list[tuple[str, ...]]:
    kept = table[["kind", "where", "case_a", "case_b"]]
    return [tuple(row) for row in kept.itertuples(index=False)]


def test_exact_near_and_mirrored_duplicates_are_found(paths: Paths) -> None:
    a, b, c = texture(1), texture(2), texture(3)
    cases = [
        *(("a", "train", a), ("b", "train", b), ("c", "val", c)),
        *(("a again", "test", a), ("b noisy", "test", noisy(b))),
        *(("c mirrored", "train", noisy(c[:, ::-1])), ("other", "test", texture(4))),
    ]
    write(paths, "m", skin=cases)
    table = leaks("m", paths, Silent())
    assert list(table.columns) == COLUMNS
    assert pairs(table) == [
        ("exact", "train/test", "a", "a again"),
        ("near", "train/test", "b", "b noisy"),
        ("near", "train/val", "c mirrored", "c"),
    ]
    assert table["correlation"].iloc[0] == 1
    assert table["correlation"].between(0.93, 1).all()
    assert set(table["mix_b"]) == {"m"}


def test_no_duplicates_give_an_empty_table(paths: Paths) -> None:
    write(paths, "m", skin=[(str(k), "train", texture(k)) for k in range(5)])
    assert leaks("m", paths, Silent()).empty
    assert list(read_leaks(paths, "m").columns) == COLUMNS
    assert summary(read_leaks(paths, "m")).empty


def test_datasets_of_one_modality_are_compared_and_those_of_two_are_not(paths: Paths) -> None:
    one, other = [("x", "train", texture(1))], [("y", "test", texture(1))]
    write(paths, "m", skin_1=one, skin_2=other, eye=[("z", "test", texture(1))])
    table = leaks("m", paths, Silent())
    assert pairs(table) == [("exact", "train/test", "x", "y")]
    assert (table["dataset_a"][0], table["dataset_b"][0]) == ("skin_1", "skin_2")


def test_a_shared_field_of_view_is_no_duplicate(paths: Paths) -> None:
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    inside = (rows**2 + columns**2 < (0.45 * SIZE) ** 2)[..., None]
    # Pictures that differ by a quarter of what they have in common.
    cases = [
        (f"{k:02d}", "train", np.where(inside, 130 + texture(k) / 4, 5).astype(np.uint8))
        for k in range(60)
    ]
    twin = ("twin", "test", noisy(cases[7][2], 3))
    write(paths, "m", eye=[*cases, twin])
    plain = np.stack([image.mean(axis=2).ravel() for _, _, image in cases])
    assert np.corrcoef(plain).min() > 0.93
    assert pairs(leaks("m", paths, Silent())) == [("near", "train/test", "07", "twin")]


def test_flat_pictures_do_not_divide_by_zero(paths: Paths) -> None:
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    write(
        paths,
        "m",
        skin=[("a", "train", black), ("b", "test", black), ("c", "test", black + np.uint8(7))],
    )
    assert pairs(leaks("m", paths, Silent())) == [("exact", "train/test", "a", "b")]


def test_mixes_are_compared_but_the_same_case_is_no_leak(paths: Paths) -> None:
    a, b, c = texture(1), texture(2), texture(3)
    write(paths, "one", skin=[("a", "train", a), ("b", "test", b), ("c", "train", c)])
    write(
        paths,
        "two",
        skin=[("a", "train", a), ("b", "train", b)],
        skin_2=[("c2", "test", noisy(c))],
    )
    others = {"two": ASKED, "not prepared": ASKED}
    table = leaks("one", paths, Silent(), others)
    assert pairs(table) == [
        ("exact", "test/train", "b", "b"),  # tested here, trained on there
        ("near", "train/test", "c", "c2"),
    ]
    assert set(table["mix_b"]) == {"two"}
    told = paths.results("one") / "leaks.json"
    assert read_json(told) == {"compared": ["two"], "not_prepared": ["not prepared"]}

    larger = ASKED.model_copy(update={"size": 2 * SIZE})
    assert leaks("one", paths, Silent(), {"two": larger}).empty  # prepared for another request
    assert read_json(told) == {"compared": [], "not_prepared": ["two"]}


def test_the_file_is_the_same_whatever_ran_before(paths: Paths) -> None:
    cases = [
        (f"{k}", ("train", "val", "test")[k % 3], noisy(texture(k // 4), k)) for k in range(40)
    ]
    write(paths, "m", skin=cases)
    leaks("m", paths, Silent())
    first = (paths.results("m") / "leaks.csv").read_bytes()
    table = leaks("m", paths, Silent())
    assert (paths.results("m") / "leaks.csv").read_bytes() == first
    assert len(table) >= 40
    keys = list(table[COLUMNS[:-1]].itertuples(index=False, name=None))
    assert keys == sorted(keys)
    back = read_leaks(paths, "m")
    assert pairs(back) == pairs(table)
    assert np.allclose(back["correlation"], table["correlation"])


def test_the_summary_counts_pairs_and_the_test_cases_they_touch(paths: Paths) -> None:
    a = texture(1)
    cases = [("a", "train", a), ("b", "train", a), ("c", "test", a), ("d", "test", noisy(a))]
    write(paths, "m", skin=cases)
    found = summary(leaks("m", paths, Silent())).set_index(["kind", "where"])
    assert tuple(found.loc[("exact", "train/test"), ["pairs", "test_cases"]]) == (2, 1)
    assert tuple(found.loc[("exact", "train/train"), ["pairs", "test_cases"]]) == (1, 0)
    assert tuple(found.loc[("near", "train/test"), ["pairs", "test_cases"]]) == (2, 1)
    assert tuple(found.loc[("near", "test/test"), ["pairs", "test_cases"]]) == (1, 2)


def test_what_was_not_prepared_or_not_run_is_said(paths: Paths) -> None:
    with pytest.raises(MissingDataError, match="a prepared mix"):
        leaks("m", paths, Silent())
    with pytest.raises(MissingDataError, match="mixseg leaks"):
        read_leaks(paths, "m")


def test_known_duplicates_of_busi_are_found(paths: Paths) -> None:
    if not (REAL / "BUSI").is_dir():
        pytest.skip(f"no real pictures at {REAL}; MIXSEG_REAL_DATA names another folder")
    listing = (REAL / "splits" / "BUSI_near_duplicates.csv").read_text()
    known = [r["case"] for r in csv.DictReader(listing.splitlines()) if "normal" not in r["case"]]
    alone = [f"benign ({k})" for k in range(380, 420)]
    names = sorted({*known[:60], *alone, "benign (433)", "malignant (145)"})
    pictures = [Image.open(REAL / "BUSI" / "images" / f"{name}.jpg") for name in names]
    images = [np.asarray(picture.convert("RGB").resize((SIZE, SIZE))) for picture in pictures]
    write(paths, "m", ultrasound=[(n, "train", i) for n, i in zip(names, images, strict=True)])
    found = {(a, b): kind for kind, _, a, b in pairs(leaks("m", paths, Silent()))}
    assert found["benign (433)", "malignant (145)"] == "exact"
    touched = {case for pair in found for case in pair}
    assert len(touched & set(known[:60])) > 48
    assert touched <= set(known)
