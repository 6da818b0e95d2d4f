"""Who is watched: the pool, or DVC behind its shell; never a login shell."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import command_environment

from benchmark.runs.executors.kit import guard

CHILD = "from benchmark.runs.executors.kit import guard; print(guard._orderer())"


def orderer(*prefix: str, **environment: str) -> str:
    words = [*prefix, sys.executable, "-c", CHILD]
    done = subprocess.run(
        words, env=command_environment(**environment), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(guard.ORDERED_BY, raising=False)
    monkeypatch.delenv("DVC_STAGE", raising=False)


def test_a_run_started_by_hand_is_not_watched() -> None:
    assert orderer() == "None"


def test_a_pool_is_watched_alone() -> None:
    assert orderer(**{guard.ORDERED_BY: "123"}) == "[123]"


def test_dvc_is_watched_without_the_shell_above_it() -> None:
    assert orderer(DVC_STAGE="run") == f"[{os.getpid()}]"


def test_dvc_is_watched_behind_its_shell() -> None:
    words = f"{sys.executable} -c '{CHILD}'; true"  # `true` keeps the shell from replacing itself
    done = subprocess.run(
        ["/bin/sh", "-c", words], env=command_environment(DVC_STAGE="run"), text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    shell, above = done.stdout.strip()[1:-1].split(", ")
    assert int(above) == os.getpid()
    assert int(shell) != os.getpid()


def test_the_death_of_the_one_watched_ends_the_process() -> None:
    watch = "from benchmark.runs.executors.kit.guard import watch_parents; watch_parents()"
    code = f"import time; {watch}; time.sleep(60)"
    spawn = (
        "import os, subprocess, sys, time\n"
        f"words, above = [sys.executable, '-c', {code!r}], {{**os.environ, 'DVC_STAGE': 'x'}}\n"
        "print(subprocess.Popen(words, env=above).pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", spawn], env=command_environment(), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = Path(f"/proc/{int(parent.stdout.readline())}")
    time.sleep(1.5)  # the child has begun to watch
    assert child.exists()
    parent.kill()
    parent.wait()
    until = time.monotonic() + 15
    while child.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not child.exists()
