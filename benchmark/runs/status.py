"""The matrix of runs: method x mix x seed, and the state of each; no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MissingDataError, MixSegError
from benchmark.core.files import Places, read_json
from benchmark.core.params import load_params
from benchmark.methods import discover
from benchmark.methods.discover import SyncedCard
from benchmark.runs.execute import evaluation_digests
from benchmark.runs.identity import RunSpec, plan_run
from benchmark.runs.store import shelf


@dataclass(frozen=True)
class State:
    """A run's state: done, stale, running, stopped, failed or missing, and why."""

    spec: RunSpec
    state: str
    why: str = ""

    def row(self) -> tuple[object, ...]:
        """Mix, method, seed, state and why."""
        return self.spec.mix, self.spec.method, self.spec.seed, self.state, self.why


def matrix(
    root: Path, method: str | None = None, mix: str | None = None, seed: int | None = None
) -> list[RunSpec]:
    """Every run of the synced methods, of one method, mix or seed where that is named.

    Raises: MethodError, ParamsError for unknown names.
    """
    return [spec for spec, _ in _runs(root, method, mix) if seed in (None, spec.seed)]


def states(places: Places, mix: str | None = None) -> list[State]:
    """The state of every run."""
    return [_state(places, *row) for row in _runs(places.root, None, mix)]


def _runs(root: Path, method: str | None, mix: str | None) -> list[tuple[RunSpec, SyncedCard]]:
    params = load_params(root)
    if mix is not None:
        params.mix(mix)
    cards = discover.cards(root)
    if method is not None and method not in {card.name for card in cards}:
        raise discover.unknown_name(method, [card.name for card in cards])
    return [
        (RunSpec(card.name, name, seed), card)
        for name, about in params.mixes.items()
        if mix in (None, name)
        for card in cards
        if name in card.mixes and method in (None, card.name)
        for seed in about.seeds_of(card)
    ]


def _state(places: Places, spec: RunSpec, card: SyncedCard) -> State:
    record = places.run(spec.mix, card.group, spec.method, spec.seed) / "run.json"
    try:
        identity = plan_run(places, spec, card, card.files, fetch=False).identity
    except MissingDataError as error:
        if record.is_file():
            return State(spec, "done", f"not compared with the code: {error.where} is not here")
        return State(spec, "missing", error.where)
    except MixSegError as error:
        return State(spec, "failed", str(error))
    place = shelf(places.store, identity.run)
    if place.busy():
        return State(spec, "running")
    if record.is_file():
        return State(spec, *_age(read_json(record), identity.run, places.root))
    failure = place.failure()
    if failure is not None:
        return State(spec, "failed", failure)
    if place.checkpoint.is_file():
        return State(spec, "stopped", "goes on from its checkpoint")
    return State(spec, "missing")


def _age(record: dict[str, Any], run: str, root: Path) -> tuple[str, str]:
    """Whether a run's results are of the code, the recipe and the data as they are now."""
    if record["identity"]["run"] != run:
        return "stale", "code, data or recipe changed"
    if record["evaluation_code"] != evaluation_digests(root)[1]:
        return "stale", "scored by other code or at another threshold"
    return "done", ""
