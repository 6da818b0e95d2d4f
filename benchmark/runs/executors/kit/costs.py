"""The costs of the rows of an order, measured when no run of it is left."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

from benchmark.core.progress import Progress
from benchmark.methods.discover import card_of
from benchmark.runs.executors.kit.contract import Order, Outcome
from benchmark.runs.measure_cost import has_own_cost, is_measured


def measure_costs(order: Order, outcomes: Sequence[Outcome], progress: Progress) -> Iterator[str]:
    """Measures one row after the other, each in a process of its own.

    It leaves out rows whose cost is known, rows of which no run ended well, and rows that have no
    cost of their own.

    Yields: a line for each row that failed.
    """
    root = order.paths.root
    rows = dict.fromkeys((o.spec.method, o.spec.mix) for o in outcomes if o.over and not o.cause)
    left = [
        (method, mix)
        for method, mix in rows
        if has_own_cost(card := card_of(root, method))
        and not is_measured(order.paths, card, mix, order.options.device)
    ]
    if not left:
        return
    with progress.task("measuring costs", len(left), "rows") as task:
        for method, mix in left:
            words = [sys.executable, "-m", "benchmark", "cost", "--method", method, "--mix", mix]
            words += ["--device", order.options.device]
            done = subprocess.run(
                words, cwd=root, encoding="utf-8", errors="replace",
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            if done.returncode:
                lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
                yield f"FAILED  cost of {method} on {mix}: {lines[-1].removeprefix('error: ')}"
            task.advance()
