"""The values that tuning tries: fields of a recipe, or numbers among a row's arguments."""

import inspect
import math
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic import ValidationError

from benchmark.core.errors import ParamsError
from benchmark.core.recipe import Recipe
from benchmark.core.text import did_you_mean
from benchmark.methods.discover import MethodEntry
from benchmark.runs.identity import Identity, Plan, parts_of, run_digest

TRAINED_ON, SCORED_ON = "train", "val"
Value = int | float | str | bool


@dataclass(frozen=True)
class Choice:
    """What is to be chosen.

    Attributes:
        field: of the recipe, or an argument of the row that is a number.
        texts: the values as they were given.
        seed: of every training; None is the mix's first.
    """

    method: str
    mix: str
    field: str
    texts: tuple[str, ...]
    seed: int | None = None


@dataclass(frozen=True)
class Candidate:
    """One value, with the run that tries it.

    Attributes:
        declared: true for an argument of the row, false for a field of the recipe.
        plan: its card, its recipe and its identity hold the value.
    """

    field: str
    value: Value
    declared: bool
    plan: Plan

    def __str__(self) -> str:
        return f"{self.field} = {self.value}"


def parse_set(text: str) -> tuple[str, tuple[str, ...]]:
    """Field and values of FIELD=V1,V2.

    Raises: ParamsError if it is of another form.
    """
    field, _, rest = text.partition("=")
    values = tuple(value.strip() for value in rest.split(","))
    if not field.strip() or not all(values):
        raise ParamsError("--set", repr(text), "FIELD=V1,V2", "For instance --set lr=5e-4,1e-4.")
    return field.strip(), values


def candidates(entry: MethodEntry, plan: Plan, choice: Choice) -> list[Candidate]:
    """The values of a choice, each with the plan of its run.

    Raises: ParamsError for a field that is not there, or a value that it cannot take.
    """
    field, numbers = choice.field, _numbers(entry)
    if field not in Recipe.model_fields.keys() - {"why"} and field not in numbers:
        known = sorted([*plan.recipe.fields(), *numbers])
        expected = f"one of {', '.join(known)}"
        raise ParamsError("--set", f"no field {field!r} of {choice.method!r}", expected,
                          did_you_mean(field, known) or "Name one of these.")  # fmt: skip
    if field not in numbers and field != "epochs" and plan.recipe.epochs == 0:
        found = f"{field!r} of a method that takes no step"
        raise ParamsError("--set", found, "a method that is trained", "Nothing would differ.")
    chosen = [_candidate(plan, field, text, numbers.get(field)) for text in choice.texts]
    values = [each.value for each in chosen]
    if len(set(values)) < len(values):
        raise ParamsError("--set", f"a value twice: {values}", "each once", "Leave one out.")
    return chosen


def _numbers(entry: MethodEntry) -> dict[str, int | float]:
    """The arguments of a row that are numbers: as declared, or else by default."""
    known = inspect.signature(entry.cls.__init__).parameters
    values = {name: p.default for name, p in known.items() if name not in ("self", "size")}
    values |= entry.card.arguments
    return {k: v for k, v in values.items() if isinstance(v, int | float) and type(v) is not bool}


def _candidate(plan: Plan, field: str, text: str, number: int | float | None) -> Candidate:
    where, recipe, card = f"--set {field}={text}", plan.recipe, plan.card
    if number is None:
        try:
            recipe = plan.recipe.but(**{field: text})
        except ValidationError as error:
            found = error.errors()[0]["msg"]
            do = "Give a value that the recipe takes."
            raise ParamsError(where, found, f"a value of {field}", do) from error
        value: Value = getattr(recipe, field)
        longest = plan.mix.max_epochs
        if longest is not None and (recipe.epochs or 0) > longest:
            found = f"more epochs than {plan.spec.mix} allows"
            raise ParamsError(where, found, f"at most {longest} (max_epochs)", "Lower it.")
    else:
        value = _number(where, text, whole=isinstance(number, int))
        card = card.model_copy(update={"arguments": {**card.arguments, field: value}})
    told = {**parts_of(plan.identity), "declared": card.identity(), "recipe": recipe.identity()}
    identity = Identity(run=run_digest({**told, "trained on": TRAINED_ON}), **told)
    changed = replace(plan, card=card, recipe=recipe, identity=identity)
    return Candidate(field, value, number is not None, changed)


def _number(where: str, text: str, whole: bool) -> int | float:
    for kind in (int, float) if whole else (float,):
        with suppress(ValueError):
            value = kind(text)
            if math.isfinite(value):
                return value
    raise ParamsError(where, repr(text), "a finite number", "Give one.")
