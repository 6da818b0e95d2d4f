"""The commit that a run records."""

import subprocess
from pathlib import Path

from benchmark.core.environment import commit


def git(root: Path, *command: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(
        ["git", "-C", str(root), *who, *command], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def recorded(root: Path) -> str | None:
    commit.cache_clear()
    return commit(root)


def test_a_plus_stands_for_changed_files_but_not_for_what_runs_write(tmp_path: Path) -> None:
    written = [tmp_path / "results/mix/digests.csv", tmp_path / "baselines/net/dvc.lock"]
    code = tmp_path / "benchmark/code.py"
    for path in (*written, code):
        path.parent.mkdir(parents=True)
        path.write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    head = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert recorded(tmp_path) == head
    for path in written:
        path.write_text("2\n")
    (tmp_path / "results/mix/new.csv").write_text("3\n")
    assert recorded(tmp_path) == head
    code.write_text("2\n")
    assert recorded(tmp_path) == f"{head}+"


def test_outside_of_git_there_is_no_commit(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
