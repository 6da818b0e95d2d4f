"""Files are written whole or not at all."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support import command_environment

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import Paths, read_json, write_atomic, write_json, write_text
from benchmark.core.progress import Silent
from benchmark.methods.sync import sync
from benchmark.runs.execute import RunOptions, execute
from benchmark.runs.identity import RunSpec
from benchmark.runs.store import RunDirectory


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


# Arguments: the path, "file" or "folder". It says "ready" when the half is there, then waits.
WRITER = """
import sys
from pathlib import Path
from benchmark.core.files import write_atomic

path, kind = Path(sys.argv[1]), sys.argv[2]
with write_atomic(path) as temporary:
    if kind == "folder":
        temporary.mkdir()
        (temporary / "part").write_text("half")
    else:
        temporary.write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


def writer(path: Path, kind: str = "file") -> subprocess.Popen[str]:
    """A process that has written half of a file, or of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), kind], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=command_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path, kind: str) -> None:
    process = writer(tmp_path / "a.csv", kind)
    process.kill()
    process.communicate()
    assert len(left_in(tmp_path)) == 1
    (tmp_path / ".mine.tmp").touch()  # not by this project
    write_text(tmp_path / "b.csv", "whole")
    assert left_in(tmp_path) == [".mine.tmp", "b.csv"]


def test_the_half_of_a_living_writer_stays(tmp_path: Path) -> None:
    """Another writer comes and goes, then one is killed; the living one ends well all the same."""
    alive, killed = writer(tmp_path / "a.csv"), writer(tmp_path / "b.csv")
    killed.kill()
    killed.communicate()
    write_text(tmp_path / "c.csv", "whole")
    assert len(left_in(tmp_path)) == 3
    alive.communicate("\n")
    assert alive.returncode == 0
    assert (tmp_path / "a.csv").read_text() == "half"
    write_text(tmp_path / "c.csv", "whole")
    assert left_in(tmp_path) == ["a.csv", "c.csv"]


@pytest.mark.parametrize("host", ["00000000-", ""])
@pytest.mark.parametrize(("days", "stays"), [(0, True), (2, False)])
def test_what_another_machine_may_still_write_stays_a_day(
    tmp_path: Path, host: str, days: int, stays: bool
) -> None:
    half = tmp_path / f".a.csv.{host}0123abcd.tmp"
    half.touch()
    then = half.stat().st_mtime - days * 86_400 - 60
    os.utime(half, (then, then))
    write_text(tmp_path / "b.csv", "")
    assert half.exists() == stays


def test_a_writer_killed_between_its_two_renames_loses_nothing(tmp_path: Path) -> None:
    process = writer(tmp_path / "mix", "folder")
    process.kill()
    process.communicate()
    (half,) = tmp_path.iterdir()
    old = half.with_suffix(".old.tmp")
    old.mkdir()
    (old / "kept").touch()
    write_text(tmp_path / "b.csv", "")
    assert left_in(tmp_path) == ["b.csv", "mix"]
    assert left_in(tmp_path / "mix") == ["kept"]


SAVES = """
import sys
from pathlib import Path
from safetensors.numpy import save_file
import numpy as np
from benchmark.core.files import write_atomic, write_text

write_text(Path("plain"), "x")
with write_atomic(Path("private")) as temporary:
    save_file({"a": np.zeros(1)}, temporary)
    temporary.chmod(0o600)  # as some versions of the library leave it
"""


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_umask_decides_who_may_read(tmp_path: Path, umask: int) -> None:
    command = [sys.executable, "-c", SAVES]
    subprocess.run(command, cwd=tmp_path, umask=umask, check=True, env=command_environment())
    for name in ("plain", "private"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask, name


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file `lock` that nobody may write to, root neither."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount, root = ["mount", "-t", "tmpfs", "tmpfs", str(folder)], os.geteuid() == 0
    if root:
        done = subprocess.run(mount, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    (folder / "lock").touch(0o444)
    if root:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    folder.chmod(0o555) if not root else None
    yield folder
    subprocess.run(["umount", folder], check=True) if root else folder.chmod(0o755)


DENIED = r": cannot be written to \((Read-only file system|Permission denied)\), expected"


def test_a_folder_that_is_read_only_is_named(read_only: Path) -> None:
    for path in (read_only / "a.txt", read_only / "new" / "a.txt"):
        with pytest.raises(StoreError, match=f"read-only.*{DENIED}"):
            write_text(path, "x")
    assert not RunDirectory(read_only).busy()


def test_a_place_that_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"folder: cannot be written to \(Is a directory\)"):
        write_text(tmp_path / "folder", "x")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/deep: cannot be written to \(Not a directory\)"):
        write_text(tmp_path / "file" / "deep" / "a.txt", "x")
    with pytest.raises(StoreError, match=r"cannot be written to \(File name too long\)"):
        write_text(tmp_path / ("x" * 250), "x")
    assert left_in(tmp_path) == ["file", "folder"]


def test_no_method_is_blamed_for_a_folder(project: Paths, read_only: Path) -> None:
    sync(project.root)
    spec, options = RunSpec("small", "tiny", 0), RunOptions(device="cpu")
    for kept in ("artefacts", "work"):  # the first is written to when training has ended
        (project.root / kept).symlink_to(read_only)
        with pytest.raises(StoreError, match=f"/{kept}/.*{DENIED}"):
            execute(project, spec, options, Silent())
        (project.root / kept).unlink()
        shutil.rmtree(project.root / "work", ignore_errors=True)
