"""A release: whole or not at all, the same bytes, every file told and summed."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from make_results import MIX, Made, Plan, make_variants

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.reports.release import bundle
from benchmark.reports.release.bundle import METADATA, SUMS, write_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make_variants(tmp_path_factory.mktemp("made"), Plan(cases=3))
    (made.paths.root / "LICENSE").write_text("Apache\n")
    weights = made.paths.artefacts(MIX, "unet", 0) / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    lock = made.paths.root / "baselines" / "unet" / "dvc.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(
        "stages:\n  s:\n    outs:\n"
        f"    - {{path: artefacts/{MIX}/unet/seed-1, md5: abc.dir}}\n    - {{path: results/x}}\n"
    )
    return made


@pytest.fixture(scope="module")
def folder(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("to") / "bundle"
    write_bundle(made.results(), to)
    return to


def test_every_file_is_told_with_its_sum(folder: Path) -> None:
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    lines = (folder / SUMS).read_text().splitlines()
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    assert names == {*sums, SUMS}
    for name, told in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told, name
    graph = json.loads((folder / METADATA).read_text())["@graph"]
    by_id = {each["@id"]: each for each in graph}
    assert len(by_id) == len(graph)
    parts = {each["@id"] for each in by_id["./"]["hasPart"]}
    assert parts == names - {SUMS, METADATA}
    assert all(by_id[name]["sha256"] == sums[name] for name in parts)
    assert by_id[METADATA]["about"] == {"@id": "./"}
    assert by_id[METADATA]["conformsTo"]["@id"].startswith("https://w3id.org/ro/crate/1.")
    references = {each["@id"] for each in by_id["./"]["isBasedOn"]}
    assert references
    assert references <= set(by_id)
    assert by_id["./"]["datePublished"] == "2026-01-03"  # of the last run, not of today


def test_it_holds_results_report_cards_and_code_state(folder: Path) -> None:
    for name in (
        f"results/{MIX}/main/unet/seed-0/scores.csv", f"reports/{MIX}/index.html",
        f"reports/{MIX}/checklist.md", f"reports/{MIX}/tables/main.csv", "cards/models/unet.md",
        "cards/models/mmsnet-k16.md", "cards/data/phantom-fundus.md", "LICENSE",
    ):  # fmt: skip
        assert (folder / name).is_file(), name
    assert not (folder / f"reports/{MIX}/gallery.html").exists()  # it shows images
    assert json.loads((folder / "code.json").read_text())["commit"] is None  # no repository
    rows = {(r["method"], r["seed"]): r for r in json.loads((folder / "weights.json").read_text())}
    assert rows["unet", 0]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert rows["unet", 0]["dvc_md5"] is None
    assert rows["unet", 1]["sha256"] is None
    assert rows["unet", 1]["dvc_md5"] == "abc.dir"
    assert ("mmsnet-k16", 2) in rows


def test_a_zip_holds_the_same_bytes(made: Made, folder: Path, tmp_path: Path) -> None:
    write_bundle(made.results(), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert set(archive.namelist()) == names
        for name in names:
            assert archive.read(name) == (folder / name).read_bytes(), name
    bundle._zip(folder, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_nothing_half_written_is_left(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, to: Path) -> None:
        to.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle, "_zip", full)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(made.results(), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def seed(made: Made) -> Iterator[Path]:
    """The results of one run, put back afterwards."""
    folder = made.paths.run(MIX, "main", "unet", 0)
    before = set(folder.iterdir())
    yield folder
    for path in set(folder.iterdir()) - before:
        path.unlink() if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)


@pytest.mark.parametrize("kind", ["file", "folder", "to nowhere", "of a link", "inside"])
def test_links_out_of_the_results_are_refused(
    made: Made, seed: Path, tmp_path: Path, kind: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    targets = {"file": secret, "folder": tmp_path, "to nowhere": tmp_path / "gone", "inside": seed}
    target = targets.get(kind, seed / "second")
    if kind == "of a link":
        target.symlink_to(secret)
    (seed / "notes.txt").symlink_to(target)
    for to in (tmp_path / "bundle", tmp_path / "bundle.zip"):
        with pytest.raises(StoreError, match=r"a link to .*, expected files and folders of .*"):
            write_bundle(made.results(), to)
        assert not to.exists()


def test_a_lock_that_is_no_yaml_is_named(made: Made, tmp_path: Path) -> None:
    lock = tmp_path / "baselines/unet/dvc.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("a: &a [*a]\n")
    with pytest.raises(StoreError, match=r"dvc\.lock: unreadable \(a value holds itself, line 1\)"):
        bundle._locked(tmp_path)


def test_a_pipe_is_refused(made: Made, seed: Path, tmp_path: Path) -> None:
    os.mkfifo(seed / "pipe")
    with pytest.raises(StoreError, match="pipe: neither a file nor a folder"):
        write_bundle(made.results(), tmp_path / "bundle")


def test_a_project_file_that_is_a_link_out_is_refused(made: Made, tmp_path: Path) -> None:
    path = made.paths.root / "CHANGELOG.md"
    (tmp_path / "secret.txt").write_text("secret")
    path.symlink_to(tmp_path / "secret.txt")
    try:
        with pytest.raises(StoreError, match=r"CHANGELOG\.md: a link to .*secret"):
            write_bundle(made.results(), tmp_path / "bundle")
    finally:
        path.unlink()


def test_a_link_inside_is_a_file_and_what_a_killed_writer_left_stays_out(
    made: Made, seed: Path, tmp_path: Path
) -> None:
    # The folder of results may be a link itself.
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / MIX).symlink_to(made.paths.results(MIX))
    paths = type(made.paths)(made.paths.root, tmp_path / "results")
    (seed / "again.csv").symlink_to(seed / "scores.csv")
    (seed / ".scores.csv.1a2b3c4d.tmp").write_text("half")
    (seed / ".maps.1a2b3c4d.old.tmp").mkdir()
    (seed / ".maps.1a2b3c4d.old.tmp/half").write_text("half")
    write_bundle(replace(made, paths=paths).results(), tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        names = archive.namelist()
        where = f"results/{MIX}/main/unet/seed-0"
        assert archive.read(f"{where}/again.csv") == (seed / "scores.csv").read_bytes()
    assert not [name for name in names if ".tmp" in name]


def test_what_is_no_bundle_is_not_replaced(made: Made, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    for to in (mine, mine / "thesis.txt"):
        with pytest.raises(StoreError, match="older bundle"):
            write_bundle(made.results(), to)
    assert (mine / "thesis.txt").read_text() == "x"


def test_a_mix_without_results_is_named(made: Made, tmp_path: Path) -> None:
    paths = type(made.paths)(made.paths.root, tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match="mixseg run"):
        write_bundle(replace(made, paths=paths).results(), tmp_path / "to")


def test_the_code_state_names_what_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        assert bundle.git(tmp_path, *words) is not None

    git("init", "-q")
    (tmp_path / "a.txt").write_text("1")
    git("add", ".")
    git("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", "x")
    state = bundle.code_state(tmp_path)
    assert len(state["commit"]) == 40
    assert not state["dirty"]
    (tmp_path / "a.txt").write_text("2")
    state = bundle.code_state(tmp_path)
    assert state["dirty"]
    assert state["changed"] == ["a.txt"]
