"""Plug-ins of the suite itself: every file of a folder that holds a certain name declares one."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from benchmark.core.errors import ParamsError
from benchmark.core.text import did_you_mean

Plugin = TypeVar("Plugin")


def declared_in(package: str, folder: Path, attribute: str) -> dict[str, Any]:
    """What the modules of a package's folder declare, by name, in the order of their files.

    Args:
        attribute: the name in each module; its value has a `name`.
    """
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    modules = (importlib.import_module(f"{package}.{path.stem}") for path in files)
    found = [getattr(module, attribute) for module in modules]
    return {each.name: each for each in found}


def named(known: Mapping[str, Plugin], name: str, where: str, kind: str) -> Plugin:
    """A plug-in by name.

    Args:
        where: the option or key that gave the name.
        kind: what the plug-in is, as an error says it.
    Raises: ParamsError with the nearest name.
    """
    if name in known:
        return known[name]
    expected = f"one of {', '.join(known)}"
    raise ParamsError(where, f"no {kind} {name!r}", expected, did_you_mean(name, known))
