"""Work that a second process does while this one goes on."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Callable[[], T]:
    """Starts some work; gives what waits for its result.

    The work sees all that is in memory now, and what it changes there is lost. It is done here,
    when its result is asked for, if there is one core alone or no fork, or the process was killed.

    Args:
        work: its result goes through pickle. What it raises is raised by who asks.
    """
    if "fork" not in multiprocessing.get_all_start_methods() or _cores() < 2:
        return work
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()

    def result() -> T:
        try:
            found, error = ours.recv()
        except EOFError:
            return work()
        finally:
            process.kill()  # it has answered, or nobody waits for its answer any more
            process.join()
        if error is not None:
            raise error
        done: T = found
        return done

    return result


def _do(work: Callable[[], T], to: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process tells of it, and ends both
    try:
        to.send((work(), None))
    except Exception as error:  # raised where the result is asked for
        to.send((None, error))


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
