"""What Slurm says of the jobs that were submitted for a project, by squeue, scontrol and sinfo."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import MixSegError, StoreError
from benchmark.core.files import Paths, read_json
from benchmark.runs.identity import RunSpec

ORDER = "order.json"
QUEUED = frozenset(
    [
        "CONFIGURING",
        "PENDING",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
    ]
)
RUNNING = frozenset(
    ["COMPLETING", "RESIZING", "RUNNING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"]
)
SECONDS = 60  # for an answer
AT_ONCE = 500  # ids on one command line
LONGEST = 1000  # tasks of an array, where Slurm does not say


@dataclass(frozen=True)
class Job:
    """A run as it was submitted.

    Attributes:
        id: as squeue names it, 12 or 12_3.
        folder: of its order, with its logs.
    """

    spec: RunSpec
    id: str
    folder: Path

    def log(self, paths: Paths) -> str:
        """Its log, as a path from the project's root."""
        return str((self.folder / f"{self.id}_0_log.err").relative_to(paths.root))


@dataclass(frozen=True)
class Seen:
    """A job as squeue shows it.

    Attributes:
        word: its state in Slurm's words; empty for one that Slurm has forgotten.
        node: where it runs or ran.
    """

    word: str
    node: str = ""

    @property
    def state(self) -> str:
        """ "queued" or "running", or empty for a job that is over."""
        return "queued" if self.word in QUEUED else "running" if self.word in RUNNING else ""

    @property
    def alive(self) -> bool:
        """True for a job that is queued or runs."""
        return bool(self.state)

    @property
    def where(self) -> str:
        """The node of a job that runs, in words."""
        return f" on {self.node}" if self.state == "running" else ""

    def died(self) -> str:
        """Why a job is over that left no results."""
        if self.word in ("", "COMPLETED"):
            return "ended without results"
        return f"Slurm says {self.word}{f' on {self.node}' if self.node else ''}"


GONE = Seen("")


def newest(paths: Paths) -> dict[RunSpec, Job]:
    """The newest job of each run that was ever submitted."""
    found: dict[RunSpec, Job] = {}
    for path in sorted(paths.jobs.glob(f"*/{ORDER}")):
        try:
            rows = read_json(path)["jobs"].items()
            found |= {
                RunSpec(*row): Job(RunSpec(*row), str(name), path.parent) for name, row in rows
            }
        except (MixSegError, KeyError, TypeError, AttributeError):
            continue
    return found


def queue(paths: Paths) -> dict[str, Seen] | None:
    """Every job of the project that Slurm knows, by id; None where it cannot be asked."""
    arrays = dict.fromkeys(job.id.partition("_")[0] for job in newest(paths).values())
    if not arrays:
        return {}
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%N"]
    done = _ask([*command, f"--jobs={','.join(arrays)}"])
    if done is None or (done.returncode and "Invalid job id" not in done.stderr):
        return None
    rows = [line.split("|") for line in done.stdout.splitlines()]
    return {row[0].strip(): Seen(row[1], row[2]) for row in rows if len(row) == 3}


def scancel(ids: Sequence[str]) -> None:
    """Ends jobs.

    Raises: StoreError with Slurm's words if it does not.
    """
    for k in range(0, len(ids), AT_ONCE):
        done = _ask(["scancel", *ids[k : k + AT_ONCE]])
        if done is None or done.returncode:
            said = " ".join(done.stderr.split()) if done else "no answer"
            raise StoreError("scancel", said, "cancelled jobs", "Try again.")


def longest_array() -> int:
    """The tasks that an array may have."""
    done = _ask(["scontrol", "show", "config"])
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", done.stdout) if done else None
    return max(1, int(found.group(1)) - 1) if found else LONGEST


def has_gpus() -> bool:
    """True if a node of the cluster has GPUs."""
    done = _ask(["sinfo", "--noheader", "--format=%G"])
    return done is not None and "gpu" in done.stdout


def _ask(words: list[str]) -> "subprocess.CompletedProcess[str] | None":
    """A program's answer; None where it is not here or does not answer."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
