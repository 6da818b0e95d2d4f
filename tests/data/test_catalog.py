"""The catalog's rows are whole, agree with the mixes, and a broken catalog says where."""

from pathlib import Path

import pytest

from benchmark.core.errors import CatalogError
from benchmark.core.params import load_params
from benchmark.data.catalog import Dataset, dataset, load_catalog
from benchmark.data.layouts import LAYOUTS
from benchmark.data.mask_rules import ListedCodes

ROOT = Path(__file__).parents[2]
ROWS = load_catalog()
REAL = {name: row for name, row in ROWS.items() if not row.drawn}
COUNTS = {
    "origa": (500, 150),
    "refuge": (320, 80),
    "kvasir-seg": (900, 100),
    "cvc-clinicdb": (550, 62),
    "cvc-300": (0, 60),
    "cvc-colondb": (0, 380),
    "etis": (0, 196),
    "busi": (547, 100),
    "tn3k": (2879, 614),
    "isic2017": (2000, 600),
    "isic2017-open": (2000, 150),
    "isic2018": (2594, 1000),
    "drishti-gs": (50, 51),
    "ddti": (523, 125),
    "origa-ab": (325, 325),
    "refuge-official": (400, 400),
}
# train: origa 500 + kvasir 900 + clinicdb 550 + busi 547 + isic2018 2594
# test: origa 150 + kvasir 100 + busi 100 + isic2018 1000
SUMS = {"mix1": (5091, 1350), "mix2": (6649, 1354)}


def test_counts() -> None:
    found = {name: (row.counts.train, row.counts.test) for name, row in REAL.items()}
    assert found == COUNTS


@pytest.mark.parametrize("mix", SUMS)
def test_mixes_add_up_to_the_papers_numbers(mix: str) -> None:
    chosen = load_params(ROOT).mix(mix)
    train = sum(dataset(name).counts.train for name in chosen.train)
    test = sum(dataset(name).counts.test for name in chosen.test)
    assert (train, test) == SUMS[mix]


def test_every_mix_uses_rows_of_the_catalog() -> None:
    for mix in load_params(ROOT).mixes.values():
        for name in (*mix.train, *mix.test):
            assert dataset(name).drawn == (mix.drawn is not None)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_rows_are_filled(row: Dataset) -> None:
    assert row.drawn or row.layout in LAYOUTS
    assert all((row.title, row.how, row.licence, row.citation, row.note))
    if not row.drawn:
        assert row.homepage.startswith("https://")
        assert "data/raw/" in row.how, "how says which folder to drop it in"


def test_drawn_rows_are_one_a_modality() -> None:
    drawn = {row.modality for row in ROWS.values() if row.drawn}
    assert drawn == {"fundus", "colonoscopy", "ultrasound", "dermoscopy"}


def test_one_file_name_means_one_file() -> None:
    """Archives lie together in data/raw/archives, so a name must not stand for two files."""
    known: dict[str, tuple] = {}
    for row in REAL.values():
        for source in row.sources:
            about = (source.urls, source.sha256, source.md5, source.bytes)
            assert known.setdefault(source.file, about) == about, source.file


def test_rows_that_share_a_raw_folder_read_it_alike() -> None:
    by_raw: dict[str, set[str]] = {}
    for row in REAL.values():
        by_raw.setdefault(row.raw, set()).add(row.layout)
    assert all(len(layouts) == 1 for layouts in by_raw.values())
    assert dataset("isic2017-open").raw == "isic2017"
    assert (dataset("origa-ab").raw, dataset("refuge-official").raw) == ("origa", "refuge")


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(CatalogError, match=r"no dataset 'kvasir_seg'.*Did you mean 'kvasir-seg'\?"):
        dataset("kvasir_seg")


ROW = """
busi:
  title: BUSI
  modality: ultrasound
  layout: busi
  access: plain
  sources: [{file: a.zip, urls: ["https://example.org/a.zip"]}]
  how: click
  licence: none
  citation: none
  homepage: https://example.org
  counts: {train: 2, test: 1}
"""


@pytest.mark.parametrize(
    ("old", "new", "where", "found"),
    [
        ("modality: ultrasound", "modality: xray", "busi: modality", "should be 'fundus'"),
        ("  licence: none\n", "", "busi: licence", "required"),
        ("licence", "license", "busi: licence", "required"),
        ("how: click", "how: click\n  size: 3", "busi: size", "not permitted"),
        ("train: 2", "train: -2", "counts.train", "greater than"),
        ("train: 2, test: 1", "train: 0, test: 0", "busi", "no counts"),
        ("https://example.org/a.zip", "file:///etc/passwd", "sources.0.urls", "http and https"),
        ("file: a.zip", "file: ../a.zip", "sources.0.file", "pattern"),
        ("file: a.zip", "file: a.zip, sha256: abc", "sources.0.sha256", "pattern"),
        (', urls: ["https://example.org/a.zip"]', "", "busi", "no address"),
        ("layout: busi", "layout: drawn", "busi", "no sources"),
        ("how: click", "how: click\n  lesion_codes: [1]", "busi", "no background code"),
        (
            "how: click",
            "how: click\n  lesion_codes: [1]\n  background_codes: [0, 1]",
            "busi",
            "1 is a",
        ),
        ("how: click", "how: click\n  how: ask", "line 9", "key 'how' again, first in line 8"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, old: str, new: str, where: str, found: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(ROW)
    assert load_catalog(path)["busi"].raw == "busi"
    assert old in ROW
    broken = tmp_path / "broken.yaml"
    broken.write_text(ROW.replace(old, new))
    with pytest.raises(CatalogError) as error:
        load_catalog(broken)
    assert "broken.yaml" in str(error.value)
    assert where in str(error.value)
    assert found in str(error.value)


def test_a_row_lists_the_codes_of_its_masks(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(
        f"{ROW}  lesion_codes: [1, 2]\n  background_codes: [0]\n"
    )
    row = load_catalog(tmp_path / "catalog.yaml")["busi"]
    assert row.codes == ListedCodes((1, 2), (0,))
    (tmp_path / "plain.yaml").write_text(ROW)
    assert load_catalog(tmp_path / "plain.yaml")["busi"].codes is None


@pytest.mark.parametrize("text", ["busi: [", "- busi", "busi: 3", "\xff\xfe"])
def test_what_is_no_catalog_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CatalogError, match=r"catalog\.yaml"):
        load_catalog(path)


def test_a_catalog_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="unreadable"):
        load_catalog(tmp_path / "catalog.yaml")
