"""Kept digests: what is read again, and that no change goes unseen."""

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from benchmark.core.digests import KeptDigests, sha256_text
from benchmark.core.files import sha256_file

Look = Callable[[], tuple[list[str], list[str]]]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files that were last changed long ago."""
    for name in "abc":
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Looks at the files, as if all were settled: the digests, and which files were read."""
    monkeypatch.setattr("benchmark.core.digests.SETTLED_S", -3600.0)

    def looks() -> tuple[list[str], list[str]]:
        read: list[str] = []

        def note(path: Path) -> str:
            read.append(path.name)
            return sha256_file(path)

        files = [path for path in (folder / name for name in "abc") if path.exists()]
        return KeptDigests(folder / "kept" / "some.json", note).of(files), sorted(read)

    return looks


def test_only_the_first_look_reads(look: Look) -> None:
    right = [digest(text) for text in "abc"]
    assert look() == (right, ["a", "b", "c"])
    assert look() == (right, [])


@pytest.mark.parametrize("how", ["longer", "same size", "same size and time", "other file"])
def test_a_change_is_seen_and_named(folder: Path, look: Look, how: str) -> None:
    look()
    path, before = folder / "b", (folder / "b").stat()
    if how == "other file":
        (folder / "new").write_text("x")
        os.utime(folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (folder / "new").replace(path)
    else:
        path.write_text("xx" if how == "longer" else "x")
    if how == "same size and time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    kept = KeptDigests(folder / "kept" / "some.json")
    assert kept.of([path]) == [digest(path.read_text())]
    assert kept.changed == [path]
    assert look()[1] == []


def test_a_touched_file_is_read_and_not_named(folder: Path, look: Look) -> None:
    look()
    os.utime(folder / "b", ns=(1, 1))
    kept = KeptDigests(folder / "kept" / "some.json")
    assert kept.of([folder / "b"]) == [digest("b")]
    assert kept.changed == []


def test_a_file_that_changed_a_moment_ago_is_read_again(folder: Path) -> None:
    read: list[str] = []

    def note(path: Path) -> str:
        read.append(path.name)
        return sha256_file(path)

    for _ in range(2):
        KeptDigests(folder / "kept.json", note).of([folder / "a"])
    assert read == ["a", "a"]


def test_what_is_gone_is_forgotten_and_others_are_kept(folder: Path, look: Look) -> None:
    look()
    (folder / "a").unlink()
    KeptDigests(folder / "kept" / "some.json").of([folder / "kept" / "some.json"])
    body = json.loads((folder / "kept" / "some.json").read_text().splitlines()[1])
    assert {Path(name).name for name in body} == {"b", "c", "some.json"}


@pytest.mark.parametrize("damage", [b"", b"\xff", b"{}", b"[]\n[]\n"])
def test_a_damaged_file_of_digests_is_passed_over(folder: Path, look: Look, damage: bytes) -> None:
    look()
    (folder / "kept" / "some.json").write_bytes(damage)
    assert look() == ([digest(text) for text in "abc"], ["a", "b", "c"])


def test_one_flipped_bit_in_the_file_of_digests_is_seen(folder: Path, look: Look) -> None:
    right, _ = look()
    path = folder / "kept" / "some.json"
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert look()[0] == right, at


def test_a_look_that_is_interrupted_keeps_what_was_read(folder: Path, look: Look) -> None:
    def failing(path: Path) -> str:
        if path.name == "c":
            raise OSError("unreadable")
        return sha256_file(path)

    files = [folder / name for name in "abc"]
    with pytest.raises(OSError, match="unreadable"):
        KeptDigests(folder / "kept" / "some.json", failing).of(files)
    assert look()[1] == ["c"]


def test_line_ends_of_text_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "unix").write_bytes(b"a,b\n1,2\n")
    (tmp_path / "dos").write_bytes(b"a,b\r\n1,2\r\n")
    assert sha256_text(tmp_path / "unix") == sha256_text(tmp_path / "dos") == digest("a,b\n1,2\n")
