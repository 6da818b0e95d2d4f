"""The values that tuning tries: fields of a recipe, or numbers that a method's class declares."""

import difflib
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from pydantic import ValidationError

from benchmark.core.errors import ParamsError
from benchmark.core.files import digest
from benchmark.methods.declaration import Recipe
from benchmark.methods.discover import MethodEntry
from benchmark.methods.method import Method
from benchmark.runs.identity import Plan

TRAINED_ON, SCORED_ON = "train", "val"
Value = int | float | str | bool


@dataclass(frozen=True)
class Choice:
    """What is to be chosen.

    Attributes:
        field: of the recipe, or a number that the method's class declares.
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
        declared: true for a number of the class, false for a field of the recipe.
        plan: its recipe and its identity know the value.
    """

    field: str
    value: Value
    declared: bool
    plan: Plan

    def __str__(self) -> str:
        return f"{self.field} = {self.value}"

    @contextmanager
    def in_class(self, cls: type[Method]) -> Iterator[None]:
        """The class with the value in place of its own, if it is a number of the class."""
        if not self.declared:
            yield
            return
        own, before = self.field in vars(cls), getattr(cls, self.field)
        setattr(cls, self.field, self.value)
        try:
            yield
        finally:
            if own:
                setattr(cls, self.field, before)
            else:
                delattr(cls, self.field)


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
    field, numbers = choice.field, _numbers(entry.cls)
    if field not in Recipe.model_fields.keys() - {"why"} and field not in numbers:
        known = sorted([*plan.recipe.fields(), *numbers])
        near = difflib.get_close_matches(field, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Name one of these."
        expected = f"one of {', '.join(known)}"
        raise ParamsError("--set", f"no field {field!r} of {choice.method!r}", expected, hint)
    if field not in numbers and field != "epochs" and plan.recipe.epochs == 0:
        found = f"{field!r} of a method that takes no step"
        raise ParamsError("--set", found, "a method that is trained", "Nothing would differ.")
    chosen = [_candidate(plan, field, text, numbers.get(field)) for text in choice.texts]
    values = [each.value for each in chosen]
    if len(set(values)) < len(values):
        raise ParamsError("--set", f"a value twice: {values}", "each once", "Leave one out.")
    return chosen


def _numbers(cls: type[Method]) -> dict[str, int | float]:
    """The numbers that a method's class and its bases declare."""
    own = [base for base in cls.__mro__ if base not in Method.__mro__]
    values = {name: getattr(cls, name) for base in own for name in vars(base) if name[0] != "_"}
    return {k: v for k, v in values.items() if isinstance(v, int | float) and type(v) is not bool}


def _candidate(plan: Plan, field: str, text: str, number: int | float | None) -> Candidate:
    where, recipe = f"--set {field}={text}", plan.recipe
    if number is None:
        try:
            recipe = plan.recipe.but(**{field: text})
        except ValidationError as error:
            found = error.errors()[0]["msg"]
            raise ParamsError(where, found, f"a value of {field}", "Mend it.") from error
        value: Value = getattr(recipe, field)
        longest = plan.mix.max_epochs
        if longest is not None and (recipe.epochs or 0) > longest:
            found = f"more epochs than {plan.spec.mix} allows"
            raise ParamsError(where, found, f"at most {longest} (max_epochs)", "Lower it.")
    else:
        value = _number(where, text, whole=isinstance(number, int))
    told = {"run": plan.identity.run, "recipe": recipe.fields(), "trained on": TRAINED_ON}
    run = digest({**told, "declared": {} if number is None else {field: value}})
    identity = replace(plan.identity, run=run)
    return Candidate(
        field, value, number is not None, replace(plan, recipe=recipe, identity=identity)
    )


def _number(where: str, text: str, whole: bool) -> int | float:
    for kind in (int, float) if whole else (float,):
        with suppress(ValueError):
            value = kind(text)
            if math.isfinite(value):
                return value
    raise ParamsError(where, repr(text), "a finite number", "Mend it.")
