"""Prepared files that were damaged: each is noticed, named, and never computed with."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from support import PARAMS, make_prepared
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.core.errors import MissingDataError, MixSegError, StoreError
from benchmark.core.files import Paths, digest, read_json, sha256_file, write_json
from benchmark.data.cases import load_cases
from benchmark.data.manifest import FILES, check, data_digest, sealed

MIX = "tiny"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A project with a prepared mix; commands run in it."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    make_prepared(tmp_path / "data" / "prepared" / MIX)
    monkeypatch.chdir(tmp_path)
    return Paths(tmp_path)


def command(*words: str) -> BaseException | None:
    """The error of a command that runs in this process."""
    return CliRunner().invoke(app, list(words)).exception


def flip(path: Path, at: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def damaged(paths: Paths, name: str) -> Path:
    folder = paths.prepared(MIX)
    return folder / name if name == "manifest.json" else folder / "phantom-ultrasound" / name


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_commands_stop_at_a_flipped_bit(paths: Paths, name: str) -> None:
    assert command("controls", "--mix", MIX) is None
    path = damaged(paths, name)
    before = sha256_file(path)
    flip(path, path.stat().st_size // 2, 0)
    words = (["controls"], ["leaks"], ["prepare", "--check"])
    for error in (command(*some, "--mix", MIX) for some in words):
        assert isinstance(error, StoreError), error
        assert str(path) in str(error)
        assert "Run `mixseg prepare --mix tiny`." in str(error)
        if name.endswith(".npy"):
            assert before[:16] in str(error)
            assert sha256_file(path)[:16] in str(error)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_every_bit_counts(paths: Paths, name: str) -> None:
    path = damaged(paths, name)
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(40):
        flip(path, chance.randrange(len(whole)), chance.randrange(8))
        with pytest.raises(MixSegError):
            load_cases(paths.prepared(MIX), ("test",))
        path.write_bytes(whole)
    assert len(load_cases(paths.prepared(MIX), ("test",))) == 8


def test_a_digit_in_the_manifest_is_named_with_both_digests(paths: Paths) -> None:
    path = paths.prepared(MIX) / "manifest.json"
    manifest = read_json(path)
    manifest["size"] += 1
    path.write_text(json.dumps(manifest))
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    with pytest.raises(StoreError) as error:
        data_digest(paths.prepared(MIX))
    assert digest(rest)[:16] in str(error.value)
    assert manifest["digest"][:16] in str(error.value)


def test_a_row_more_or_less_in_the_table_is_noticed(paths: Paths) -> None:
    path = damaged(paths, "cases.csv")
    whole = path.read_text()
    for text in (whole.rsplit("\n", 2)[0] + "\n", whole.replace(",val,", ",train,")):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"cases\.csv"):
            load_cases(paths.prepared(MIX), ("test",))


def test_a_file_that_is_gone_is_named(paths: Paths) -> None:
    damaged(paths, "masks.npy").unlink()
    with pytest.raises(StoreError, match=r"masks\.npy: no file"):
        load_cases(paths.prepared(MIX), ("test",))


def test_dos_line_ends_in_the_table_are_no_damage(paths: Paths) -> None:
    path = damaged(paths, "cases.csv")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_cases(paths.prepared(MIX), ("test",))) == 8
    assert command("prepare", "--check", "--mix", MIX) is None


def test_the_full_check_reads_what_looks_untouched(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.core.digests.SETTLED_S", -3600.0)
    monkeypatch.setattr("benchmark.core.digests._stat", lambda name: (1, 2, 3, 4))
    load_cases(paths.prepared(MIX), ("test",))
    flip(damaged(paths, "images.npy"), 500, 3)
    load_cases(paths.prepared(MIX), ("test",))  # a disk that loses a bit changes no time
    assert isinstance(command("prepare", "--check", "--mix", MIX), StoreError)


def test_a_manifest_of_earlier_code_asks_to_prepare(paths: Paths) -> None:
    path = paths.prepared(MIX) / "manifest.json"
    manifest = read_json(path)
    del manifest["request"]
    write_json(path, manifest)
    with pytest.raises(StoreError, match="Run `mixseg prepare --mix tiny`"):
        data_digest(paths.prepared(MIX))
    path.unlink()
    with pytest.raises(MissingDataError, match="Run `mixseg prepare --mix tiny`"):
        data_digest(paths.prepared(MIX))


def content(paths: Paths) -> str:
    """What `content` is once the manifest is sealed anew."""
    prepared = paths.prepared(MIX)
    return str(sealed(read_json(prepared / "manifest.json"), prepared)["content"])


def test_the_content_is_that_of_the_files(paths: Paths) -> None:
    right = content(paths)
    assert check(paths.prepared(MIX))["content"] == right
    table = damaged(paths, "cases.csv")
    table.write_text(table.read_text().replace(",drawn,", ",elsewhere,"))
    assert content(paths) == right  # where a picture came from trains nothing
    table.write_text(table.read_text().replace("ultrasound-3,train", "ultrasound-3,val"))
    other = content(paths)
    assert other != right
    masks = np.load(damaged(paths, "masks.npy"))
    masks[0, 0, 0] ^= 1
    np.save(damaged(paths, "masks.npy"), masks)
    assert content(paths) not in (right, other)


def test_the_modality_and_the_order_of_the_datasets_count(paths: Paths) -> None:
    prepared = paths.prepared(MIX)
    manifest = read_json(prepared / "manifest.json")
    right = sealed(manifest, prepared)["content"]
    turned = dict(reversed(manifest["datasets"].items()))
    assert sealed({**manifest, "datasets": turned}, prepared)["content"] != right
    manifest["datasets"]["phantom-fundus"]["modality"] = "dermoscopy"
    assert sealed(manifest, prepared)["content"] != right
