"""params.yaml: all that a person may change, checked when it is read."""

import difflib
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.core.errors import ParamsError
from benchmark.core.files import PARAMS
from benchmark.methods.declaration import Card, Name, Recipe


class Drawn(BaseModel):
    """Size of a drawn mix: cases a modality, and the seed of the drawing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(ge=1)
    test: int = Field(ge=1)
    seed: int = Field(ge=0)


class Mix(BaseModel):
    """A training set of several modalities with its test sets, its recipe and its seeds.

    Attributes:
        size: side of the square images, in pixels.
        train, test: names of datasets in the catalog.
        weights: whether methods start from their pretrained weights or from random ones.
        random: methods that start from random ones all the same; every table marks them.
        recipe: the whole recipe; cards depart from it with a reason.
        max_epochs: no method trains longer than this here, whatever its card says.
        drawn: for mixes of drawn datasets.
        at_most: training cases of a dataset that are used, val among them; None is all.
        compare: mixes in which duplicates of this one's cases are looked for, where prepared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    size: int = Field(ge=16, le=4096)
    train: list[Name] = Field(min_length=1)
    test: list[Name] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    weights: Literal["pretrained", "random"]
    random: list[Name] = []
    recipe: Recipe
    max_epochs: int | None = Field(None, ge=0)
    drawn: Drawn | None = None
    at_most: int | None = Field(None, ge=1)
    compare: list[Name] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [key for key, value in self.recipe.fields().items() if value is None]
        if missing:
            raise ValueError(f"the recipe lacks {', '.join(missing)}")
        for key in ("train", "test", "seeds"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key} names something twice: {values}")
        if any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds must not be negative: {self.seeds}")
        return self

    def recipe_of(self, card: Card) -> Recipe:
        """The recipe that a method is trained with on this mix."""
        return card.recipe.over(self.recipe, self.max_epochs)

    def weights_of(self, card: Card) -> Literal["pretrained", "random", "none"]:
        """What a method starts from; "none" for one without pretrained weights."""
        if not card.weights:
            return "none"
        return "random" if card.name in self.random else self.weights

    def seeds_of(self, card: Card) -> list[int]:
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
        return self

    def mix(self, name: str) -> Mix:
        """A mix by name.

        Raises: ParamsError with the nearest name.
        """
        if name in self.mixes:
            return self.mixes[name]
        near = difflib.get_close_matches(name, self.mixes, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Name one of these."
        raise ParamsError(PARAMS, f"no mix {name!r}", f"one of {', '.join(self.mixes)}", hint)


def load_params(root: Path) -> Params:
    """Reads and checks params.yaml.

    Raises: ParamsError naming the key at fault.
    """
    path = root / PARAMS
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ParamsError(path, f"unreadable ({problem})", "YAML", "Mend the file.") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        # A key that is too much is the typo; the key that is then missing only follows from it.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        found = first["msg"] if first["type"] == "missing" else f"{first['msg']}"
        if first["type"] not in ("missing", "value_error"):
            found += f" (found {first['input']!r})"
        raise ParamsError(
            f"{path.name}: {key}", found[0].lower() + found[1:], _expected(first), "Mend that key."
        ) from error


def _expected(problem: object) -> str:
    if isinstance(problem, dict) and problem.get("type") == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = [*Params.model_fields, *Mix.model_fields, *Recipe.model_fields, *Drawn.model_fields]
        near = difflib.get_close_matches(key, known, n=1)
        return f"{near[0]!r}" if near else "a known key"
    return "a valid value"
