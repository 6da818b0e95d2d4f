"""Work in a second process: its result, what it raises, and what happens if it is killed."""

import os

import pytest

from benchmark.core import beside as module
from benchmark.core.beside import beside


def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 2)


def test_the_result_comes_from_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)
    here = {"value": 1}  # seen as it is now, without pickle

    def work() -> tuple[int, int]:
        return here["value"], os.getpid()

    ask = beside(work)
    here["value"] = 2
    value, process = ask()
    assert value == 1
    assert process != os.getpid()


def test_what_it_raises_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)

    def work() -> None:
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        beside(work)()


def test_work_that_was_killed_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    two(monkeypatch)
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            os._exit(9)
        return "done"

    assert beside(work)() == "done"


def test_one_core_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 1)
    assert beside(os.getpid)() == os.getpid()
