"""The made project of the faults, its commands, and what of its files must stay the same."""

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import ROOT, command_environment, make_project

RUN = ("run", "--method", "small", "--mix", "tiny", "--seed", "0")
PREPARE = ("prepare", "--mix", "tiny")
SCORE = ("score", "--mix", "tiny")
REPORT = ("report", "--mix", "tiny")
TIMED = {"seconds", "images_per_s"}  # columns of history.csv
WHEN = {  # of run.json and cost.json
    "times", "finished", "files", "commit", "hardware", "load", "latency_ms", "latency_runs",
    "memory_mib",
}  # fmt: skip
EPOCHS = 12
KEPT = ("artefacts", "results")


@dataclass
class Fault:
    """One row of the table.

    Attributes:
        title: what was done.
        tried: how often it was done.
        wrong: what did not come out as it should; empty if all did.
        expected: what should come out.
        skipped: why it was not tried; empty if it was.
    """

    title: str
    expected: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""

    def row(self) -> str:
        """A line of the table in Markdown."""
        came = f"not tried: {self.skipped}" if self.skipped else "as expected"
        if self.wrong:
            came = f"**{len(self.wrong)} wrong**: {'; '.join(self.wrong[:3])}"
        return f"| {self.title} | {self.tried} | {self.expected} | {came} |"


def words_of(*words: str) -> list[str]:
    """The command line of a command of mixseg."""
    return [sys.executable, "-m", "benchmark", *words]


def command(
    root: Path,
    *words: str,
    before: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command of mixseg to its end.

    Args:
        before: what starts it, such as ("faketime", "-f", "-1d").
        environment: in the place of the usual one.
    """
    return subprocess.run(
        [*before, *words_of(*words)], cwd=root, text=True, capture_output=True, check=False,
        env=dict(environment or command_environment()), timeout=300,
    )  # fmt: skip


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what a command said; empty if it said nothing."""
    return ((done.stderr.strip() or done.stdout.strip()).splitlines() or [""])[-1]


def killed(root: Path, words: list[str], after: float, environment: Mapping[str, str]) -> bool:
    """Starts a command and kills it with its children; False if it had ended before.

    Args:
        after: seconds.
    """
    process = subprocess.Popen(
        words, cwd=root, env=dict(environment), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def timed(root: Path, words: list[str], environment: Mapping[str, str]) -> float:
    """Seconds that a command takes.

    Raises: RuntimeError with its last words if it fails.
    """
    start = time.monotonic()
    done = subprocess.run(
        words, cwd=root, env=dict(environment), text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[-6:]} failed: {(done.stdout + done.stderr)[-500:]}")
    return time.monotonic() - start


def fresh(root: Path) -> Path:
    """A synced project with a prepared mix, longer to train than that of the tests."""
    paths = make_project(root)
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 3", f"epochs: {EPOCHS}"))
    shutil.rmtree(paths.prepared("tiny"))
    for words in (("sync",), PREPARE):
        done = command(root, *words)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return root


def copy(source: Path, to: Path) -> Path:
    """A copy of a project; links between its files become files."""
    shutil.copytree(source, to, symlinks=True)
    return to


def facts(root: Path, *folders: str) -> dict[str, object]:
    """What of the files of some folders must be the same however they were made."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.name != "digests.csv":
                found[path.relative_to(root).as_posix()] = _lasting(path)
    return found


def _lasting(path: Path) -> object:
    if path.name == "history.csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return [{key: value for key, value in row.items() if key not in TIMED} for row in rows]
    if path.name in ("run.json", "cost.json"):
        record = json.loads(path.read_text())
        return {key: value for key, value in record.items() if key not in WHEN}
    return path.read_bytes()


def differing(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """Names of the files that differ, or that only one of the two has."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def left_behind(root: Path) -> list[str]:
    """Temporary files, and checkpoints of runs that are done."""
    names = [*root.rglob("*.tmp"), *(root / "work").rglob("checkpoint.pt")]
    return sorted(path.relative_to(root).as_posix() for path in names)


def moments(draw: random.Random, whole: float) -> Iterator[float]:
    """Moments of a command that takes `whole` seconds; half of them in its second half."""
    while True:
        yield draw.uniform(0.05, 1.0) * whole


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A file system of its own at a folder, in memory.

    Raises: PermissionError where nobody may mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options) or "defaults", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PermissionError(done.stderr.strip() or "mount failed")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def own_copy_of_code(root: Path) -> dict[str, str]:
    """Gives a project what `dvc repro` needs; the environment for its commands."""
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmark", root / "benchmark", ignore=skip)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    more = {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(root)}
    environment = {**command_environment(), **more}
    for words in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)
    return environment
