"""Archives are unpacked wholly and safely, or not at all."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core.errors import DownloadError
from benchmark.data import archives
from benchmark.data.archives import BadArchive, DiskFull, Limits, unpack

FILES = {
    "Set/images/a b (1).png": b"image",
    "Set/masks/a b (1).png": os.urandom(3000),
    "Set/émile.txt": b"accent",
}


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, data in files.items():
            # zipfile itself fails on an empty name
            entry = zipfile.ZipInfo(name or "?")
            entry.filename, entry.compress_type = name or entry.filename, method
            packed.writestr(entry, data)
            entry.filename = name
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as packed:
        for name, data in files.items():
            add(packed, tarfile.TarInfo(name), data)
    return path


def add(packed: tarfile.TarFile, entry: tarfile.TarInfo, data: bytes = b"") -> None:
    entry.size = len(data)
    packed.addfile(entry, io.BytesIO(data))


def tree(folder: Path) -> dict[str, bytes]:
    """Files below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refuse(archive: Path, into: Path, *parts: str, kind: type = BadArchive) -> None:
    """Unpacking must fail with a named error and leave nothing behind."""
    before = tree(into) if into.exists() else {}
    with pytest.raises(kind) as error:
        unpack(archive, into)
    assert all(part in str(error.value) for part in (archive.name, *parts)), error.value
    assert tree(into) == before
    assert not [path for path in into.iterdir() if path.name.startswith(".")]


MAKERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_unpacks(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / f"set.{kind}", FILES)
    assert unpack(archive, tmp_path / "into") == ["Set"]
    assert tree(tmp_path / "into") == FILES


def test_an_empty_folder_and_junk_are_left_out(tmp_path: Path) -> None:
    files = {"a/": b"", "b/x.png": b"x", "__MACOSX/b/._x.png": b"junk", "b/.DS_Store": b"junk"}
    unpack(make_zip(tmp_path / "a.zip", files), tmp_path / "into")
    assert tree(tmp_path / "into") == {"b/x.png": b"x"}


def test_keeps_only_what_is_wanted(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"Top/ORIGA/x": b"x", "Top/original/y": b"y"})
    unpack(archive, tmp_path / "into", ["*ORIGA*"])
    assert tree(tmp_path / "into") == {"Top/ORIGA/x": b"x"}
    with pytest.raises(DownloadError, match=r"no file matches \*REFUGE\*"):
        unpack(archive, tmp_path / "other", ["*REFUGE*"])
    assert tree(tmp_path / "other") == {}


def test_two_archives_share_a_folder(tmp_path: Path) -> None:
    unpack(make_zip(tmp_path / "1.zip", {"Training/a": b"a"}), tmp_path / "into")
    unpack(make_zip(tmp_path / "2.zip", {"Training/b": b"b", "Test/c": b"c"}), tmp_path / "into")
    assert set(tree(tmp_path / "into")) == {"Training/a", "Training/b", "Test/c"}


def test_what_is_there_already_is_not_replaced(tmp_path: Path) -> None:
    into = tmp_path / "into"
    unpack(make_zip(tmp_path / "1.zip", {"Set/z": b"mine"}), into)
    second = make_zip(tmp_path / "2.zip", {"Set/a": b"a", "Set/z": b"theirs", "A/b": b"b"})
    refuse(second, into, "is there already", "Move it away", kind=DownloadError)
    assert tree(into) == {"Set/z": b"mine"}


def test_the_same_file_twice_is_no_conflict(tmp_path: Path) -> None:
    into = tmp_path / "into"
    unpack(make_zip(tmp_path / "1.zip", {"Set/z": b"same"}), into)
    assert unpack(make_zip(tmp_path / "2.zip", {"Set/a": b"a", "Set/z": b"same"}), into) == ["Set"]
    assert tree(into) == {"Set/a": b"a", "Set/z": b"same"}


def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "into" / ".unpacking-12345678" / "half").mkdir(parents=True)
    unpack(make_zip(tmp_path / "a.zip", FILES), tmp_path / "into")
    assert tree(tmp_path / "into") == FILES


OUTSIDE = {
    "../evil": "leaves the folder",
    "a/../../evil": "leaves the folder",
    "..\\evil": "leaves the folder",
    "/tmp/evil": "absolute path",
    "C:\\evil": "absolute path",
    "a\nb": "no file can have",
    "x" * 300: "no file can have",
    "a/" * 2500 + "x": "a path of 2501 parts and 5001 bytes",
    "a/" * 32 + "x": "a path of 33 parts and 65 bytes",
    "/".join(["x" * 250] * 5): "a path of 5 parts and 1254 bytes",
    "": "an empty name",
    ".": "an empty name",
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", MAKERS)
def test_names_that_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    archive = MAKERS[kind](tmp_path / f"set.{kind}", {"good": b"good", name: b"evil"})
    refuse(archive, tmp_path / "into", OUTSIDE[name], "Nothing was unpacked")
    assert not (tmp_path / "evil").exists()


TYPES = {
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_deep_path_within_the_bounds_is_unpacked(tmp_path: Path, mode: str) -> None:
    name = "a/" * 31 + "x"
    into = tmp_path / "into"
    with tarfile.open(tmp_path / "set.tar", mode) as packed:
        top = tarfile.TarInfo("./")
        top.type = tarfile.DIRTYPE
        packed.addfile(top)
        add(packed, tarfile.TarInfo(name), b"good")
    unpack(tmp_path / "set.tar", into)
    assert tree(into) == {name: b"good"}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_path_too_long_for_the_disk_is_named(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / f"set.{kind}", {"/".join(["x" * 250] * 4): b"good"})
    into = tmp_path.joinpath(*["y" * 250] * 12)
    into.mkdir(parents=True)
    refuse(archive, into, "is too long for this disk", "shorter path", kind=DownloadError)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: str, mode: str) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, mode) as packed:
        add(packed, tarfile.TarInfo("good"), b"good")
        entry = tarfile.TarInfo("odd")
        entry.type, entry.linkname = TYPES[kind], "/etc/passwd"
        packed.addfile(entry)
        add(packed, tarfile.TarInfo("odd/x"), b"through it")
    refuse(path, tmp_path / "into", "a link or a device", "'odd'")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("odd")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("good", b"good")
        packed.writestr(entry, "/etc/passwd")
    refuse(tmp_path / "a.zip", tmp_path / "into", "a link or a device")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_name_twice_and_a_file_as_a_folder(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("a", b"1")
            with pytest.warns(UserWarning, match="Duplicate"):
                packed.writestr("a", b"2")
    else:
        with tarfile.open(path, "w:gz" if "gz" in kind else "w") as packed:
            add(packed, tarfile.TarInfo("a"), b"1")
            add(packed, tarfile.TarInfo("./a"), b"2")
    refuse(path, tmp_path / "into", "twice")
    refuse(MAKERS[kind](path, {"a": b"1", "a/b": b"2"}), tmp_path / "into", "file and a folder")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / f"set.{kind}", {"good": b"x", "big": bytes(24 * 2**20)})
    refuse(archive, tmp_path / "into", "archive bomb", "Do not trust")


def test_zeros_behind_the_end_of_a_tar_are_a_bomb_too(tmp_path: Path) -> None:
    plain = make_tar(tmp_path / "a.tar", {"good": b"x"}).read_bytes()
    path = tmp_path / "set.tar.gz"
    path.write_bytes(gzip.compress(plain + bytes(24 * 2**20)))
    refuse(path, tmp_path / "into", "archive bomb")


@pytest.mark.parametrize("limits", [Limits(members=2), Limits(total=1000)])
@pytest.mark.parametrize("kind", MAKERS)
def test_too_many_and_too_much(tmp_path: Path, kind: str, limits: Limits) -> None:
    archive = MAKERS[kind](tmp_path / f"set.{kind}", FILES)
    with pytest.raises(BadArchive, match="at most"):
        unpack(archive, tmp_path / "into", limits=limits)
    assert tree(tmp_path / "into") == {}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_truncated_archive(tmp_path: Path, kind: str) -> None:
    """Cut anywhere, an archive is named as damaged."""
    whole = MAKERS[kind](tmp_path / "whole", FILES).read_bytes()
    end = len(whole) if kind != "tar" else 512 * 11  # a tar ends before its padding
    path = tmp_path / f"set.{kind}"
    for cut in [1, 2, *range(300, end, 173), end - 1]:
        path.write_bytes(whole[:cut])
        with pytest.raises(BadArchive, match=r"truncated or damaged|no archive"):
            unpack(path, tmp_path / "into")
        assert tree(tmp_path / "into") == {}, cut


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_flipped_byte_is_never_unpacked_unnoticed(tmp_path: Path, kind: str) -> None:
    whole = MAKERS[kind](tmp_path / "whole", FILES).read_bytes()
    path = tmp_path / f"set.{kind}"
    for at in range(0, len(whole), 61):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        into = tmp_path / f"into-{at}"
        try:
            unpack(path, into)
        except DownloadError:
            assert tree(into) == {}
        else:
            assert sorted(tree(into).values()) == sorted(FILES.values()), at


def test_an_encrypted_zip(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a": b"a"}).read_bytes())
    data[6] |= 1  # flag bit 0 of the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the directory
    (tmp_path / "a.zip").write_bytes(data)
    refuse(tmp_path / "a.zip", tmp_path / "into", "a is encrypted", "by hand", kind=DownloadError)


def test_a_compression_that_python_lacks(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a": b"a"}).read_bytes())
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 9  # deflate64
    (tmp_path / "a.zip").write_bytes(data)
    refuse(tmp_path / "a.zip", tmp_path / "into", "unreadable", "by hand", kind=DownloadError)


@pytest.mark.parametrize(
    ("head", "found", "do"),
    [
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive", "Unpack it by hand (unar, 7z)"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it by hand (unar, 7z)"),
        (b"<!DOCTYPE html><title>Google Drive - Virus scan warning", "viruses", "browser"),
        (b"", "no archive", "fetch it again"),
        (b"GIF89a", "no archive", "fetch it again"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, head: bytes, found: str, do: str) -> None:
    (tmp_path / "a.zip").write_bytes(head)
    with pytest.raises(DownloadError) as error:
        unpack(tmp_path / "a.zip", tmp_path / "into")
    assert found in str(error.value)
    assert do in str(error.value)
    assert not (tmp_path / "into").exists()


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    archive = make_zip(tmp_path / "a.zip", FILES)
    monkeypatch.setattr(archives.shutil, "copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "into")
    assert not list((tmp_path / "into").iterdir())


def test_ctrl_c_while_files_are_renamed_takes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = Path.rename, []

    def stop(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    archive = make_zip(tmp_path / "a.zip", {"a/x": b"x", "b/y": b"y", "c/z": b"z"})
    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "into")
    assert len(calls) == 3  # a in, b refused, a back
    assert not list((tmp_path / "into").iterdir())


def test_no_room_by_the_announced_sizes(tmp_path: Path, small_disk: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"small": b"x", "big": os.urandom(2**19)})
    refuse(archive, small_disk / "into", "disk is full", "Free some space", kind=DiskFull)


def test_the_disk_runs_full_on_the_way(tmp_path: Path, small_disk: Path) -> None:
    # 200 files of 10 bytes fit by their size, but not by the page each takes
    archive = make_zip(tmp_path / "a.zip", {f"f/{i}": b"0123456789" for i in range(200)})
    refuse(archive, small_disk / "into", "disk is full", "Free some space", kind=DiskFull)
