"""Pages from their templates; every name in them is text, whatever it holds."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **context: Any) -> str:
    """A page from its template."""
    return _environment().get_template(template).render(**context)


def _ticks(text: str) -> "Markup":
    """A sentence in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    parts = str(escape(text)).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    coded = (f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return Markup("".join(coded))  # escaped above


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from benchmark.reports.page.heat import shades

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["shades"] = shades
    made.filters["ticks"] = _ticks
    return made
