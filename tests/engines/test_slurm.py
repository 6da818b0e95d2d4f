"""A real Slurm of two nodes on this machine: dead nodes, preemption, `status` and `cancel`."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines.made import (
    ALL,
    TOOLS,
    assert_same,
    copy_of,
    directory,
    hold_of,
    make_project,
    uninterrupted,
    wait_until,
)
from support import mixseg, start

from benchmark.core.files import Paths

pytestmark = pytest.mark.engines
submitit = pytest.importorskip("submitit", reason="needs submitit: pip install -e '.[slurm]'")
TOOL = TOOLS / "slurm-two-nodes"
NEEDED = ("slurmctld", "slurmd", "sbatch", "munge")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
if MISSING or not TOOL.is_file() or os.geteuid():
    why = f"no {', '.join(MISSING)}" if MISSING else f"no {TOOL}, or not the user root"
    pytest.skip(f"needs a Slurm that it may start: {why}", allow_module_level=True)
SLURM = (*ALL, "--executor", "slurm")


def shell(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a Slurm of two nodes, n1 and n2, of one core each."""
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        tool(folder, "start")
        yield folder
        shell("scancel", "--user=root", "--signal=KILL")
        tool(folder, "stop")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The project with both runs, made without Slurm and without an interruption."""
    return uninterrupted(make_project(tmp_path_factory.mktemp("whole") / "made"))


@pytest.fixture
def project(whole: Paths, tmp_path: Path, cluster: Path) -> Paths:
    """The same project without two of its runs; they wait at a step until the test lets them go."""
    hold_of(whole).touch()
    return copy_of(whole, tmp_path / "project")


def state(project: Paths, seed: int) -> tuple[str, str]:
    rows = json.loads(mixseg(project.root, "status", "--json").stdout)
    row = next(row for row in rows if row["seed"] == seed)
    return row["state"], row["why"]


def job_of(project: Paths, seed: int) -> str:
    found = re.search(r"Slurm job (\d+_\d+|\d+)", state(project, seed)[1])
    assert found, state(project, seed)
    return found.group(1)


def begin_now(job: str) -> None:
    """Slurm lets a job that is queued again wait for two minutes; the test does not."""
    wait_until(lambda: shell("squeue", "-h", "-o", "%T", "-j", job).strip() == "PENDING")
    shell("scontrol", "update", f"JobId={job}", "StartTime=now")


def tool(cluster: Path, *words: str) -> None:
    """Calls the tool; a daemon that it starts keeps its pipes, so that it gets a file."""
    with (cluster / "tool.log").open("a") as log:
        told = ["bash", str(TOOL), words[0], str(cluster), *words[1:]]
        subprocess.run(told, check=True, stdout=log, stderr=log, timeout=120)


def test_a_node_dies_while_it_trains(project: Paths, whole: Paths, cluster: Path) -> None:
    following = start(project.root, *SLURM)
    wait_until(lambda: all(directory(project, seed).checkpoint.exists() for seed in (0, 1)))
    job = job_of(project, 0)
    node = shell("squeue", "-h", "-o", "%N", "-j", job).strip()
    tool(cluster, "kill", node)
    hold_of(whole).unlink()
    tool(cluster, "revive", node)
    wait_until(lambda: shell("sinfo", "-h", "-o", "%T", "-n", node).strip() == "idle")
    time.sleep(3)  # the node is told to end what it ran before
    begin_now(job)
    _, said = following.communicate(timeout=200)
    assert following.returncode == 0, said
    assert "1 runs are done already" in said
    assert re.search(rf"seed 0: queued, again, Slurm job {job}\n.*seed 0: running", said, re.S)
    for seed in (0, 1):
        assert_same(project, whole, seed)


def test_detached_runs_are_seen_preempted_cancelled_and_followed(
    project: Paths, whole: Paths
) -> None:
    done = mixseg(project.root, *SLURM, "--jobs", "1", "--detach")
    assert done.returncode == 0, done.stderr
    assert "1 runs done, 0 failed, 2 handed over" in done.stdout
    wait_until(lambda: directory(project, 0).checkpoint.exists())
    running, waiting = state(project, 0), state(project, 1)
    assert running[0] == "running"
    assert re.search(r"Slurm job \d+_0 on n\d, \d+/480 steps", running[1])
    assert waiting[0] == "queued"
    assert "small >q#" in mixseg(project.root, "status").stdout
    cancelled = mixseg(project.root, "cancel", "--seed", "1").stdout
    assert cancelled.startswith("small on tiny, seed 1: cancelled")
    wait_until(lambda: state(project, 1)[0] == "missing")

    job = job_of(project, 0)
    folder = next(project.jobs.iterdir())
    submitit.SlurmJob(folder, job)._interrupt()  # as Slurm does before it preempts
    hold_of(whole).unlink()
    begin_now(job)
    followed = mixseg(project.root, *SLURM, "--seed", "0")
    assert followed.returncode == 0, followed.stderr
    assert "submitted" not in followed.stderr  # the job that was there already
    assert "this job is preempted" in (folder / f"{job}_0_log.err").read_text()
    assert_same(project, whole, 0)
    assert mixseg(project.root, "cancel").stdout.strip() == "no queued or running run to cancel"


def test_a_job_that_dies_is_named_with_its_log(project: Paths) -> None:
    plugin = project.root / "baselines" / "small" / "plugin.py"
    begun = "import os, signal\n        if '1' == os.environ.get('SLURM_ARRAY_TASK_ID'):\n"
    dies = "            os.kill(os.getpid(), signal.SIGKILL)\n        raise ValueError('no room')\n"
    line = "self.calls = getattr"
    plugin.write_text(plugin.read_text().replace(line, f"{begun}{dies}        {line}"))
    done = mixseg(project.root, *SLURM)
    assert done.returncode == 1
    assert "0 runs done, 3 failed" in done.stdout  # changed code makes all three anew
    lines = [line for line in done.stderr.splitlines() if line.startswith("FAILED")]
    assert re.search(r"seed 0: .*ValueError: no room.*log: work/jobs/.*_0_0_log.err$", lines[0])
    assert re.search(r"seed 1: Slurm says \w+ on n\d; log: work/jobs/.*_1_0_log.err$", lines[1])
    for line in lines:
        assert (project.root / line.rpartition("log: ")[2]).is_file()
