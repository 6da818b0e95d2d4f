"""Plug-ins of the suite itself: every file of a folder that holds a certain name declares one."""

import importlib
from pathlib import Path
from typing import Any


def declared_in(package: str, folder: Path, attribute: str) -> dict[str, Any]:
    """What the modules of a package's folder declare, by name, in the order of their files.

    Args:
        attribute: the name in each module; its value has a `name`.
    """
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    modules = (importlib.import_module(f"{package}.{path.stem}") for path in files)
    found = [getattr(module, attribute) for module in modules]
    return {each.name: each for each in found}
