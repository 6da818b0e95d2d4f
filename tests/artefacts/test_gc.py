"""`mixseg gc` lists what no result refers to, deletes it with --yes alone, and keeps the rest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import command_environment, forked, mixseg

from benchmark.artefacts.gc import delete, unused
from benchmark.core.files import Paths, read_json, write_json
from benchmark.methods.sync import sync
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.settings import SCORES
from benchmark.runs.store import RunDirectory, run_directory

RUN = "ab" * 32


def finished(paths: Paths, run: str, size: int = 3_000_000) -> Path:
    """A finished run in the store, with maps of some bytes."""
    directory = run_directory(paths.store, run)
    directory.folder.mkdir(parents=True)
    (directory.folder / "probs.npz").write_bytes(os.urandom(size))
    (directory.folder / SCORES).write_text("case\n")
    directory.finish(SCORES, "code")
    return directory.folder


def unfinished(paths: Paths, run: str) -> Path:
    folder = run_directory(paths.store, run).folder
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").write_bytes(bytes(1000))
    return folder


def publish_results(paths: Paths, run: str, source: Path) -> Path:
    """Results that refer to a run, and its maps below artefacts/, a hard link of the store's."""
    files = {"probs.npz": "0" * 64}
    told = {"method": "small", "seed": 0, "identity": {"run": run}, "files": files}
    write_json(paths.run("tiny", "main", "small", 0) / "run.json", told)
    folder = paths.artefacts("tiny", "small", 0)
    folder.mkdir(parents=True)
    os.link(source / "probs.npz", folder / "probs.npz")
    return folder


def paths_of(project: Paths) -> dict[str, int]:
    found = unused(project)
    return {one.path.relative_to(project.root).as_posix(): one.bytes for one in found}


@pytest.fixture
def kept(project: Paths) -> Paths:
    """A project in which a result refers to everything."""
    sync(project.root)
    publish_results(project, RUN, finished(project, RUN))
    return project


def test_what_a_result_refers_to_stays(kept: Paths) -> None:
    assert unused(kept) == []


def test_each_kind_is_listed_and_goes(kept: Paths) -> None:
    old = finished(kept, "cd" * 32)
    begun = unfinished(kept, "ef" * 32)
    orphan = kept.artefacts("tiny", "gone", 3)
    orphan.mkdir(parents=True)
    (orphan / "weights.safetensors").write_bytes(bytes(50))
    beside = kept.artefacts("tiny", "small", 0) / "weights.safetensors"
    beside.write_bytes(bytes(70))
    shutil.copytree(kept.prepared("tiny"), kept.prepared("removed"))
    killed = killed_writer(kept.root / "results" / "tiny")
    part = kept.root / "work" / "transfers" / ("12" * 32)
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(10))
    (part.parent / ("0" * 64)).write_bytes(b"of a file that a result lists")
    every = (old, begun, part, orphan, beside, kept.prepared("removed"), killed)
    names = {path.relative_to(kept.root).as_posix(): path for path in every}
    found = unused(kept)
    assert {one.path.relative_to(kept.root).as_posix() for one in found} == set(names)
    sizes = paths_of(kept)
    assert sizes[beside.relative_to(kept.root).as_posix()] == 70
    assert sizes[killed.relative_to(kept.root).as_posix()] == 4
    assert [one.path for one in delete(kept, found)] == [one.path for one in found]
    assert not any(path.exists() for path in names.values())
    assert unused(kept) == []
    assert (kept.artefacts("tiny", "small", 0) / "probs.npz").is_file()
    assert (part.parent / ("0" * 64)).is_file()


def killed_writer(folder: Path) -> Path:
    """The temporary file of a command that was killed while it wrote."""
    code = (
        "import os, sys; from pathlib import Path; from benchmark.core.files import write_atomic\n"
        "with write_atomic(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n    print(temporary, flush=True)\n    os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(folder / "main.csv")]
    done = subprocess.run(command, capture_output=True, text=True, env=command_environment())
    return Path(done.stdout.strip())


def test_a_file_that_is_being_written_is_no_leftover(kept: Paths) -> None:
    from benchmark.core.files import write_atomic

    with write_atomic(kept.results("tiny") / "main.csv") as temporary:
        temporary.write_text("half")
        assert unused(kept) == []


def test_a_declared_run_under_way_and_one_that_runs_stay(kept: Paths) -> None:
    planned = plan_run(kept, RunSpec("small", "tiny", 1)).identity.run
    unfinished(kept, planned)
    other = unfinished(kept, "ef" * 32)
    with RunDirectory(other).locked():
        found = unused(kept)
        assert found == []
    (one,) = unused(kept)
    assert (one.path, one.why) == (other, "unfinished")
    with RunDirectory(other).locked():
        assert list(delete(kept, [one])) == []
    assert other.is_dir()


def test_unfinished_runs_stay_where_the_declared_ones_are_not_known(kept: Paths) -> None:
    unfinished(kept, "ef" * 32)
    old = finished(kept, "cd" * 32)
    shutil.rmtree(kept.prepared("tiny"))
    assert [one.path for one in unused(kept)] == [old]


def test_values_of_tuning_stay(kept: Paths) -> None:
    folder = finished(kept, "cd" * 32)
    assert [one.path for one in unused(kept)] == [folder]
    tried = {"values": [{"value": 1, "run": "cd" * 32}]}
    write_json(kept.results("tiny") / "tuning" / "small-lr.json", tried)
    assert unused(kept) == []


def test_hard_links_count_once_and_only_where_the_last_goes(kept: Paths) -> None:
    shutil.rmtree(kept.results("tiny"))
    size = 3_000_000
    found = paths_of(kept)
    assert len(found) == 2  # the run in the store, and its artefacts
    assert size <= sum(found.values()) < size + 2000
    publish = kept.artefacts("tiny", "small", 0) / "probs.npz"
    os.link(publish, kept.root / "elsewhere.npz")
    assert sum(paths_of(kept).values()) < 2000  # it frees nothing


def test_the_command_deletes_with_yes_alone(kept: Paths) -> None:
    old = finished(kept, "cd" * 32)
    told = mixseg(kept.root, "gc")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[1].split() == [
        "store", "2.9", f"work/store/{old.name}", "no", "result", "is", "of", "this", "run",
    ]  # fmt: skip
    assert lines[2:] == [
        "1 entries; deleting them frees 2.9 MiB",
        "nothing was deleted; `mixseg gc --yes` deletes it",
    ]
    assert old.is_dir()
    told = mixseg(kept.root, "gc", "--yes")
    assert told.stdout.splitlines()[-1] == "deleted 1 of 1 entries, 2.9 MiB"
    assert not old.exists()
    told = mixseg(kept.root, "gc", "--yes")
    assert told.stdout == "every file belongs to a result; there is nothing to delete\n"


STAGE = """\
stages:
  make:
    cmd: "true"
    outs: [{out}]
"""


def dvc(root: Path, *words: str) -> None:
    environment = command_environment(DVC_NO_ANALYTICS="1")
    command = [forked() / "dvc" if words[0] == "dvc" else words[0], *words[1:]]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dvc_cache_keeps_what_a_lock_or_a_branch_names(kept: Paths) -> None:
    root = kept.root
    dvc(root, "git", "init", "-q")
    dvc(root, "dvc", "init", "-q")
    (root / ".dvcignore").write_text("work/\n")
    (root / ".dvc" / "config").write_text("[cache]\n    type = copy\n")
    (root / "dvc.yaml").write_text(STAGE.format(out="made"))
    (root / "made").mkdir()
    for content in ("first", "second", "third"):
        (root / "made" / "file").write_text(content)
        dvc(root, "dvc", "commit", "-f", "-q", "make")
        if content == "first":
            dvc(root, "git", "add", "dvc.yaml", "dvc.lock")
            identity = ("-c", "user.name=t", "-c", "user.email=t@t")
            dvc(root, "git", *identity, "commit", "-q", "-m", "first")
    cache = root / ".dvc" / "cache" / "files" / "md5"
    assert len(list(cache.glob("*/*"))) == 6  # a list and a file of each
    found = [one for one in unused(kept) if one.kind == "DVC cache"]
    texts = [one.path.read_text() for one in found]
    assert len(found) == 2
    assert "second" in texts
    list(delete(kept, found))
    shutil.rmtree(root / "made")
    dvc(root, "dvc", "checkout", "-q", "made")
    assert (root / "made" / "file").read_text() == "third"
    dvc(root, "git", "checkout", "-q", "dvc.lock")
    dvc(root, "dvc", "checkout", "-q", "--force", "made")
    assert (root / "made" / "file").read_text() == "first"
    assert read_json(kept.run("tiny", "main", "small", 0) / "run.json")
