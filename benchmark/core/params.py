"""params.yaml: all that a person may change, checked when it is read."""

import difflib
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.core.errors import ParamsError
from benchmark.core.files import PARAMS
from benchmark.core.recipe import Name, Recipe
from benchmark.core.row import Row
from benchmark.core.text import did_you_mean
from benchmark.core.yaml_files import read_yaml

AnyRow = TypeVar("AnyRow", bound=Row)
SHOWN = 120  # characters of a value that a message shows
UNSEEN = "unseen"  # <mix>.unseen: data prepared apart; <mix>.<other> holds another mix's test sets

# Keys that every mix gives, so that a forgotten line is no choice; and what a mix says that does
# without.
WITHOUT = {
    "drawn": "'drawn: null' for a mix of files",
    "at_most": "'at_most: null' for all training cases",
}


class Drawn(BaseModel):
    """Size of a drawn mix: cases a modality, and the seed of the drawing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(ge=1)
    test: int = Field(ge=1)
    seed: int = Field(ge=0)


class Analysed(BaseModel):
    """What is analysed on a mix beyond its scores.

    Attributes:
        names: the analyses; None for all.
        methods: the rows; None for all of the mix.
        seeds: the runs; None for all.
        cases: test cases of a set that networks are run on; None for all.
        severities: of the corruptions.
        passes: of Monte-Carlo dropout.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: list[Name] | None = None
    methods: list[Name] | None = None
    seeds: list[int] | None = None
    cases: int | None = Field(None, ge=1)
    severities: list[int] = Field([1, 2, 3, 4, 5], min_length=1)
    passes: int = Field(20, ge=2)

    @model_validator(mode="after")
    def _five(self) -> Self:
        if any(level not in range(1, 6) for level in self.severities):
            raise ValueError(f"severities go from 1 to 5: {self.severities}")
        return self


class Mix(BaseModel):
    """A training set of several modalities with its test sets, its recipe and its seeds.

    Attributes:
        size: side of the square images, in pixels.
        train, test: names of datasets in the catalog.
        groups: the groups of rows that run on it.
        rows: the only rows of these groups that do; None for all of them.
        weights: whether methods start from their pretrained weights or from random ones.
        arguments: take the place of arguments of the same name that a row declares; for trials.
        recipe: the whole recipe; cards depart from it with a reason.
        max_epochs: no method trains longer than this here, whatever its card says.
        drawn: for mixes of drawn datasets.
        at_most: training cases of a dataset that are used, val among them; None is all.
        compare: mixes in which duplicates of this one's cases are looked for, where prepared, and
            whose test sets the analysis `cross-mix` predicts.
        unseen: datasets that are scored and never trained on, apart from `test`.
        stand_ins: rows of this mix in the place of methods that it has not, for claims alone; a
            verdict that rests on one says so.
        analyses: what is analysed beyond the scores; None for nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    size: int = Field(ge=16, le=4096)
    train: list[Name] = Field(min_length=1)
    test: list[Name] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    weights: Literal["pretrained", "random"]
    arguments: dict[str, Any] = {}
    groups: list[str] = Field(
        ["main", "prompted", "single", "as-published", "ablation"], min_length=1
    )
    rows: list[Name] | None = None
    recipe: Recipe
    max_epochs: int | None = Field(None, ge=0)
    drawn: Drawn | None = None
    at_most: int | None = Field(None, ge=1)
    compare: list[Name] = []
    unseen: list[Name] = []
    stand_ins: dict[Name, Name] = {}
    analyses: Analysed | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = self.recipe.missing()
        if missing:
            raise ValueError(f"the recipe lacks {', '.join(missing)}")
        for key in ("train", "test", "seeds", "groups", "rows", "unseen"):
            values = getattr(self, key) or []
            if len(set(values)) < len(values):
                raise ValueError(f"{key} names something twice: {values}")
        if used := sorted({*self.train, *self.test} & set(self.unseen)):
            raise ValueError(f"unseen names what train or test names: {', '.join(used)}")
        doubled = sorted({*self.stand_ins} & {*self.stand_ins.values()})
        if doubled:
            raise ValueError(f"stand_ins replaces its own stand-ins: {', '.join(doubled)}")
        if any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds must not be negative: {self.seeds}")
        return self

    def request(self) -> dict[str, object]:
        """What of this mix its prepared data must answer."""
        drawn = self.drawn.model_dump() if self.drawn else None
        return {"size": self.size, "train": self.train, "test": self.test,
                "at_most": self.at_most, "drawn": drawn}  # fmt: skip

    def apart(self, sets: list[str], size: int) -> "Mix":
        """What prepared data must answer that hold test cases of some sets alone."""
        update = {"size": size, "train": [], "test": sets, "at_most": None, "unseen": []}
        return self.model_copy(update=update)

    def runs(self, card: Row) -> bool:
        """Whether a row runs on this mix, by its group and by `rows`; its own `mixes` apart."""
        return card.group in self.groups and (self.rows is None or card.name in self.rows)

    def card_of(self, card: AnyRow) -> AnyRow:
        """A row as it runs on this mix: with the mix's arguments in the place of its own."""
        given = {key: v for key, v in self.arguments.items() if key in card.arguments}
        return card.model_copy(update={"arguments": {**card.arguments, **given}})

    def recipe_of(self, card: Row) -> Recipe:
        """The recipe that a method is trained with on this mix."""
        return card.recipe.over(self.recipe, self.max_epochs)

    def weights_of(self, card: Row) -> Literal["pretrained", "random", "none"]:
        """What a method starts from; "none" for one without pretrained weights."""
        if not card.weights:
            return "none"
        return self.weights

    def seeds_of(self, card: Row) -> list[int]:
        """The seeds of a method; one that does not train runs once."""
        return self.seeds[:1] if self.recipe_of(card).epochs == 0 else list(self.seeds)


class Params(BaseModel):
    """The whole of params.yaml.

    Attributes:
        focus: the method that is compared with all others.
        threshold: probabilities at or above it are foreground.
        resamples: bootstrap resamples.
        defaults: holds anchors for the mixes; read by nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    focus: Name
    threshold: float = Field(gt=0, lt=1)
    resamples: int = Field(ge=100)
    defaults: dict[str, object] = {}
    mixes: dict[Name, Mix] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, mix in self.mixes.items():
            unknown = [other for other in mix.compare if other not in self.mixes]
            if unknown:
                raise ValueError(f"mixes.{name}.compare names no mix: {', '.join(unknown)}")
        if UNSEEN in self.mixes:
            raise ValueError(f"mixes.{UNSEEN}: the name is that of sets never trained on")
        return self

    def mixes_of(self, card: Row) -> list[str]:
        """The mixes that a row runs on, in the order of params.yaml."""
        return [
            name
            for name, mix in self.mixes.items()
            if mix.runs(card) and (not card.mixes or name in card.mixes)
        ]

    def mix(self, name: str) -> Mix:
        """A mix by name.

        Raises: ParamsError with the nearest name.
        """
        if name in self.mixes:
            return self.mixes[name]
        hint = did_you_mean(name, self.mixes) or "Name one of these."
        raise ParamsError(PARAMS, f"no mix {name!r}", f"one of {', '.join(self.mixes)}", hint)

    def prepared(self, name: str) -> Mix:
        """What prepared data of a name must answer: those of a mix, or data prepared apart.

        Args:
            name: of a mix; <mix>.unseen, its sets never trained on; or <mix>.<other>, the test
                sets of another mix at the size of this one.

        Raises: ParamsError with the nearest name, or for a mix without such sets.
        """
        own, apart, what = name.partition(".")
        mix = self.mix(own)
        if not apart:
            return mix
        if what != UNSEEN:
            other = self.mix(what)
            return other.apart(other.test, mix.size)
        if not mix.unseen:
            where, expected = f"{PARAMS}: mixes.{own}", "a list of sets that are never trained on"
            raise ParamsError(where, "no 'unseen'", expected, "Add it, or prepare the mix itself.")
        return mix.apart(mix.unseen, mix.size)


def load_params(root: Path) -> Params:
    """Reads and checks params.yaml; a file that has not changed is read once.

    Raises: ParamsError naming the key at fault.
    """
    path = root / PARAMS
    stamp = path.stat() if path.is_file() else None
    key = (path, stamp.st_mtime_ns, stamp.st_size) if stamp else None
    if key is None or key not in _READ:
        params = _read(path)
        if key is None:
            return params
        _READ.clear()
        _READ[key] = params
    return _READ[key]


_READ: dict[tuple[Path, int, int], Params] = {}


def _read(path: Path) -> Params:
    try:
        raw = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        expected = "plain YAML without repeated keys"
        raise ParamsError(path, f"unreadable ({problem})", expected, "Mend the file.") from error
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        # A key that is too much is the typo; the key that is then missing only follows from it.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        found = first["msg"] if first["type"] == "missing" else f"{first['msg']}"
        if first["type"] not in ("missing", "value_error"):
            found += f" (found {_short(repr(first['input']))})"
        raise ParamsError(
            f"{path.name}: {key}",
            found[0].lower() + found[1:],
            _expected(first),
            "Correct that key.",
        ) from error
    for name, mix in raw["mixes"].items():
        for key, expected in WITHOUT.items():
            if key not in mix:
                where = f"{path.name}: mixes.{name}"
                raise ParamsError(where, f"no key {key!r}", expected, "Add the line.")
    return params


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _expected(problem: object) -> str:
    if isinstance(problem, dict) and problem.get("type") == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = [*Params.model_fields, *Mix.model_fields, *Recipe.model_fields, *Drawn.model_fields,
             *Analysed.model_fields]  # fmt: skip
        near = difflib.get_close_matches(key, known, n=1)
        return f"{near[0]!r}" if near else "a known key"
    return "a valid value"
