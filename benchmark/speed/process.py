"""A command in a process of its own: its time, its seconds of the processor and its peak memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import StoreError

# The command is started by a small process: a child begins with the peak memory of its parent.
LAUNCHER = """\
import json, os, sys, time
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
told = [time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""
TOLD = ".told.json"  # in the folder of the command


@dataclass(frozen=True)
class Used:
    """What a command took, with the processes that it waited for.

    Attributes:
        peak_mib: of the largest of its processes.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    said: str


def command(root: Path, *words: str) -> Used:
    """Runs a command in a project with one thread; `mixseg` and `dvc` are those of this Python.

    Raises: StoreError with what it said if it fails.
    """
    where = root / TOLD
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1",
                   "DVC_NO_ANALYTICS": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", LAUNCHER, str(where), *words],
        cwd=root, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode:
        raise StoreError(
            " ".join(words), f"it failed: {said[-800:]}", "exit status 0",
            "Run it in a project with results, and mend what it names.",
        )  # fmt: skip
    wall, cpu, peak = json.loads(where.read_text())
    where.unlink()
    return Used(wall, cpu, peak, said)
