"""Measures one step of training of some rows, for an estimate; a process of its own, with torch.

`python -m benchmark.runs.executors.kit.step OUT MIX DEVICE THREADS ROW...`: OUT is written again
after each row, JSON: row to "step_s", "case_s" (embedding one case) and "bytes" of the weights; or
to null for a row that cannot be measured here.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths, project_root, write_json
from benchmark.core.progress import Task
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.settings import RunOptions

STEPS = 3  # the first one is not counted


class _Clock:
    """A progress that keeps when each piece of work advanced, by its unit."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    @contextmanager
    def task(self, title: str, total: int | None, unit: str = "", done: int = 0) -> Iterator[Task]:
        """Opens a piece of work."""
        times = self.times.setdefault(unit, [time.monotonic()])

        class Kept(Task):
            """Keeps the time of each advance."""

            def advance(self, n: int = 1, note: str = "") -> None:
                """Keeps the time."""
                times.append(time.monotonic())

        yield Kept()

    def say(self, line: str) -> None:
        """Shows nothing."""


def measure(paths: Paths, row: str, mix: str, options: RunOptions) -> dict[str, float]:
    """Seconds of a step and of embedding a case, and bytes of the weights.

    Raises: MixSegError if the row cannot be trained here.
    """
    from benchmark.core.params import load_params
    from benchmark.runs.train import build, set_up, training_cases
    from benchmark.training.loop import TrainOptions, train
    from benchmark.training.weights_file import learnt_state

    about = load_params(paths.root).mix(mix)
    device = set_up(options)
    plan = plan_run(paths, RunSpec(row, mix, about.seeds[0]), fetch=False)
    method = build(paths, plan)
    size = sum(value.numel() * value.element_size() for value in learnt_state(method).values())
    if not plan.recipe.epochs:
        return {"step_s": 0.0, "case_s": 0.0, "bytes": size}
    cases = training_cases(paths.prepared(mix), plan.card)
    few = cases.where(np.arange(len(cases)) < (plan.recipe.batch or 1))
    clock = _Clock()
    how = TrainOptions(seed=0, device=device, features=paths.features)
    # As many epochs of one step: each of them ends with a look at the clock.
    train(method, few, plan.recipe.but(epochs=STEPS), how, clock)
    steps, embedded = (np.diff(clock.times.get(unit, [])) for unit in ("steps", "cases"))
    return {
        "step_s": float(steps[1:].min(initial=np.inf)) if len(steps) > 1 else 0.0,
        "case_s": float(embedded.mean()) if len(embedded) else 0.0,
        "bytes": size,
    }


def main(words: list[str]) -> None:
    """Measures the rows of a command line."""
    out, mix, device, threads, *rows = words
    paths, found = Paths(project_root()), dict[str, dict[str, float] | None]()
    for row in rows:
        try:
            found[row] = measure(paths, row, mix, RunOptions(device, int(threads)))
        except MixSegError:
            found[row] = None
        except Exception:  # of a method's own code: the run itself will say so
            found[row] = None
        write_json(Path(out), found)


if __name__ == "__main__":
    main(sys.argv[1:])
