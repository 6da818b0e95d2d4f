"""What a pull request changes, as Git tells it, and the project as it was before."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import MissingDataError

COMMAND = "mixseg check --pr"
BASES = ("origin/main", "main")  # tried in this order where no commit is named
LEFT_OUT = ("results", "reports", "docs", "tests")  # of the project as it was
ODD_MODES = {"120000": "a link", "160000": "a submodule"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a pull request.

    Attributes:
        where: the file or row, relative to the root.
        what: what is wrong, and what to do.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.what.split())}"


@dataclass(frozen=True)
class Changes:
    """What differs from the commit that a request starts from.

    Attributes:
        start: that commit.
        status: A (added), M (changed) or D (deleted) by path.
        uncommitted: the paths that are not committed yet.
        odd: by path, what is neither a file nor a folder.
    """

    start: str
    status: dict[str, str]
    uncommitted: list[str]
    odd: dict[str, str]


def read_changes(root: Path, base: str | None) -> Changes:
    """What the checkout changes against the commit at which it left `base`.

    Args:
        base: a branch or commit; None takes the first of `BASES` that is there.

    Raises: MissingDataError if this is no repository, or the base is not in it.
    """
    start = _start(root, [base] if base else BASES)
    words = ("diff", "--name-status", "-z", "--no-renames", start)
    told = _git(root, *words).split("\0")[:-1]
    status = {path: kind[:1] for kind, path in zip(told[::2], told[1::2], strict=True)}
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")[:-1]
    status |= dict.fromkeys(new, "A")
    changed = _git(root, "diff", "--name-only", "-z", "HEAD").split("\0")[:-1]
    modes = (line.split(None, 1) for line in _git(root, "ls-files", "-s", "-z").split("\0") if line)
    odd = {rest.split("\t", 1)[1]: ODD_MODES[mode] for mode, rest in modes if mode in ODD_MODES}
    odd |= {path: "a link" for path in new if (root / path).is_symlink()}
    return Changes(start, status, sorted({*changed, *new}), odd)


def _start(root: Path, bases: tuple[str, ...] | list[str]) -> str:
    for base in bases:
        found = _run(root, "merge-base", "--end-of-options", base, "HEAD")
        if found.returncode == 0:
            return found.stdout.decode().strip()
    why = found.stderr.decode(errors="replace").strip().splitlines()
    problem = f"no common commit with {' or '.join(bases)} ({why[0] if why else 'no history'})"
    do = "Name the branch or commit that the request starts from: `mixseg check --pr BASE`."
    raise MissingDataError(COMMAND, problem, "a commit of this repository", do)


@contextmanager
def before(root: Path, start: str) -> Iterator[Path]:
    """The project at the commit that the request starts from, without results and texts."""
    with tempfile.TemporaryDirectory() as folder:
        excluded = [f":(exclude,top){name}" for name in LEFT_OUT]
        archive = _run(root, "archive", "--format=tar", start, "--", ".", *excluded)
        if archive.returncode:
            do = "Fetch the whole history: `git fetch --unshallow`."
            raise MissingDataError(COMMAND, f"no files of {start[:12]}", "its files", do)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder)


def text_before(root: Path, start: str, path: str) -> str:
    """A text file at the commit that the request starts from; empty where it was not there."""
    return _run(root, "show", f"{start}:{path}").stdout.decode("utf-8", errors="replace")


def _git(root: Path, *words: str) -> str:
    done = _run(root, *words)
    if done.returncode:
        problem = f"git {words[0]} failed ({done.stderr.decode(errors='replace').strip()})"
        raise MissingDataError(COMMAND, problem, "a Git repository", "Work in a clone.")
    return done.stdout.decode("utf-8", errors="surrogateescape")


def _run(root: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    # Neither hooks nor a file-system monitor of the request's own may run.
    safe = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    command = ["git", "-C", str(root), *safe, *words]
    return subprocess.run(command, capture_output=True, check=False)
