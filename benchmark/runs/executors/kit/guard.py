"""Ends this process when the one that ordered it is gone, so that no orphan holds a GPU."""

import os
import signal
import threading
import time
from pathlib import Path

ORDERED_BY = "MIXSEG_PARENT"
SECONDS = 0.5
SHELLS = frozenset({"sh", "dash", "bash", "zsh", "ksh", "fish"})


def watch_parents() -> None:
    """Starts to watch the pool or the DVC that ordered this process, if one did.

    A run started by hand may outlive its shell (nohup) and is not watched.
    """
    above = _orderer()
    if above is not None:
        threading.Thread(target=_watch, args=(above,), daemon=True, name="parents").start()


def _orderer() -> list[int] | None:
    """The processes that must stay: the pool; or DVC, and the shell that it started us through."""
    if ORDERED_BY in os.environ:
        return [int(os.environ[ORDERED_BY])]
    if "DVC_STAGE" not in os.environ:
        return None
    parent = os.getppid()
    # A shell may replace itself by its command; then DVC itself is our parent.
    return [parent, _parent_of(parent)] if _name_of(parent) in SHELLS else [parent]


def _watch(above: list[int]) -> None:
    while _ancestors(len(above)) == above:
        time.sleep(SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os.kill(os.getpid(), signal.SIGKILL)


def _ancestors(count: int) -> list[int]:
    found = [os.getppid()]
    while len(found) < count:
        found.append(_parent_of(found[-1]))
    return found


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _parent_of(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])
