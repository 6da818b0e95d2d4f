"""What makes a run the same run: code, recipe, data, weights and seed, as one digest; no torch."""

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.core.files import Places, digest
from benchmark.core.params import Mix, load_params
from benchmark.data.cases import data_digest
from benchmark.methods import discover
from benchmark.methods.declaration import Card, Recipe, Weights
from benchmark.methods.weights import WeightStore


@dataclass(frozen=True)
class RunSpec:
    """A run by name: method x training set x seed."""

    method: str
    mix: str
    seed: int

    def __str__(self) -> str:
        return f"{self.method} on {self.mix}, seed {self.seed}"


@dataclass(frozen=True)
class Identity:
    """All that a run's numbers depend on.

    Attributes:
        run: digest of everything below, of the recipe and of the seed.
        method_code, training_code: digests of syntax trees, without comments and docstrings.
        data: digest of the prepared mix.
        weights: pretrained file name to digest; empty for random weights.
        asked: "pretrained", "random" or "none" (the method has no pretrained weights).
    """

    run: str
    method_code: str
    training_code: str
    data: str
    weights: dict[str, str]
    asked: str


@dataclass(frozen=True)
class Plan:
    """A run with all that it needs looked up."""

    spec: RunSpec
    card: Card
    mix: Mix
    recipe: Recipe
    identity: Identity

    def departures(self) -> dict[str, object]:
        """What of the recipe really differs from the mix's."""
        usual = self.mix.recipe.fields()
        return {k: v for k, v in self.recipe.fields().items() if v != usual[k]}


def plan_run(
    places: Places, spec: RunSpec, card: Card, files: Sequence[str], fetch: bool = True
) -> Plan:
    """Looks up what a run needs and gives its identity.

    Args:
        files: the method's own code, relative to the root.
        fetch: get pretrained weights from the hub where they are not here.

    Raises: ParamsError, MissingDataError.
    """
    mix = load_params(places.root).mix(spec.mix)
    recipe = mix.recipe_of(card)
    asked = mix.weights_of(card)
    weights = _weights(places.weights, card, fetch) if asked == "pretrained" else {}
    parts = {
        "method_code": discover.code_digest([places.root / file for file in files]),
        "training_code": _code(places.root),
        "data": data_digest(places.prepared(spec.mix)),
        "weights": weights,
        "asked": asked,
    }
    run = digest({**parts, **asdict(spec), "recipe": recipe.fields()})
    return Plan(spec, card, mix, recipe, Identity(run=run, **parts))  # type: ignore[arg-type]


@functools.cache
def _code(root: Path) -> str:
    return discover.code_digest(discover.training_code_files(root))


_DIGESTS: dict[tuple[Path, tuple[Weights, ...]], dict[str, str]] = {}


def _weights(folder: Path, card: Card, fetch: bool) -> dict[str, str]:
    key = (folder, card.weights)
    if key not in _DIGESTS:
        _DIGESTS[key] = WeightStore(folder, card.weights).digests(fetch)
    return _DIGESTS[key]
