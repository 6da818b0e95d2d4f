"""The net behind the rules for masks: what is empty or covers most is counted, shown and named."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.core.files import write_json
from benchmark.data.contact_sheet import by_size
from benchmark.data.coverage import Coverage, coverage
from benchmark.data.manifest import sealed


def prepared(root: Path, shares: list[float], modality: str = "dermoscopy") -> Path:
    """A prepared dataset whose masks cover these shares of 10 x 10 pixels."""
    folder = root / "data" / "prepared" / "m"
    masks = np.zeros((len(shares), 100), np.uint8)
    for mask, share in zip(masks, shares, strict=True):
        mask[: round(100 * share)] = 1
    (folder / "skin").mkdir(parents=True)
    np.save(folder / "skin" / "masks.npy", masks.reshape(-1, 10, 10))
    np.save(folder / "skin" / "images.npy", np.zeros((len(shares), 10, 10, 3), np.uint8))
    rows = [f"c{k},c{k},train,s,0" for k in range(len(shares))]
    (folder / "skin" / "cases.csv").write_text("\n".join(["case,group,split,source,digest", *rows]))
    manifest = {"size": 10, "request": {}, "datasets": {"skin": {"modality": modality}}}
    write_json(folder / "manifest.json", sealed(manifest, folder))
    return folder


def test_empty_and_large_masks_are_counted_and_named(tmp_path: Path) -> None:
    found = coverage(prepared(tmp_path, [0, 0.01, 0.5, 0.51, 1]))["skin"]
    assert found == Coverage("skin", "dermoscopy", 5, ("c0",), ("c3", "c4"))
    assert found.warnings() == [
        "skin: 1 of 5 masks are empty (c0), unusual for dermoscopy (up to 2%). "
        "Were the masks read right?",
        "skin: 2 of 5 masks cover more than half (c3, c4), unusual for dermoscopy (up to 30%). "
        "Were the masks read right?",
    ]


@pytest.mark.parametrize(
    ("modality", "empty", "large", "warnings"),
    [
        ("fundus", 0, 0, 0),
        ("fundus", 1, 0, 1),
        ("fundus", 0, 1, 0),
        ("fundus", 0, 2, 1),
        ("ultrasound", 5, 1, 0),  # BUSI has pictures without a lesion
        ("ultrasound", 6, 1, 1),
        ("dermoscopy", 0, 6, 0),
        ("dermoscopy", 0, 7, 1),
        ("colonoscopy", 20, 0, 1),
        ("colonoscopy", 1, 3, 2),
    ],
)
def test_what_is_usual_depends_on_the_modality(
    tmp_path: Path, modality: str, empty: int, large: int, warnings: int
) -> None:
    shares = [0.0] * empty + [0.9] * large + [0.2] * (20 - empty - large)
    found = coverage(prepared(tmp_path, shares, modality))["skin"]
    assert len(found.warnings()) == warnings


def test_only_the_first_names_are_printed() -> None:
    found = Coverage("skin", "dermoscopy", 9, tuple("abcde"), ())
    assert "(a, b, c, ...)" in found.warnings()[0]


def test_the_sheet_takes_a_third_from_each_end() -> None:
    areas = np.random.default_rng(0).permutation(1000)
    ranks = areas[by_size(areas)]
    assert list(ranks[:8]) == list(range(8))
    assert list(ranks[-8:]) == list(range(992, 1000))
    assert len(set(ranks)) == 24
    assert (np.diff(ranks) > 0).all()
    assert 450 < np.median(ranks[8:16]) < 550
    for few in (1, 2, 23, 24, 25):
        chosen = by_size(areas[:few])
        assert len(set(chosen)) == len(chosen) == min(few, 24)
        assert (np.diff(areas[chosen]) > 0).all()
