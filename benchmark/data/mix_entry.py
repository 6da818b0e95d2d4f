"""The entry of a mix in params.yaml: written as text, so that comments stay."""

import json
import tempfile
from pathlib import Path

import yaml

from benchmark.core.errors import ParamsError
from benchmark.core.files import PARAMS, write_text
from benchmark.core.params import Params, load_params


def mix_entry(name: str, title: str, params: Path, indent: int = 2) -> str:
    """The lines of a mix that trains and tests on one dataset, with the recipe of the others."""
    recipe = "*recipe" if "&recipe" in params.read_text(encoding="utf-8") else _recipe(params)
    lines = [
        f"title: {json.dumps(title, ensure_ascii=False)}",
        "size: 352",
        "drawn: null",
        "at_most: null",
        f"train: [{name}]",
        f"test: [{name}]",
        "seeds: [0, 1, 2]",
        "groups: [main]",  # ablations and rows of one modality need a mix of several
        "weights: pretrained",
        f"recipe: {recipe}",
    ]
    first, inner = " " * indent, " " * 2 * indent
    return "\n".join([f"{first}{name}:", *(inner + line for line in lines)]) + "\n"


def _recipe(params: Path) -> str:
    recipe = next(iter(load_params(params.parent).mixes.values())).recipe
    return json.dumps(recipe.model_dump(mode="json", exclude_none=True))


def with_entry(name: str, title: str, root: Path) -> str:
    """The text of params.yaml with the entry at the end of `mixes`.

    Raises: ParamsError if a mix of this name is there, or if the file does not hold its mixes as
        lines that another can follow.
    """
    check_free(name, root)
    path = root / PARAMS
    text = path.read_text(encoding="utf-8")
    place = _end_of_mixes(text)
    if place is None:
        do = "Add the printed entry by hand."
        raise ParamsError(f"{path.name}: mixes", "no block of lines", "a mix a block", do)
    indent, end = place
    lines = text.splitlines(keepends=True)
    before = "".join(lines[:end])
    before += "" if before.endswith("\n") else "\n"
    return f"{before}\n{mix_entry(name, title, path, indent)}{''.join(lines[end:])}"


def check_free(name: str, root: Path) -> None:
    """Raises: ParamsError if a mix of this name is there."""
    if name in load_params(root).mixes:
        found, do = "a mix of this name", "Use that one, or give the dataset another name."
        raise ParamsError(f"{PARAMS}: mixes.{name}", found, "none", do)


def write_entry(root: Path, text: str) -> None:
    """Writes params.yaml after the new text was checked.

    Raises: ParamsError naming what would be wrong in it; the file is then as it was.
    """
    checked(text)
    write_text(root / PARAMS, text)


def checked(text: str) -> Params:
    """What a text of params.yaml says; raises as `load_params`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, PARAMS).write_text(text, encoding="utf-8")
        return load_params(Path(folder))


def _end_of_mixes(text: str) -> tuple[int, int] | None:
    """Columns before the name of a mix, and lines up to the end of the last; None for no block.

    A block ends beyond the comments after it, so the last value in it counts; an alias stands where
    it is used only in the events of the parser, not in the tree.
    """
    depth, inside, after_key = 0, False, False
    indent: int | None = None
    last = 0  # where the last value ends, in characters
    for event in yaml.parse(text, yaml.SafeLoader):
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            inside = inside or (after_key and depth == 2 and not event.flow_style)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if inside and depth == 1:
                break
        elif inside and indent is None:
            indent = start.column
        if inside and end.index > start.index:  # the end of a block has no length
            last = end.index
        after_key = isinstance(event, yaml.ScalarEvent) and depth == 1 and event.value == "mixes"
    if indent is None:
        return None
    before = text[:last]
    return indent, before.count("\n") + (not before.endswith("\n"))
