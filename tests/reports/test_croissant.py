"""Croissant metadata: valid by mlcroissant's own rules, and what they say is in the files."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from make_results import MIX, Plan, make
from support import ROOT, mixseg

from benchmark.data.catalog import load_catalog
from benchmark.reports.release import croissant
from benchmark.reports.release.bundle import METADATA, write_bundle

ABSENT = "needs mlcroissant (the extra `croissant`)"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mlcroissant", reason=ABSENT)
    made = make(tmp_path_factory.mktemp("made"), Plan(cases=3))
    to = tmp_path_factory.mktemp("to") / "bundle"
    write_bundle(made.results(), to)
    return to


@pytest.mark.engines
def test_every_dataset_of_the_catalog_has_valid_metadata(tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant", reason=ABSENT)
    done = mixseg(ROOT, "cards", "--to", str(tmp_path))
    assert done.returncode == 0, done.stderr
    catalog = load_catalog(ROOT / "benchmark" / "data" / "catalog.yaml")
    assert f"of {len(catalog)} datasets" in done.stdout
    for name, row in catalog.items():
        path = tmp_path / "data" / f"{name}.croissant.json"
        found = mlc.Dataset(jsonld=str(path)).metadata  # raises where it is not valid
        assert (found.name, found.cite_as) == (row.title, row.citation)
        listed = {file.name: file for file in found.distribution}
        assert set(listed) == {source.file for source in row.sources if source.urls}
        for source in row.sources:
            if source.urls and source.sha256:
                assert listed[source.file].sha256 == source.sha256
        whole = bool(listed) and all(file.sha256 or file.md5 for file in listed.values())
        told = json.loads(path.read_text(encoding="utf-8"))
        assert told.get("isLiveDataset", False) is not whole
        assert ("isLiveDataset is set, as " in told["description"]) is not whole


@pytest.mark.engines
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("etis", "no checksum is known of TestDataset.zip."),
        ("drishti-gs", "its files have no address that a program can fetch."),
        ("phantom-fundus", "the images are drawn anew by the code of MixSeg"),
        ("kvasir-seg", ""),
    ],
)
def test_the_reason_for_a_live_dataset_is_given(name: str, why: str) -> None:
    pytest.importorskip("mlcroissant", reason=ABSENT)
    told = croissant.of_dataset(load_catalog()[name]).to_json()
    assert told.get("isLiveDataset", False) is bool(why)
    assert why in told["description"]


@pytest.mark.engines
def test_the_records_of_a_bundle_are_its_scores(bundle: Path) -> None:
    import mlcroissant as mlc

    dataset = mlc.Dataset(jsonld=str(bundle / croissant.ENDING))
    records = pd.DataFrame([_plain(record) for record in dataset.records("records")])
    files = sorted(bundle.glob(f"results/{MIX}/*/*/seed-*/scores.csv"))
    assert len(records) == sum(len(pd.read_csv(path)) for path in files) > 50
    for path in files:
        group, method, seed = path.parts[-4:-1]
        rows = records[(records["run_group"] == group) & (records["method"] == method)]
        rows = rows[rows["seed"] == int(seed.removeprefix("seed-"))]
        keys, table = ["dataset", "case", "draw"], pd.read_csv(path)
        both = rows.merge(table, on=keys, validate="one_to_one", suffixes=("", "_file"))
        assert len(both) == len(table)
        for column in ("dsc", "iou", "mae", "tp"):
            assert both[column].to_list() == pytest.approx(both[f"{column}_file"].to_list())


def _plain(record: dict[str, object]) -> dict[str, object]:
    """A record under the bare names of its fields, with text instead of bytes."""
    values = {key.removeprefix("records/"): value for key, value in record.items()}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


@pytest.mark.engines
def test_each_file_has_its_sum_and_without_sums_they_are_not_valid(bundle: Path) -> None:
    import mlcroissant as mlc

    told = json.loads((bundle / croissant.ENDING).read_text(encoding="utf-8"))
    sums = {file["@id"]: file["sha256"] for file in told["distribution"] if "sha256" in file}
    assert sums
    for name, sha256 in sums.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == sha256
    graph = json.loads((bundle / METADATA).read_text())["@graph"]
    assert croissant.ENDING in {each["@id"] for each in graph}
    for file in told["distribution"]:
        file.pop("sha256", None)
    with pytest.raises(mlc.ValidationError, match="md5"):
        mlc.Dataset(jsonld=told)


@pytest.mark.engines
def test_the_ro_crate_is_read_by_its_library(bundle: Path) -> None:
    pytest.importorskip("rocrate", reason="needs rocrate")
    from rocrate.rocrate import ROCrate

    crate = ROCrate(str(bundle))
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert {entity.id for entity in crate.data_entities} == files - {METADATA, "SHA256SUMS"}
    assert crate.root_dataset["license"].id.endswith("Apache-2.0")
    assert crate.mainEntity["name"] == "MixSeg"


def test_without_the_package_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(croissant, "PACKAGE", "no_such_package_here")
    assert croissant.write_datasets(tmp_path / "data", load_catalog().values()) == []
    made = make(tmp_path / "made", Plan(cases=3))
    write_bundle(made.results(), tmp_path / "bundle")
    assert not list(tmp_path.rglob("*croissant*"))
