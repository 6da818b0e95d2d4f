"""What makes a run the same run: only what a number depends on, as one digest; no torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths, digest
from benchmark.core.params import Mix, load_params
from benchmark.core.recipe import DEFAULTS, Recipe
from benchmark.data.answers import require
from benchmark.data.manifest import data_digest
from benchmark.methods import code
from benchmark.methods.declaration import Card, Weights
from benchmark.methods.discover import Folder, declared, unknown_name
from benchmark.methods.weights import WeightStore
from benchmark.runs.adoptions import canonical
from benchmark.runs.equal_steps import with_equal_steps

SHORT = 16  # digits of a digest that is shown or handed to DVC


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
        run: digest of everything below.
        method_code, training_code: digests of syntax trees, without comments and docstrings.
        declared: class, arguments, prompt and modality of the row.
        recipe: the fields that differ from the defaults of the loop.
        data: digest of the prepared arrays, cases and splits.
        weights: pretrained file name to digest; empty for random weights.
        initialisation: "pretrained", "random" or "none" (the row names no pretrained weights).
        seed: of the run.
    """

    run: str
    method_code: str
    training_code: str
    declared: dict[str, Any]
    recipe: dict[str, Any]
    data: str
    weights: dict[str, str]
    initialisation: str
    seed: int


@dataclass(frozen=True)
class Plan:
    """A run with all that it needs looked up."""

    spec: RunSpec
    card: Card
    mix: Mix
    recipe: Recipe
    identity: Identity

    def deviations(self) -> dict[str, object]:
        """What of the recipe really differs from the mix's."""
        usual = self.mix.recipe.whole().fields()
        return {k: v for k, v in self.recipe.fields().items() if v != usual[k]}


@dataclass(frozen=True)
class Evaluation:
    """Digests of the code that writes maps, and of the code that scores them with the threshold."""

    prediction: str
    scoring: str


def method_code(folder: Folder) -> str:
    """Digest of the code of a folder's methods, or of the earlier code that it was adopted from."""
    return canonical(folder.root, "method", code.code_digest(folder.files()))


def training_code(root: Path, recipe: Recipe) -> str:
    """Digest of the code that trains with this recipe."""
    fields = [name for name, value in recipe.identity().items() if value != DEFAULTS.get(name)]
    return canonical(root, "training", code.code_digest(code.training_files(root, fields)))


def evaluation_code(root: Path) -> Evaluation:
    """Digests of the code that predicts, and of that which scores at the threshold."""
    predicts, scores = (
        canonical(root, kind, code.code_digest(code.entry_files(root, entry)))
        for kind, entry in (("prediction", code.PREDICTION), ("scoring", code.SCORING))
    )
    return Evaluation(predicts, f"{scores}-{load_params(root).threshold}")


def plan_run(paths: Paths, spec: RunSpec, fetch: bool = True, folder: Folder | None = None) -> Plan:
    """Looks up what a run needs and gives its identity.

    Args:
        fetch: get pretrained weights from the hub where they are not here.
        folder: of the row, where it is known already.

    Raises: MethodError, ParamsError, MissingDataError, StaleDataError.
    """
    mix = load_params(paths.root).mix(spec.mix)
    require(paths, spec.mix, mix)
    card, recipe, parts = _declared_parts(paths, spec, folder)
    asked = parts["initialisation"]
    parts["data"] = data_digest(paths.prepared(spec.mix))
    parts["weights"] = _weights(paths.weights, card, fetch) if asked == "pretrained" else {}
    return Plan(spec, card, mix, recipe, Identity(run=run_digest(parts), **parts))


def parts_without_files(paths: Paths, spec: RunSpec) -> dict[str, Any]:
    """The parts of an identity that need neither prepared data nor pretrained weights.

    Raises: MethodError, ParamsError; MissingDataError for a row whose epochs follow from the data.
    """
    return _declared_parts(paths, spec, None)[2]


def _declared_parts(
    paths: Paths, spec: RunSpec, folder: Folder | None
) -> tuple[Card, Recipe, dict[str, Any]]:
    mix = load_params(paths.root).mix(spec.mix)
    if folder is None:
        known = declared(paths.root)
        if spec.method not in known:
            raise unknown_name(spec.method, known)
        folder = known[spec.method]
    card = mix.card_of(next(card for card in folder.cards if card.name == spec.method))
    recipe = mix.recipe_of(card)
    if recipe.equal_steps:
        recipe = with_equal_steps(recipe, card, paths.prepared(spec.mix))
    return card, recipe, {
        "method_code": method_code(folder),
        "training_code": training_code(paths.root, recipe),
        "declared": card.identity(),
        "recipe": recipe.identity(),
        "initialisation": mix.weights_of(card),
        "seed": spec.seed,
    }  # fmt: skip


def run_digest(parts: dict[str, Any]) -> str:
    """The digest of a run from the parts of its identity."""
    return digest(parts)


def parts_of(identity: Identity) -> dict[str, Any]:
    """An identity without its digest."""
    parts = asdict(identity)
    del parts["run"]
    return parts


_DIGESTS: dict[tuple[Path, tuple[Weights, ...]], dict[str, str]] = {}


def _weights(folder: Path, card: Card, fetch: bool) -> dict[str, str]:
    key = (folder, card.weights)
    if key not in _DIGESTS:
        _DIGESTS[key] = WeightStore(folder, card.weights).digests(fetch)
    return _DIGESTS[key]


def _mix_record(mix: Mix) -> dict[str, str]:
    """Digests of what a mix asks for: of its data, and of the training of its rows."""
    trains = [mix.recipe.identity(), mix.max_epochs, mix.weights, mix.arguments, mix.seeds]
    return {"data": digest(mix.request())[:SHORT], "training": digest(trains)[:SHORT]}


def code_record(root: Path, folders: Sequence[Folder]) -> dict[str, Any]:
    """The digests that DVC compares: of shared code, and of each row; see `mixseg code`.

    A row's digest holds the code of its class, what its declaration hands to it, and its recipe;
    a row whose code cannot be read has the text of its error in place of a digest.
    """
    evaluation = evaluation_code(root)
    rows: dict[str, str] = {}
    for folder in folders:
        for card in folder.cards:
            try:
                told = [method_code(folder), card.identity(), card.recipe.deviations()]
                optional = [name for name in card.recipe.deviations() if name in code.OPTIONAL]
                if optional:
                    told.append(training_code(root, card.recipe))
                weights = [item.name for item in card.weights]
                rows[card.name] = digest([*told, weights])[:SHORT]
            except MethodError as error:
                rows[card.name] = str(error)
    plain = canonical(root, "training", code.code_digest(code.training_files(root)))
    stages = {
        stage: code.code_digest(code.entry_files(root, entry))[:SHORT]
        for stage, entry in code.STAGES.items()
    }
    said = [card.said() for folder in folders for card in folder.cards]
    return {
        "training": plain[:SHORT],
        "prediction": evaluation.prediction[:SHORT],
        "scoring": digest(evaluation.scoring)[:SHORT],
        **stages,
        "declared": digest(said)[:SHORT],
        "mixes": {name: _mix_record(mix) for name, mix in load_params(root).mixes.items()},
        "rows": rows,
    }
