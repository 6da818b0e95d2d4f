"""One run as a process of this machine: started, followed, ended."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from benchmark.runs.executors.kit.guard import ORDERED_BY
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import RunOptions


class Child:
    """A run in a process that ends with this one.

    Args:
        more: of its environment.
        seconds: after which it is stopped; None never.
    """

    def __init__(
        self,
        root: Path,
        spec: RunSpec,
        options: RunOptions,
        more: Mapping[str, str],
        seconds: int | None = None,
    ) -> None:
        command = [sys.executable, "-m", "benchmark", "run", "--method", spec.method]
        command += ["--mix", spec.mix, "--seed", str(spec.seed), *options.words()]
        self.process = subprocess.Popen(
            command, cwd=root, env={**os.environ, ORDERED_BY: str(os.getpid()), **more},
            encoding="utf-8", errors="replace", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.last, self.late = "", ""
        self.timer = threading.Timer(seconds or 0, self._stop, (seconds,))
        if seconds:
            self.timer.daemon = True
            self.timer.start()

    def wait(self) -> str:
        """Waits for its end; why it failed, empty if it did not."""
        for line in self.process.stderr or ():
            self.last = line.strip() or self.last
        status = self.process.wait()
        self.timer.cancel()
        return "" if status == 0 else self.late or self.last or f"exit status {status}"

    def end(self) -> None:
        """Ends it, if it has not ended."""
        self.timer.cancel()
        with contextlib.suppress(OSError):
            self.process.terminate()

    def _stop(self, seconds: int) -> None:
        self.late = (
            f"stopped after {seconds} s (--time); the same command goes on from its checkpoint"
        )
        self.end()
