"""What methods say of themselves: method.yaml, checked and resolved into one card a row; no torch.

Nothing in here changes a number: what a run depends on is digested from the card's values.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.core.errors import MethodError
from benchmark.core.recipe import AS_RELEASED, Name, Recipe
from benchmark.core.row import Prompt
from benchmark.core.yaml_files import read_yaml_with_node

Group = Literal["main", "prompted", "single", "as-published", "ablation"]
CamLayer = Literal["decoder", "deepest", "tokens"]

DECLARATION = "method.yaml"
WEIGHTS_FILE = "baselines/_shared/weights.yaml"
ROW_ONLY = frozenset({"title"})  # a title is a row's own
NO_BASE = "expected a row above it in this file, trained on all modalities"


class Weights(BaseModel):
    """One file of pretrained weights that a method needs.

    Attributes:
        name: the name under which `load_pretrained` asks for it.
        files: file names looked for in the local weight store, in this order.
        hub: "owner/repository:file" on the model hub; empty where there is none.
        licence: licence of the weights.
        trained_on: datasets that the weights were trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    files: tuple[str, ...] = ()
    hub: str = ""
    licence: str
    trained_on: tuple[str, ...] = ()


class Card(BaseModel):
    """One row: what a method says of itself, with the fields that its folder shares filled in.

    Attributes:
        name: the row's key; folders are named after it.
        title: the row's name in tables.
        source: where it was published.
        code: address of the official code; empty where there is none.
        licence: licence of the official code.
        class_name: the class of plugin.py; empty where plugin.py has one.
        arguments: keyword arguments of that class, besides `size`.
        group: the block of the report that it stands in.
        mixes: the only mixes that it may run on; empty for all whose groups include its own.
        prompt: what it is shown at test time; a point is drawn, `centre` is the deepest one.
        draws: prompt draws a case at test time.
        pretrained_on: datasets its weights have seen; a test set among them is flagged.
        weights: pretrained files that it needs.
        recipe: what differs from the mix's recipe.
        unused: parameters without a gradient, with the reason.
        modality: trained on this modality of the mix alone; empty for all of them.
        base: the row that this one is a variant of; reports print the difference.
        requires: Python packages that it needs beyond those of the project.
        cam_layers: dotted names of the modules whose activation is looked at: the last block of the
            decoder, the deepest map, and tokens in front of it. Each gives (B, C, h, w) or
            (B, N, C).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: Name
    title: str = Field(min_length=1)
    source: str
    code: str = ""
    licence: str
    class_name: str = Field("", alias="class")
    arguments: dict[str, Any] = {}
    group: Group = "main"
    mixes: tuple[Name, ...] = ()
    prompt: Prompt = "none"
    draws: int = Field(1, ge=1)
    pretrained_on: frozenset[str] = frozenset()
    weights: tuple[Weights, ...] = ()
    recipe: Recipe = Recipe()
    unused: dict[str, str] = {}
    modality: str = ""
    base: Name | None = None
    requires: tuple[str, ...] = ()
    cam_layers: dict[CamLayer, str] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.group == "single") != bool(self.modality):
            raise ValueError("group single and a modality belong together; give both or neither")
        if self.draws > 1 and self.prompt != "point":
            raise ValueError(
                f"{self.draws} draws of the prompt {self.prompt!r}; only points differ"
            )
        return self

    def said(self) -> dict[str, Any]:
        """All that is declared, as JSON, without the fields that are left at their defaults."""
        told = self.model_dump(mode="json", exclude_defaults=True, exclude={"pretrained_on"})
        return {**told, "pretrained_on": sorted(self.pretrained_on)}

    def identity(self) -> dict[str, Any]:
        """What of a declaration a run's numbers depend on; nothing that is only said."""
        told = {"class": self.class_name, "arguments": self.arguments, "prompt": self.prompt}
        more = {"draws": self.draws} if self.draws > 1 else {}
        return {**told, **more, **({"modality": self.modality} if self.modality else {})}


FIELDS = frozenset(field.alias or name for name, field in Card.model_fields.items()) - {"name"}
WEIGHTS_FIELDS = frozenset(Weights.model_fields)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file.

    Attributes:
        line: counted from 1.
    """

    line: int
    text: str


@dataclass(frozen=True)
class Document:
    """A YAML file with the line of each key.

    Attributes:
        lines: path of keys to the line on which the last of them stands.
        problems: keys that stand twice.
    """

    value: Any
    lines: Mapping[tuple[str, ...], int]
    problems: tuple[Problem, ...]

    def line(self, *path: str) -> int:
        """The line of a key, or of the nearest key above it."""
        known = (path[:count] for count in range(len(path), 0, -1))
        return next((self.lines[keys] for keys in known if keys in self.lines), 1)


def read_document(path: Path, shown: str) -> Document:
    """Reads a YAML file.

    Raises: MethodError if it cannot be read or is no YAML.
    """
    try:
        value, node = read_yaml_with_node(path)
    except OSError as error:
        raise MethodError(shown, "no file", "a declaration", "Write it, or restore it.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{shown}:{mark.line + 1}" if mark else shown
        said = getattr(error, "problem", None) or " ".join(str(error).split())
        do = "Correct the YAML of that line."
        raise MethodError(where, f"no YAML ({said})", "YAML", do) from error
    lines: dict[tuple[str, ...], int] = {}
    twice = tuple(_walk(node, (), lines))
    return Document(value, lines, twice)


def _walk(
    node: yaml.Node | None, path: tuple[str, ...], lines: dict[tuple[str, ...], int]
) -> Iterator[Problem]:
    """Notes the line of each key; yields the keys that stand twice in one mapping."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            line = key.start_mark.line + 1
            if inner in lines:
                yield Problem(line, f"the key {key.value!r} stands twice; give it once")
            lines[inner] = line
            yield from _walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*path, str(index))
            lines[inner] = value.start_mark.line + 1
            yield from _walk(value, inner, lines)


def read_cards(root: Path, path: Path) -> list[Card]:
    """The rows of one method.yaml, in the order of the file.

    Raises: MethodError that lists every problem with its line, and the nearest known name.
    """
    shown = path.relative_to(root).as_posix()
    document = read_document(path, shown)
    problems = list(document.problems)
    if not isinstance(document.value, dict):
        problems.append(Problem(1, "no mapping; expected fields and `rows`"))
        raise _error(shown, problems)
    registry = _registry(root)
    shared = {key: value for key, value in document.value.items() if key != "rows"}
    problems += _unknown(document, shared, (), FIELDS - ROW_ONLY | {"rows"})
    rows = document.value.get("rows")
    if not isinstance(rows, dict) or not rows:
        problems.append(Problem(document.line("rows"), "no rows; declare one under `rows:`"))
        raise _error(shown, problems)
    above: dict[str, dict[str, Any]] = {}
    cards = []
    for name, row in rows.items():
        problems += _unknown(document, row or {}, ("rows", str(name)), FIELDS)
        values = _filled(shared, row)
        base_name, alone = str(values.get("base")), bool(values.get("modality"))
        # The base of an ablation may be in another folder; then the ablation takes nothing from it.
        if alone or (values.get("group") == "ablation" and base_name in map(str, rows)):
            base = above.get(base_name, {})
            if not base or base.get("modality"):
                line = document.line("rows", str(name), "base")
                text = f"row {name!r}: base: {NO_BASE}{nearest(base_name, above)}"
                problems.append(Problem(line, text))
                continue
            values = _with_base(base, row if isinstance(row, dict) else {})
        above[str(name)] = values
        found, card = _card(document, str(name), values, registry)
        problems += found
        cards += [card] if card else []
    if problems:
        raise _error(shown, problems)
    return cards


def _filled(shared: dict[str, Any], row: Any) -> dict[str, Any]:
    """A row with what its folder shares; arguments are merged key by key."""
    own = row if isinstance(row, dict) else {}
    values = {**shared, **own}
    if shared.get("arguments") and own.get("arguments"):
        values["arguments"] = {**shared["arguments"], **own["arguments"]}
    return values


def _with_base(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The values of a row that takes all that its base says, except the title."""
    values, recipe = _filled(base, own), own.get("recipe")
    if isinstance(recipe, dict) and isinstance(base.get("recipe"), dict):
        values["recipe"] = {**base["recipe"], **recipe}
    modality = own.get("modality")
    if not modality:
        return {**values, "title": own.get("title")}
    steps = ", equal steps" if isinstance(recipe, dict) and recipe.get("equal_steps") else ""
    title = f"{base.get('title')}, {modality} alone{steps}"
    return {**values, "title": own.get("title", title), "group": "single"}


def _card(
    document: Document, name: str, values: dict[str, Any], registry: dict[str, dict[str, Any]]
) -> tuple[list[Problem], Card | None]:
    """One row checked, or what is wrong with it."""
    where = ("rows", name)
    given = {key: value for key, value in values.items() if key in FIELDS and value is not None}
    problems, weights = _weights(document, name, given.get("weights", []), registry)
    seen = {each for item in weights for each in item.get("trained_on", ())}
    given["weights"] = weights
    given["pretrained_on"] = frozenset({*given.get("pretrained_on", ()), *seen})
    if given.get("recipe") == "as-released":
        given["recipe"] = AS_RELEASED
    if problems:
        return problems, None
    try:
        return [], Card.model_validate({**given, "name": name})
    except ValidationError as error:
        return [_validation(document, where, item) for item in error.errors()], None


def _validation(document: Document, where: tuple[str, ...], item: Any) -> Problem:
    """One finding of pydantic, with the line of its key and the nearest known value."""
    loc = [str(part) for part in item["loc"]]
    shared, own = tuple(loc), (*where, *loc)
    line = document.line(*own) if own[:3] in document.lines else document.line(*shared)
    if not loc or (own[:3] not in document.lines and shared[:1] not in document.lines):
        line = document.line(*where)
    known: list[str] = []
    if item["type"] == "literal_error":
        known = [
            word.strip("' ") for word in item["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
    if item["type"] == "extra_forbidden":
        known = list(Recipe.model_fields) if loc[0] == "recipe" else []
    key = ".".join(loc) or "the row"
    said = str(item["msg"]).removeprefix("Value error, ")
    given = item.get("input")
    told = f" (found {given!r})" if isinstance(given, str | int | float | bool) else ""
    if item["type"] == "missing":
        said, told = "is missing", ""
    asked = loc[-1] if item["type"] == "extra_forbidden" else str(given)
    return Problem(line, f"row {where[-1]!r}: {key}: {said}{told}{nearest(asked, known)}")


def _weights(
    document: Document, name: str, listed: Any, registry: dict[str, dict[str, Any]]
) -> tuple[list[Problem], list[dict[str, Any]]]:
    """The weights that a row lists, by name in the registry or written out."""
    problems, found = [], []
    line = document.line("rows", name, "weights")
    if ("rows", name, "weights") not in document.lines:
        line = document.line("weights")
    for item in listed if isinstance(listed, list) else [listed]:
        if isinstance(item, dict):
            found.append(item)
        elif item in registry:
            found.append({"name": item, **registry[item]})
        else:
            text = (
                f"row {name!r}: no weights {item!r} in {WEIGHTS_FILE}{nearest(str(item), registry)}"
            )
            problems.append(Problem(line, text))
    return problems, found


_REGISTRIES: dict[tuple[Path, int], dict[str, dict[str, Any]]] = {}


def _registry(root: Path) -> dict[str, dict[str, Any]]:
    """The pretrained files that rows may name; empty where the project has no list of them.

    Raises: MethodError if the list is broken.
    """
    path = root / WEIGHTS_FILE
    if not path.is_file():
        return {}
    key = (path, path.stat().st_mtime_ns)
    if key not in _REGISTRIES:
        document = read_document(path, WEIGHTS_FILE)
        value, problems = document.value or {}, list(document.problems)
        for name, entry in value.items():
            try:
                Weights.model_validate({**entry, "name": name})
            except (ValidationError, TypeError) as error:
                said = error.errors()[0] if isinstance(error, ValidationError) else {"msg": error}
                what = ".".join(map(str, said.get("loc", ())))  # type: ignore[arg-type]
                problems.append(Problem(document.line(name), f"{name}: {what}: {said['msg']}"))
        if problems:
            raise _error(WEIGHTS_FILE, problems)
        _REGISTRIES[key] = value
    return _REGISTRIES[key]


def _unknown(
    document: Document, given: Any, path: tuple[str, ...], known: frozenset[str]
) -> Iterator[Problem]:
    if not isinstance(given, dict):
        yield Problem(document.line(*path), f"row {path[-1]!r} is no mapping of fields")
        return
    for key in given:
        if key not in known:
            where = f"row {path[-1]!r}: " if path else ""
            hint = nearest(str(key), known) or "; `baselines/README.md` lists the fields"
            yield Problem(document.line(*path, str(key)), f"{where}unknown key {key!r}{hint}")


def nearest(name: str, known: Any) -> str:
    """A hint that names the known name nearest to one that is not; empty where none is near."""
    near = difflib.get_close_matches(name, [str(each) for each in known], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _error(shown: str, problems: list[Problem]) -> MethodError:
    """All problems of one file, in the order of its lines."""
    told = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
    lines = [f"{shown}:{problem.line}: {problem.text}" for problem in told]
    if len(lines) == 1:
        return MethodError(f"{shown}:{told[0].line}", told[0].text, "a valid declaration",
                           "Correct that line.")  # fmt: skip
    count = f"{len(lines)} problems"
    return MethodError(shown, count, "a valid declaration", "\n".join(["Correct them:", *lines]))
