"""Executes a matrix of runs: leaves out what is done, says what it will take, watches it."""

from collections.abc import Sequence
from dataclasses import replace

from benchmark.core.errors import MixSegError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Terminal
from benchmark.runs.execute import look_up
from benchmark.runs.executors.kit.contract import Executor, Order, Outcome
from benchmark.runs.executors.kit.estimate import estimate
from benchmark.runs.executors.kit.watch import RunsWatch
from benchmark.runs.identity import Plan, RunSpec
from benchmark.runs.status import states


def drive(executor: Executor, order: Order) -> list[Outcome]:
    """Executes an order, less the runs whose results are here; all outcomes, in its order.

    Raises: MixSegError for what the executor cannot give; the runs' own errors are in the outcomes.
    """
    terminal = Terminal()
    kept = held(order)
    left = replace(order, specs=[spec for spec in order.specs if spec not in kept])
    if kept:
        terminal.say(f"{len(kept)} runs are done already")
    outcomes = [Outcome(spec) for spec in kept]
    if not left.specs:
        return outcomes
    room = executor.room(left)
    told = estimate(left, room, terminal)
    for line in told.lines:
        terminal.say(line)
    watch = RunsWatch(order.paths, left.specs, room, told.seconds)
    with watch.shown():
        outcomes += executor.run(left, watch)
    place = {spec: k for k, spec in enumerate(order.specs)}
    return sorted(outcomes, key=lambda outcome: place[outcome.spec])


def held(order: Order) -> list[RunSpec]:
    """The runs of an order that are finished: with their files, or unless told with results alone.

    A run whose results are gone and whose files the store holds is not among them: executing it
    publishes them again, and trains nothing.
    """
    wanted = set(order.specs)
    mixes, methods = ({getattr(spec, key) for spec in wanted} for key in ("mix", "method"))
    one = [next(iter(names)) if len(names) == 1 else None for names in (mixes, methods)]
    found = [state for state in states(order.paths, *one) if state.spec in wanted]
    return [
        state.spec
        for state in found
        if state.state == "done"
        or (state.state == "results" and not state.why and not order.options.retrain)
    ]


def plans_of(paths: Paths, specs: Sequence[RunSpec]) -> tuple[dict[RunSpec, Plan], list[Outcome]]:
    """The plans of runs that are sent away, and the outcomes of those that cannot be made.

    Pretrained weights are fetched here, as other machines may reach no network.
    """
    params, plans, failed = load_params(paths.root), dict[RunSpec, Plan](), list[Outcome]()
    for spec in specs:
        try:
            plans[spec] = look_up(paths, params, spec)
        except MixSegError as error:
            failed.append(Outcome(spec, str(error)))
    return plans, failed
