"""Files are written whole or not at all."""

import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import read_json, write_atomic, write_json, write_text


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with write_atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for word in ("one", "two"):
        with write_atomic(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / word).touch()
    assert [f.name for f in (tmp_path / "folder").iterdir()] == ["two"]
    assert [f.name for f in tmp_path.iterdir()] == ["folder"]


@pytest.fixture
def small_disk(tmp_path: Path):
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", mount], check=True)


def test_a_full_disk_is_named_and_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(StoreError, match=r"the disk is full .*expected room"):
        write_text(small_disk / "big.txt", "x" * 200_000)
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_is_named_whoever_writes(small_disk: Path) -> None:
    big = {"a": torch.zeros(60_000)}
    for save in (torch.save, save_file):
        path = small_disk / "weights"
        with pytest.raises(StoreError, match=r"the disk is full"):
            saved(save, big, path)
        assert list(small_disk.iterdir()) == []


def saved(save, state: dict[str, torch.Tensor], path: Path) -> None:
    with write_atomic(path) as temporary:
        save(state, temporary)


def test_an_interrupted_exchange_of_folders_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_atomic(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "old").touch()
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "folder" and not self.name.endswith(".old.tmp"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "folder")
    assert [f.name for f in (tmp_path / "folder").iterdir()] == ["old"]
    assert [f.name for f in tmp_path.iterdir()] == ["folder"]


def made(folder: Path) -> None:
    with write_atomic(folder) as temporary:
        temporary.mkdir()


def test_json_comes_back_and_bad_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": "é"})
    assert path.read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": "é"\n}\n'
    assert read_json(path) == {"b": 1, "a": "é"}
    path.write_text(path.read_text()[:-4])
    with pytest.raises(StoreError, match="no JSON"):
        read_json(path)
    with pytest.raises(MissingDataError, match="no file"):
        read_json(tmp_path / "none.json")
