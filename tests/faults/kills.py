"""SIGKILL at drawn moments: the same command then ends as one that nobody killed."""

import random
import shutil
from collections.abc import Callable
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
    left_behind,
    moments,
    own_copy_of_code,
    timed,
    words_of,
)
from support import command_environment

CHAIN = 6  # kills until a command may end


def training(base: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills in training and predicting: several, one after the other, of each run."""
    fault = Fault(
        "SIGKILL in training and predicting", "weights, maps, scores, history: same bytes"
    )
    whole = copy(base, work / "whole")
    seconds = timed(whole, words_of(*RUN), command_environment())
    wanted = facts(whole, *KEPT)
    at, chain = moments(draw, seconds), 0
    while fault.tried < count:
        root, chain = copy(base, work / f"run-{chain}"), chain + 1
        for _ in range(min(CHAIN, count - fault.tried)):
            after = next(at)
            if not killed(root, words_of(*RUN), after, command_environment()):
                break
            fault.tried += 1
        _ended(fault, root, RUN, wanted, KEPT, f"chain {chain}")
        shutil.rmtree(root)
    return fault


def _ended(
    fault: Fault, root: Path, words: tuple[str, ...], wanted: dict[str, object],
    folders: tuple[str, ...], which: str,
) -> None:  # fmt: skip
    """Runs the command to its end and compares."""
    done = command(root, *words)
    if done.returncode:
        fault.wrong.append(f"{which}: {done.stderr.strip().splitlines()[-1]}")
        return
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
            _ended(fault, root, words, wanted, (folder,), f"kill {fault.tried}")
        shutil.rmtree(root)
    return fault


def reproducing(base: Path, work: Path, draw: random.Random, count: int) -> Fault:
    """Kills of `dvc repro` with all that it started, one after the other, in one project."""
    fault = Fault("SIGKILL in `dvc repro`", "results and report: same bytes; repro goes on")
    whole = copy(base, work / "whole")
    environment = own_copy_of_code(whole)
    words = ["dvc", "repro", "-q", "report@tiny"]
    seconds = timed(whole, words, environment)
    wanted = facts(whole, *KEPT)
    at, chain = moments(draw, seconds), 0
    while fault.tried < count:
        root, chain = copy(base, work / f"repro-{chain}"), chain + 1
        environment = own_copy_of_code(root)
        for _ in range(min(CHAIN, count - fault.tried)):
            if not killed(root, words, next(at), environment):
                break
            fault.tried += 1
        try:
            timed(root, words, environment)
        except RuntimeError as error:
            fault.wrong.append(f"chain {chain}: {error}")
            continue
        other = differing(wanted, facts(root, *KEPT))
        fault.wrong += [f"chain {chain}: {name} differs" for name in other]
        page = root / "reports" / "tiny" / "index.html"
        fault.wrong += [] if page.is_file() else [f"chain {chain}: no report"]
        shutil.rmtree(root)
    return fault
