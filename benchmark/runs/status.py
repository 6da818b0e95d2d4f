"""The matrix of runs, row x mix x seed, and the state of each; no torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError, MixSegError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.data.answers import stale
from benchmark.methods.declaration import Card
from benchmark.methods.discover import Folder, folders, unknown_name
from benchmark.runs.executors.kit.contract import Waiting
from benchmark.runs.executors.kit.find import executors
from benchmark.runs.identity import Evaluation, Plan, RunSpec, evaluation_code, plan_run
from benchmark.runs.noted import Far
from benchmark.runs.settings import ARTEFACTS, RUN
from benchmark.runs.store import run_directory
from benchmark.runs.why import reasons

# Every state with its sign in the matrix, and what it means.
STATES = {
    "done": ("#", "done"),
    "results": ("r", "results are here, weights and maps are not"),
    "stale": ("~", "results are of earlier code, data or recipe"),
    "earlier-scores": ("e", "predicted or scored by earlier code; weights and maps are not here"),
    "queued": ("q", "queued"),
    "running": (">", "running"),
    "stopped": ("=", "stopped; it resumes from its checkpoint"),
    "failed": ("!", "failed"),
    "missing": (".", "not run yet"),
}


@dataclass(frozen=True)
class State:
    """The state of one run, a key of `STATES`, and why."""

    spec: RunSpec
    state: str
    why: str = ""

    def row(self) -> tuple[object, ...]:
        """Mix, method, seed, state and why."""
        return self.spec.mix, self.spec.method, self.spec.seed, self.state, self.why


def matrix(
    root: Path, method: str | None = None, mix: str | None = None, seed: int | None = None
) -> list[RunSpec]:
    """Every declared run, or those of one method, mix or seed.

    Raises: MethodError, ParamsError for unknown names.
    """
    return [spec for spec, *_ in _runs(root, method, mix) if seed in (None, spec.seed)]


def states(paths: Paths, mix: str | None = None, method: str | None = None) -> list[State]:
    """The state of every run, those that an executor holds elsewhere among them."""
    evaluation, elsewhere = evaluation_code(paths.root), held_elsewhere(paths)
    return [
        _with(elsewhere, _state(paths, *row, evaluation)) for row in _runs(paths.root, method, mix)
    ]


def state_of(paths: Paths, spec: RunSpec) -> State:
    """The state of one run in the store and the results, whatever an executor says of it."""
    evaluation = evaluation_code(paths.root)
    rows = _runs(paths.root, spec.method, spec.mix)
    return next(_state(paths, *row, evaluation) for row in rows if row[0] == spec)


def held_elsewhere(paths: Paths) -> dict[RunSpec, Waiting]:
    """The runs that are queued or run outside this machine's processes, of every executor."""
    held: dict[RunSpec, Waiting] = {}
    for each in executors().values():
        held |= each.elsewhere(paths) if each.elsewhere else {}
    return held


def _with(elsewhere: Mapping[RunSpec, Waiting], found: State) -> State:
    """A state with what an executor says: a queued run may have results of earlier code."""
    waiting = elsewhere.get(found.spec)
    if waiting is None or found.state == "done":
        return found
    told = [waiting.where, found.why if found.state == "running" else ""]
    return State(found.spec, waiting.state, ", ".join(part for part in told if part))


def _stale(paths: Paths, mix: str) -> str:
    """In what the data of a mix differ from what params.yaml asks for."""
    try:
        return "; ".join(stale(paths, mix, load_params(paths.root).mix(mix)))
    except MixSegError as error:
        return str(error)


def _runs(
    root: Path, method: str | None, mix: str | None
) -> Iterator[tuple[RunSpec, Card, Folder]]:
    params = load_params(root)
    if mix is not None:
        params.mix(mix)
    known = [(card, folder) for folder in folders(root) for card in folder.cards]
    if method is not None and method not in {card.name for card, _ in known}:
        raise unknown_name(method, [card.name for card, _ in known])
    for name, about in params.mixes.items():
        for card, folder in known:
            if (
                mix in (None, name)
                and method in (None, card.name)
                and name in params.mixes_of(card)
            ):
                for seed in about.seeds_of(card):
                    yield RunSpec(card.name, name, seed), card, folder


def _state(
    paths: Paths, spec: RunSpec, card: Card, folder: Folder, evaluation: Evaluation
) -> State:
    record = paths.run(spec.mix, card.group, spec.method, spec.seed) / RUN
    other_data = _stale(paths, spec.mix)
    if other_data:
        return State(spec, "stale" if record.is_file() else "missing", other_data)
    try:
        plan = plan_run(paths, spec, fetch=False, folder=folder)
    except MissingDataError as error:
        if record.is_file():
            return State(spec, "results", f"not compared with the code: {error.where} is not here")
        return State(spec, "missing", error.where)
    except MixSegError as error:
        return State(spec, "failed", str(error))
    directory = run_directory(paths.store, plan.identity.run)
    if directory.busy():
        return State(spec, "running", str(Far.of(directory) or ""))
    if record.is_file():
        return State(spec, *_age(paths, read_json(record), plan, evaluation))
    failure = directory.failure()
    if failure is not None:
        return State(spec, "failed", failure)
    if directory.checkpoint.is_file():
        return State(spec, "stopped")
    return State(spec, "missing")


def _age(
    paths: Paths, record: dict[str, Any], plan: Plan, evaluation: Evaluation
) -> tuple[str, str]:
    """Whether results are of the code, the recipe and the data as they are now."""
    changed = reasons(record, plan.identity)
    if changed:
        return "stale", f"{', '.join(changed)} changed"
    here = artefacts_here(paths, plan)
    if record.get("scoring_code") != evaluation.scoring:
        if not here:
            return "earlier-scores", ""
        return "stale", "scored by earlier code or at another threshold"
    if record.get("prediction_code") != evaluation.prediction:
        return ("stale" if here else "earlier-scores"), "predicted by earlier code"
    return ("done", "") if here else ("results", "")


def artefacts_here(paths: Paths, plan: Plan) -> bool:
    """Whether weights and maps of a run lie in the store or below artefacts/."""
    directory = run_directory(paths.store, plan.identity.run)
    folder = paths.artefacts(plan.spec.mix, plan.spec.method, plan.spec.seed)
    return all(name in directory.done() or (folder / name).is_file() for name in ARTEFACTS)
