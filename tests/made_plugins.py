"""Method folders for tests: a tiny method, whole or with one fault."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

HEAD = """\
import torch
from torch import nn
from benchmark.methods.method import Method
"""
METHOD = """\

class {cls}(Method):
    def __init__(self, size=352{parameters}):
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1)
        )
{init}
    def forward(self, image):
        return self.network(image)
{more}"""
SHARED = {"source": "s", "licence": "MIT"}


class Source(str):
    """Python code with the rows that declare its methods."""

    rows: Mapping[str, dict[str, Any]] = {}

    def __add__(self, other: str) -> "Source":
        return _with(str(self) + str(other), {**self.rows, **getattr(other, "rows", {})})

    def __radd__(self, other: str) -> "Source":
        return _with(str(other) + str(self), {**getattr(other, "rows", {}), **self.rows})


def _with(text: str, rows: Mapping[str, dict[str, Any]]) -> Source:
    source = Source(text)
    source.rows = rows
    return source


def method(name: str, init: str = "", more: str = "", parameters: str = "", **row: Any) -> Source:
    """The source of a method; `init` and `more` are Python lines, the rest is of its row."""
    cls = name.title().replace("-", "")
    lines = {"init": indent(init, " " * 8), "more": indent(more, " " * 4)}
    parameters = f", {parameters}" if parameters else ""
    return _with(
        METHOD.format(cls=cls, parameters=parameters, **lines),
        {name: {"title": "T", "class": cls, **row}},
    )


def declare(root: Path, folder: str, rows: Mapping[str, dict[str, Any]], **shared: Any) -> Path:
    """Writes <folder>/method.yaml."""
    path = root / folder / "method.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {**SHARED, **shared, "rows": dict(rows)}
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    return path


def write_plugin(root: Path, folder: str, source: str | None = None) -> Path:
    """Writes plugin.py and method.yaml; without a source, of one method named like the folder."""
    plugin = root / folder / "plugin.py"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    source = method(plugin.parent.name) if source is None else source
    plugin.write_text(HEAD + source)
    rows = getattr(source, "rows", None) or {plugin.parent.name: {"title": "T"}}
    declare(root, folder, rows)
    return plugin
