"""What the statistics say of the main rows of a mix, worked out once for tables and figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.reports.study import RANDOM, Study
from benchmark.reports.tables.main import is_prompted
from benchmark.statistics.compare import Comparison, comparisons
from benchmark.statistics.complete_rows import complete_rows
from benchmark.statistics.friedman import Friedman, friedman
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.ranking import Ranking, rankings
from benchmark.statistics.signed_rank import SignedRank, signed_ranks
from benchmark.statistics.stability import Stability, stability

if TYPE_CHECKING:
    from benchmark.statistics.table import Entry


@dataclass(frozen=True)
class Compared:
    """The comparisons of one mix.

    Attributes:
        focus: the row that is compared with the others; None where the mix has none.
        others: the other rows of the block of the unprompted.
        not_ranked: rows that are in no ranking, with the reason.
        rankings: by test set and MEAN.
    """

    focus: "Entry | None"
    others: tuple["Entry", ...]
    comparisons: tuple[Comparison, ...] = ()
    signed: tuple[SignedRank, ...] = ()
    not_ranked: tuple[tuple[str, str], ...] = ()
    rankings: Mapping[str, Ranking] | None = None
    stability: Stability | None = None
    friedman: Friedman | None = None


def compare(study: Study) -> Compared:
    """Compares the focus with every other unprompted row of the main block, and ranks all."""
    rows = comparable(study)
    focus = focus_of(study)
    others = tuple(row for row in rows if focus is None or row.key != focus.key)
    if len(rows) < 2 or not any(each.cases for each in study.table.sets):
        return Compared(focus, others)
    tables, keys = {study.name: study.table}, [row.key for row in rows]
    complete = complete_rows(tables, keys)
    return Compared(
        focus=focus,
        others=others,
        comparisons=tuple(comparisons(study.table, focus, others)) if focus else (),
        signed=tuple(signed_ranks(tables, focus.key, keys)) if focus else (),
        not_ranked=(*complete.incomplete, *_apart(study)),
        rankings=rankings(complete, study.params.resamples),
        stability=stability(tables, keys),
        friedman=friedman(complete),
    )


def _apart(study: Study) -> list[tuple[str, str]]:
    rows = [entry for entry in study.table.rows(("main",)) if not is_prompted(entry)]
    return [(entry.title, RANDOM.lower()) for entry in rows if study.stands_apart(entry)]


def comparable(study: Study) -> list["Entry"]:
    """The rows of the block of the unprompted: they see the image alone, and began alike.

    Rows from random weights on a mix that asks for pretrained ones are not among them.
    """
    rows = study.table.rows(("main",))
    return [e for e in rows if not is_prompted(e) and not study.stands_apart(e)]


def focus_of(study: Study) -> "Entry | None":
    """The row of the focus, or where this mix lacks it the first of its folder that it has."""
    rows = {entry.name: entry for entry in comparable(study)}
    focus = study.params.focus
    folders = {name: card.folder for name, card in study.cards.items()}
    kin = [name for name in rows if focus in folders and folders.get(name) == folders[focus]]
    return next((rows[name] for name in (focus, *kin) if name in rows), None)


def stands_in(study: Study, focus: "Entry") -> str:
    """Said where another row of its folder stands for the focus."""
    if focus.name == study.params.focus:
        return ""
    title = study.title(study.params.focus)
    return f"{title} does not run on this mix: its variant {focus.title} is compared in its place."


def mean_place(study: Study) -> str:
    """Where the score over all test sets stands: MEAN, or the only test set; empty without one."""
    return MEAN if len(study.table.sets) > 1 else next(iter(e.name for e in study.table.sets), "")


def best_of(study: Study, entries: Sequence["Entry"]) -> "Entry | None":
    """The row with the highest DSC over all test sets; None where no row has one."""
    place = mean_place(study)
    found = {
        entry: score.mean
        for entry in entries
        if (score := study.cells.get((entry.key, place, "dsc"))) and not math.isnan(score.mean)
    }
    return max(found, key=lambda entry: found[entry]) if found else None
