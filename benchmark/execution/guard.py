"""Ends this process when the one that ordered it is gone, so that no orphan holds a GPU."""

import os
import signal
import threading
import time
from pathlib import Path

ORDERED_BY = "MIXSEG_PARENT"
SECONDS = 0.5


def watch_parents() -> None:
    """Starts to watch the processes above, if a pool or DVC ordered this one.

    DVC starts a shell that starts us, so the two nearest ancestors are watched. A run started by
    hand may outlive its shell (nohup) and is not watched.
    """
    if ORDERED_BY not in os.environ and "DVC_STAGE" not in os.environ:
        return
    parents = _ancestors()
    thread = threading.Thread(target=_watch, args=(parents,), daemon=True, name="parents")
    thread.start()


def _watch(parents: list[int]) -> None:
    while _ancestors() == parents:
        time.sleep(SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os.kill(os.getpid(), signal.SIGKILL)


def _ancestors() -> list[int]:
    parent = os.getppid()
    return [parent, _parent_of(parent)]


def _parent_of(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])
