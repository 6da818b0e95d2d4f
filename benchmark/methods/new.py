"""Writes the folder of a new method, which runs at once."""

import json
import keyword
import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmark.core.errors import MethodError
from benchmark.core.files import write_text
from benchmark.core.recipe import Name
from benchmark.methods.code import PLUGIN, plugin_files
from benchmark.methods.declaration import DECLARATION
from benchmark.methods.discover import declared, folder_of
from benchmark.methods.sync import sync

TEMPLATES = Path(__file__).parent / "templates"


def new(root: Path, name: str) -> list[Path]:
    """Writes method.yaml and plugin.py of a small real network below baselines/, and syncs them.

    Raises: MethodError if the name breaks the rule for names or is taken; nothing is written then.
    """
    _check_rule(name)
    _check_free(root, name)
    folder = root / "baselines" / name
    plugin, declaration = (TEMPLATES / file for file in (PLUGIN, DECLARATION))
    text = plugin.read_text(encoding="utf-8")
    changes = {'"""Example:': f'"""{name}:', "class Example(": f"class {_class_name(name, text)}("}
    write_text(folder / PLUGIN, _filled(text, changes))
    changes = {"  example: ": f"  {name}: ", "title: Example": f"title: {json.dumps(name)}"}
    text = declaration.read_text(encoding="utf-8")
    write_text(folder / DECLARATION, _filled(text, changes))
    sync(root, name)
    return [folder / DECLARATION, folder / PLUGIN]


def _filled(text: str, changes: dict[str, str]) -> str:
    for blank, value in changes.items():
        assert blank in text, blank
        text = text.replace(blank, value)
    return text


def _class_name(name: str, text: str) -> str:
    """MyNet for my-net; a name that Python or plugin.py already uses gets a word more."""
    joined = "".join(word[:1].upper() + word[1:] for word in name.split("-"))
    if joined[0].isdigit():
        return f"Net{joined}"
    used = keyword.iskeyword(joined) or re.search(rf"\b{joined}\b", text)
    return f"{joined}Net" if used else joined


def _check_rule(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        raise MethodError(
            "mixseg new",
            f"the name {name!r}",
            "lower-case letters, digits and hyphens, at most 60, a letter or digit first",
            f"Take {near!r}, say." if near else "Take another.",
        ) from error


def _check_free(root: Path, name: str) -> None:
    """Refuses a name that is taken, or that differs from a taken one in hyphens alone."""
    taken = {plugin.parent.name: folder_of(root, plugin) for plugin in plugin_files(root)}
    taken |= {row: folder.name for row, folder in declared(root).items()}
    if (root / "baselines" / name).exists():
        taken[name] = f"baselines/{name}"
    for other, folder in taken.items():
        if other.replace("-", "") == name.replace("-", ""):
            raise MethodError(
                "mixseg new",
                f"the name {name!r}, and {folder} holds {other!r}",
                "a name of its own",
                "Take another; nothing was written.",
            )
