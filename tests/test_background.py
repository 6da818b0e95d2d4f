"""Work in a second process: its result, what it raises, and what happens if it is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support import command_environment

from benchmark.core import background as module
from benchmark.core.background import in_background


def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 2)


def test_the_result_comes_from_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)
    here = {"value": 1}  # seen as it is now, without pickle

    def work() -> tuple[int, int]:
        return here["value"], os.getpid()

    ask = in_background(work)
    here["value"] = 2
    value, process = ask()
    assert value == 1
    assert process != os.getpid()


def test_what_it_raises_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)

    def work() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        in_background(work)()


def test_work_that_was_killed_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            os._exit(9)
        return "done"

    assert in_background(work)() == "done"


def test_ctrl_c_is_told_once() -> None:
    code = (
        "import time\n"
        "from benchmark.core import background as module\n"
        "module._cores = lambda: 2\n"
        "ask = module.in_background(lambda: time.sleep(60))\n"
        "print('began', flush=True)\n"
        "ask()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], text=True, env=command_environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    time.sleep(0.3)  # until the second process is under way
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert said.count("KeyboardInterrupt") == 1
    assert "ForkProcess" not in said


def test_one_core_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 1)
    assert in_background(os.getpid)() == os.getpid()
