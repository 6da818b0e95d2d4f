"""What an analysis declares: the data that it needs, what measures it, how the report shows it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmark.analyses.kit.job import Job
    from benchmark.analyses.kit.read import Measured
    from benchmark.core.params import Mix
    from benchmark.methods.declaration import Card
    from benchmark.reports.figures.drawing import Figure
    from benchmark.reports.tables.grid import Grid

Need = Literal["maps", "weights", "scores", "leaks"]
Unit = Literal["run", "row", "mix"]
WHOLE = ("all",)  # the parts of an analysis that is measured in one piece


def _whole(mix: "Mix") -> Sequence[str]:
    return WHOLE


def _no_settings(mix: "Mix") -> Mapping[str, object]:
    return {}


def _cases(job: "Job", part: str) -> int:
    return len(job.cases())


def _every(card: "Card") -> str:
    return ""


def _undeclared(card: "Card") -> object:
    return None


def _in_the_mix(name: str, mix: "Mix") -> Sequence[str]:
    return ()


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
        needs: what it reads besides the prepared data: artefacts or scores of its runs, or what the
            search for duplicates found on the mix.
        unit: what it is measured on, each into a file of its own: a run, a row with all its seeds,
            or the mix.
        module: the module that measures: its `measure(job, part)` gives a table, a row a case.
            The numbers depend on this module and on what it imports, not on words and figures.
        uses: further files of code that the module imports by name at run time, as
            baselines/_shared/NAME.py; the numbers depend on them too.
        reads: what the numbers depend on in the declaration of a row, beyond its runs.
        parts: in which pieces a unit is measured; an interrupted unit goes on after the last whole
            piece.
        apart: names of the data, prepared apart from the mix (`data.apart`), that are measured in
            the place of its test cases; each is a part.
        idle: why there is nothing to do where `apart` names none; empty for an analysis of the
            mix's own test cases.
        settings: what else of the mix the numbers depend on.
        work: how much there is to do in a part, in cases or images; the expected time goes by it.
        leaves_out: why a row takes no part; empty for one that does.
        limited: whether `analyses.cases` of the mix applies; it does where networks must run.
        leads: sentences of the section that say what was found.
        grids, figures: what the section shows.
    """

    name: str
    title: str
    short: str
    about: str
    module: str
    needs: tuple[Need, ...] = ("maps",)
    unit: Unit = "run"
    uses: tuple[str, ...] = ()
    reads: Callable[["Card"], object] = _undeclared
    parts: Callable[["Mix"], Sequence[str]] = _whole
    apart: Callable[[str, "Mix"], Sequence[str]] = _in_the_mix
    idle: str = ""
    settings: Callable[["Mix"], Mapping[str, object]] = _no_settings
    work: Callable[["Job", str], int] = _cases
    leaves_out: Callable[["Card"], str] = _every
    limited: bool = False
    leads: Callable[["Measured"], Sequence[str]] = _nothing
    grids: Callable[["Measured"], Sequence["Grid"]] = field(default=_nothing)  # type: ignore[assignment]
    figures: Callable[["Measured"], Sequence["Figure"]] = field(default=_nothing)  # type: ignore[assignment]

    def limit(self, mix: "Mix") -> int | None:
        """The test cases of a set that are measured; None for all."""
        return mix.analyses.cases if self.limited and mix.analyses else None

    def pieces(self, name: str, mix: "Mix") -> list[str]:
        """The parts in which a unit is measured on a mix; empty where there is nothing to do."""
        return list(self.apart(name, mix) if self.idle else self.parts(mix))
