"""SIGKILL at drawn moments: the same command then ends as one that nobody killed."""

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from made_project import (
    KEPT,
    PREPARE,
    REPORT,
    RUN,
    SCORE,
    Fault,
    command,
    copy,
    differing,
    facts,
    killed,
    last_line,
    left_behind,
    moments,
    own_copy_of_code,
    timed,
    words_of,
)
from support import command_environment

PAGES = "reports/tiny"
CHAIN = 6  # kills until a command may end


def training(base: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills in training and predicting: several, one after the other, of each run."""
    fault = Fault(
        "SIGKILL in training and predicting", "weights, maps, scores, history: same bytes"
    )
    return _chains(fault, (base, work), draw, count, words_of(*RUN), lambda root: None)


def reproducing(base: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills of `dvc repro` with all that it started: several, one after the other."""
    fault = Fault("SIGKILL in `dvc repro`", "weights, maps, scores, history: same bytes; a report")
    words = ["dvc", "repro", "-q", "report@tiny"]
    return _chains(fault, (base, work), draw, count, words, own_copy_of_code, f"{PAGES}/index.html")


def _chains(
    fault: Fault, places: tuple[Path, Path], draw: random.Random, count: int, words: list[str],
    ready: Callable[[Path], Mapping[str, str] | None], page: str = "",
) -> Fault:  # fmt: skip
    """Kills a command several times in one copy, then runs it to its end; so until `count` kills.

    Args:
        ready: makes a copy ready, and gives the environment of the command if it has its own.
        page: a file that must be there at the end.
    """
    base, work = places
    whole = copy(base, work / "whole")
    environment = ready(whole) or command_environment()
    seconds = timed(whole, words, environment)
    wanted = facts(whole, *KEPT)
    at, chain = moments(draw, seconds), 0
    while fault.tried < count:
        root, chain = copy(base, work / f"chain-{chain}"), chain + 1
        environment = ready(root) or command_environment()
        for _ in range(min(CHAIN, count - fault.tried)):
            if not killed(root, words, next(at), environment):
                break
            fault.tried += 1
        try:
            timed(root, words, environment)
        except RuntimeError as error:
            fault.wrong.append(f"chain {chain}: {error}")
        else:
            _compared(fault, root, wanted, KEPT, f"chain {chain}")
            if page and not (root / page).is_file():
                fault.wrong.append(f"chain {chain}: no {page}")
        shutil.rmtree(root)
    return fault


def _compared(
    fault: Fault, root: Path, wanted: dict[str, object], folders: tuple[str, ...], which: str
) -> None:
    other = differing(wanted, facts(root, *folders))
    fault.wrong += [f"{which}: {name} differs" for name in other]
    fault.wrong += [f"{which}: {name} is left" for name in left_behind(root)]


def preparing(base: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills in `prepare`, of a mix that is prepared for the first time."""
    fault = Fault("SIGKILL in preparing", "arrays, cases, manifest: same bytes")

    def unprepared(root: Path) -> None:
        shutil.rmtree(root / "data" / "prepared")

    return _each(fault, (base, work), draw, count, (PREPARE, "data", unprepared))


def scoring(trained: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills in `score`, of a run whose scores are there."""
    fault = Fault("SIGKILL in scoring", "scores.csv: same bytes")
    return _each(fault, (trained, work), draw, count, (SCORE, "results", lambda root: None))


def reporting(trained: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills in `report`."""
    fault = Fault("SIGKILL in reporting", "pages, tables, figures: same bytes")
    return _each(fault, (trained, work), draw, count, (REPORT, "reports", lambda root: None))


def _each(
    fault: Fault, places: tuple[Path, Path], draw: random.Random, count: int,
    what: tuple[tuple[str, ...], str, Callable[[Path], None]],
) -> Fault:  # fmt: skip
    """Kills a command once in each of `count` copies, and runs it to its end there."""
    base, work = places
    words, folder, undo = what
    whole = copy(base, work / "whole")
    undo(whole)
    seconds = timed(whole, words_of(*words), command_environment())
    wanted = facts(whole, folder)
    at = moments(draw, seconds)
    while fault.tried < count:
        root = copy(base, work / "killed")
        undo(root)
        if killed(root, words_of(*words), next(at), command_environment()):
            fault.tried += 1
            which, done = f"kill {fault.tried}", command(root, *words)
            if done.returncode:
                fault.wrong.append(f"{which}: {last_line(done)}")
            else:
                _compared(fault, root, wanted, (folder,), which)
        shutil.rmtree(root)
    return fault
