"""`--log`: the rows of history.csv go to TensorBoard, MLflow or Weights & Biases as they come.

**Conventions**

1. The loop knows nothing of it. A thread reads the rows from the checkpoint, which is written at
   the end of each epoch; the last ones come when training ends.
2. A tracker that fails is told once and left; training goes on, and so does one that hangs.
3. All is kept below work/trackers unless the tracker's own settings name a server.
4. A resumed run goes on in the same place; each row is sent once.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Protocol

from benchmark.core.errors import MissingDataError, MixSegError
from benchmark.core.files import read_json, write_json
from benchmark.core.progress import Progress
from benchmark.runs.store import RunDirectory

TRACKED = "tracked.json"  # rows that a tracker has, in the run's folder until training ends
SECONDS_BETWEEN_LOOKS = 2.0
PATIENCE = 60.0  # seconds for a tracker to take the last rows

Row = Mapping[str, float]


@dataclass(frozen=True)
class About:
    """The run that is tracked.

    Attributes:
        folder: where trackers keep what they write.
        run: its digest.
        told: what it is: method, mix, seed and the recipe.
    """

    folder: Path
    run: str
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.told['method']} seed {self.told['seed']}"


class Tracker(Protocol):
    """What takes rows of history.csv. It is made in a thread of its own, and used only there."""

    def row(self, row: Row) -> None:
        """Takes one row of history.csv."""

    def close(self) -> None:
        """Writes what is left."""


class TensorBoard:
    """Event files; `tensorboard --logdir work/trackers/tensorboard` shows them."""

    def __init__(self, about: About) -> None:
        from torch.utils.tensorboard import SummaryWriter

        mix, method, seed = (str(about.told[key]) for key in ("mix", "method", "seed"))
        folder = about.folder / "tensorboard" / mix / method / f"seed-{seed}"
        self.writer = SummaryWriter(str(folder))
        lines = [f"    {key}: {value}" for key, value in about.told.items()]
        self.writer.add_text("run", "\n".join(lines))

    def row(self, row: Row) -> None:
        """See `Tracker`."""
        for name, value in _numbers(row).items():
            self.writer.add_scalar(name, value, int(row["step"]))
        self.writer.flush()

    def close(self) -> None:
        """See `Tracker`."""
        self.writer.close()


class MLflow:
    """A run of MLflow, in a database of its own unless MLFLOW_TRACKING_URI names another place."""

    def __init__(self, about: About) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # else minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        about.folder.mkdir(parents=True, exist_ok=True)
        own = f"sqlite:///{about.folder / 'mlflow.db'}"
        self.client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or own)
        place = self._experiment(f"mixseg {about.told['mix']}", about.folder / "mlflow")
        known = self.client.search_runs([place], f"tags.`mixseg.run` = '{about.run}'")
        if known:
            self.run = known[0].info.run_id
            return
        tags = {"mixseg.run": about.run}
        self.run = self.client.create_run(place, tags=tags, run_name=about.name).info.run_id
        for key, value in about.told.items():
            self.client.log_param(self.run, key, value)

    def _experiment(self, name: str, files: Path) -> str:
        known: Any = self.client.get_experiment_by_name(name)
        if known is None:
            with suppress(Exception):  # another run has made it meanwhile
                return str(self.client.create_experiment(name, files.as_uri()))
            known = self.client.get_experiment_by_name(name)
        return str(known.experiment_id)

    def row(self, row: Row) -> None:
        """See `Tracker`."""
        from mlflow.entities import Metric

        now, step = int(1000 * time.time()), int(row["step"])
        metrics = [Metric(name, value, now, step) for name, value in _numbers(row).items()]
        self.client.log_batch(self.run, metrics)

    def close(self) -> None:
        """See `Tracker`."""
        self.client.set_terminated(self.run)


class Wandb:
    """A run of Weights & Biases; offline unless WANDB_MODE says otherwise."""

    def __init__(self, about: About) -> None:
        import wandb

        about.folder.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {"silent": True, "console": "off", "disable_git": True}
        if "finish_timeout" in wandb.Settings.model_fields:  # of later versions
            given["finish_timeout"] = PATIENCE
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        self.run = wandb.init(
            project="mixseg", group=str(about.told["mix"]), name=about.name, id=about.run[:16],
            resume="allow", dir=str(about.folder), config=dict(about.told),
            mode=mode, settings=wandb.Settings(**given),
        )  # fmt: skip

    def row(self, row: Row) -> None:
        """See `Tracker`."""
        self.run.log(_numbers(row), step=int(row["step"]))

    def close(self) -> None:
        """See `Tracker`."""
        self.run.finish()


# By the name that `--log` takes: what it needs, and what it is.
TRACKERS: dict[str, tuple[str, Callable[[About], Tracker]]] = {
    "tensorboard": ("tensorboard", TensorBoard),
    "mlflow": ("mlflow", MLflow),
    "wandb": ("wandb", Wandb),
}


def check_installed(name: str) -> None:
    """Looks before anything is trained.

    Raises: MissingDataError.
    """
    package = TRACKERS[name][0]
    if find_spec(package) is None:
        raise MissingDataError(
            f"--log {name}", f"no package {package}", "it",
            f"Install it, pip install -e '.[{name}]', or leave --log out.",
        )  # fmt: skip


def _numbers(row: Row) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name != "step"}


class Following:
    """While its block runs, a thread sends each new row to a tracker; "" sends nothing.

    Args:
        name: a key of `TRACKERS`, or "".
    """

    def __init__(
        self, name: str, about: About, directory: RunDirectory, progress: Progress
    ) -> None:
        self.name, self.about, self.directory, self.progress = name, about, directory, progress
        self.ended, self.rest = Event(), list[Row]()
        self.thread = Thread(target=self._follow, daemon=True, name="tracker")
        self.left = False

    def __enter__(self) -> "Following":
        if not self.directory.checkpoint.is_file():  # it begins anew
            self.forget()
        if self.name:
            self.thread.start()
        return self

    def finish(self, history: Sequence[Row]) -> None:
        """Hands over all rows at the end of training."""
        self.rest = list(history)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join(PATIENCE)
            if self.thread.is_alive():
                self._leave(f"it did not answer for {PATIENCE:.0f} s")

    def forget(self) -> None:
        """Removes the count of rows that were sent."""
        (self.directory.folder / TRACKED).unlink(missing_ok=True)

    def _follow(self) -> None:
        """In the thread, where a tracker may fail or hang as it likes."""
        try:
            tracker, sent, seen = TRACKERS[self.name][1](self.about), self._sent(), 0
            while not self.ended.wait(SECONDS_BETWEEN_LOOKS):
                seen, rows = self._look(seen)
                sent = self._send(tracker, rows, sent)
            self._send(tracker, self.rest or self._look(0)[1], sent)
            tracker.close()
        except Exception as error:  # each tracker has errors of its own
            self._leave(" ".join(str(error).split()) or type(error).__name__)

    def _send(self, tracker: Tracker, rows: Sequence[Row], sent: int) -> int:
        for row in rows[sent:]:
            tracker.row(row)
            sent += 1
            with suppress(OSError, MixSegError):
                write_json(self.directory.folder / TRACKED, {self.name: sent})
        return sent

    def _look(self, seen: int) -> tuple[int, Sequence[Row]]:
        """The time of the checkpoint, and its rows where it is another one than at that time."""
        import torch

        path = self.directory.checkpoint
        try:
            now = path.stat().st_mtime_ns
            if now == seen:
                return seen, ()
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return now, state["history"] if state["identity"] == self.about.run else ()
        except Exception:  # gone, or damaged, of which training tells
            return seen, ()

    def _sent(self) -> int:
        with suppress(MixSegError, ValueError, TypeError, AttributeError):
            return int(read_json(self.directory.folder / TRACKED).get(self.name, 0))
        return 0

    def _leave(self, cause: str) -> None:
        if not self.left:
            self.left = True
            self.progress.say(f"WARNING --log {self.name}: {cause}; the run goes on without it")
