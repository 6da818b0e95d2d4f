"""What an analysis declares: the data that it needs, what measures it, how the report shows it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmark.analyses.kit.read import Measured
    from benchmark.core.params import Mix
    from benchmark.methods.declaration import Card
    from benchmark.reports.figures.drawing import Figure
    from benchmark.reports.tables.grid import Grid

Need = Literal["maps", "weights"]
Unit = Literal["run", "row", "mix"]
WHOLE = ("all",)  # the parts of an analysis that is measured in one piece


def _whole(mix: "Mix") -> Sequence[str]:
    return WHOLE


def _every(card: "Card") -> str:
    return ""


def _nothing(measured: "Measured") -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes:
        name: of the command, of the folder of its results, and of its section in the report.
        title: the heading of its section.
        short: its entry in the contents.
        about: one sentence for `mixseg analyse --list`.
        needs: the artefacts of a run that it reads, besides the prepared data.
        unit: what it is measured on, each into a file of its own: a run, a row with all its seeds,
            or the mix.
        module: the module that measures: its `measure(job, part)` gives a table, a row a case.
            The numbers depend on this module and on what it imports, not on words and figures.
        parts: in which pieces a unit is measured; an interrupted unit goes on after the last whole
            piece.
        leaves_out: why a row takes no part; empty for one that does.
        limited: whether `analyses.cases` of the mix applies; it does where networks must run.
        leads: sentences of the section that say what was found.
        grids, figures: what the section shows.
        claims: the names of the papers' claims that read its results.
    """

    name: str
    title: str
    short: str
    about: str
    module: str
    needs: tuple[Need, ...] = ("maps",)
    unit: Unit = "run"
    parts: Callable[["Mix"], Sequence[str]] = _whole
    leaves_out: Callable[["Card"], str] = _every
    limited: bool = False
    leads: Callable[["Measured"], Sequence[str]] = _nothing
    grids: Callable[["Measured"], Sequence["Grid"]] = field(default=_nothing)  # type: ignore[assignment]
    figures: Callable[["Measured"], Sequence["Figure"]] = field(default=_nothing)  # type: ignore[assignment]
    claims: tuple[str, ...] = ()
