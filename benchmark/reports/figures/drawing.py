"""How figures are plotted: SVG with text as text, in colours for colour-blind readers too."""

import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import write_text
from benchmark.reports.tables.grid import csv_text

if TYPE_CHECKING:  # slow to import, and wanted only when something is plotted
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito, Color Universal Design, 2008: told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#010203"  # stands for the colour of the text around the figure, light or dark
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mixseg",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.color": INK,
    "axes.axisbelow": True,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}


@dataclass(frozen=True)
class Figure:
    """A plotted figure.

    Attributes:
        caption: how to read it.
        alt: what it shows, for who cannot see it.
        svg: for a page: without prologue, addresses, or names that another figure may have.
        records: the numbers that it plots.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    records: Sequence[Mapping[str, Any]] = field(repr=False)


def heading(text: str, panels: int) -> str:
    """The title of one of so many panels side by side, in as many lines as it needs."""
    return "\n".join(textwrap.wrap(text, 100 // max(panels, 1) - 6))


def wrapped(title: str) -> str:
    """The name of a row beside its axis, in as many lines as it needs."""
    return "\n".join(textwrap.wrap(title, 34))


def plain_ticks(axis: "Axis", ticks: Sequence[float], text: str = "{:g}") -> None:
    """Labels a logarithmic axis with plain numbers; matplotlib's own are formulas."""
    from matplotlib.ticker import NullLocator

    axis.set_ticks(ticks, [text.format(tick) for tick in ticks])
    axis.set_minor_locator(NullLocator())


def write_figure(figure: Figure, to: Path) -> None:
    """Writes name.svg, which stands alone, and name.csv."""
    svg = figure.svg.replace("<svg ", f'<svg {NAMESPACES} color="black" ', 1)
    write_text(to / f"{figure.name}.svg", svg + "\n")
    write_text(to / f"{figure.name}.csv", csv_text(figure.records))


@contextmanager
def canvas_of(size: tuple[float, float]) -> Iterator["Canvas"]:
    """A canvas of this width and height in inches, in the style of all figures."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context(STYLE):
        yield Canvas(figsize=size, layout="constrained")


def axes_of(
    canvas: "Canvas", count: int, columns: int, *, sharex: bool = False, sharey: bool = False
) -> list["Axes"]:
    """So many panels in rows of so many columns; the rest of the last row stays empty."""
    rows = math.ceil(count / columns)
    axes = canvas.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.set_axis_off()
    return list(axes[:count])


def handles_of(axes: Sequence["Axes"]) -> dict[str, Any]:
    """What a legend of some panels shows, by its label."""
    return {
        str(handle.get_label()): handle
        for ax in axes
        for handle in ax.get_legend_handles_labels()[0]
    }


NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg_of(canvas: "Canvas", name: str) -> str:
    """The figure as an element of a page: same bytes for the same figure, whatever the day."""
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg ") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("*{stroke-linejoin", ".figure *{stroke-linejoin", 1)
    return re.sub(
        r"<[^>]*>", lambda tag: _rewrite(tag.group(), name), svg
    )  # names stay as they are


def _rewrite(tag: str, name: str) -> str:
    """One tag, with its own names made the figure's and the ink made that of the page."""
    for pattern, new in (
        (r' xmlns(:\w+)?="[^"]*"', ""),
        (r' id="([^"]+)"', rf' id="{name}-\1"'),
        (r'="#([^"]+)"', rf'="#{name}-\1"'),
        (r"url\(#([^)]+)\)", rf"url(#{name}-\1)"),
        (r' version="1.1"', ' class="figure"'),
    ):
        tag = re.sub(pattern, new, tag)
    return tag.replace(INK, "currentColor")
