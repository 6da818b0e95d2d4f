"""What is printed fits 80 columns on a terminal, and a log without one loses no line."""

import os
import pty
import subprocess
import sys

import pytest
from support import ROOT, command_environment, mixseg

from benchmark.core import progress
from benchmark.core.progress import Terminal

BARS = """\
from benchmark.core.progress import Terminal
shown = Terminal()
with shown.task("mmsnet-tinyvit on open128, seed 0", 40, "steps") as task:
    for k in range(40):
        task.advance(note=f"epoch {k} of 50, loss 0.1234, 12.3 images a second")
    shown.say("a line that is told meanwhile")
"""


def on_a_terminal(*words: str, columns: int = 80) -> str:
    """What a command writes to a terminal of some columns."""
    ours, theirs = pty.openpty()
    environment = command_environment(COLUMNS=str(columns), TERM="xterm")
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environment,
        stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # the terminal ends with its last writer
        pass
    process.wait()
    os.close(ours)
    return b"".join(pieces).decode()


def test_an_error_ends_its_lines_between_words() -> None:
    said = on_a_terminal("-m", "benchmark", "report", "--results", "/nowhere")
    lines = said.replace("\r", "").strip().split("\n")
    assert len(lines) > 1
    assert lines[0].startswith("error: /nowhere: no results, expected")
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith("  ") for line in lines[1:])


def test_an_error_in_a_log_is_one_line() -> None:
    done = mixseg(ROOT, "report", "--results", "/nowhere", COLUMNS="80")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) > 80


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--mix", "open128"),
        ("list", "--group", "prompted"),
        ("show", "--mix", "open128"),
        ("claims", "--mix", "open128"),
    ],
    ids=" ".join,
)
def test_commands_fit_eighty_columns(words: tuple[str, ...]) -> None:
    done = mixseg(ROOT, *words, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 4
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


def test_a_paragraph_of_help_fills_its_lines() -> None:
    lines = mixseg(ROOT, "run", "--help", COLUMNS="80").stdout.splitlines()
    (at,) = (k for k, line in enumerate(lines) if line.strip().startswith("Without --seed"))
    assert [len(line.rstrip()) > 60 for line in lines[at : at + 2]] == [True, True]
    example = mixseg(ROOT, "audit", "--help", COLUMNS="80").stdout
    assert "method,dataset,n,Dice,IoU,MAE,rank  " in example


def test_a_bar_and_its_note_stay_on_one_line() -> None:
    said = on_a_terminal("-c", BARS)
    assert "a line that is told meanwhile" in said
    assert "mmsnet-tinyvit" in said
    assert "40/40" in said


def test_a_log_keeps_every_line_and_how_far_it_came(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    shown = Terminal()

    def work() -> None:
        with shown.task("work", 3, "steps") as task:
            for k in range(2):
                shown.say(f"line {k} " + "x" * 100)
                task.advance()
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("line ")] == [
        f"line {k} " + "x" * 100 for k in range(2)
    ]
    assert lines[-1].startswith("work: 2/3 steps")
