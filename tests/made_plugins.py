"""Plugins for tests: a tiny method, whole or with one fault."""

from pathlib import Path
from textwrap import indent

HEAD = """\
import torch
from torch import nn
from benchmark.methods.method import AS_RELEASED, Card, Method, Recipe
"""
METHOD = """\

class {cls}(Method):
    card = Card(name="{name}", title="T", source="s", licence="MIT", mixes=("tiny",){card})

    def __init__(self, size=352):
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1)
        )
{init}
    def forward(self, image):
        return self.network(image)
{more}"""


def method(name: str, card: str = "", init: str = "", more: str = "") -> str:
    """The source of a method; `card` is more of its card, `init` and `more` are Python lines."""
    cls = name.title().replace("-", "")
    lines = {"init": indent(init, " " * 8), "more": indent(more, " " * 4)}
    return METHOD.format(cls=cls, name=name, card=f", {card}" if card else "", **lines)


def write_plugin(root: Path, folder: str, source: str | None = None) -> Path:
    """Writes <folder>/plugin.py; the folder's own name is the method's unless told."""
    plugin = root / folder / "plugin.py"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_text(HEAD + (source if source is not None else method(plugin.parent.name)))
    return plugin
