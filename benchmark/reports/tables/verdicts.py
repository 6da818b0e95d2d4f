"""What the papers claimed beside what was found, and published numbers beside ours."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.claims.judge import Judged, judge, quantity_rows, summary
from benchmark.claims.quantity import Quantity
from benchmark.claims.reported import Checked, check_reported, read_reported
from benchmark.claims.spec import load_claims
from benchmark.reports.study import Study
from benchmark.reports.tables.grid import (
    NONE,
    Block,
    Cell,
    Column,
    Grid,
    Line,
    Marks,
    missing,
    number,
)
from benchmark.reports.tables.protocols import Conventions, conventions
from benchmark.statistics.method_level import CUT
from benchmark.statistics.results import MixResults
from benchmark.statistics.schema import METRICS

KINDS: Mapping[str, Any] = {"supported": "good", "contradicted": "bad", "not run": "missing",
                            "agrees": "good", "out of tolerance": "bad",
                            "no run": "missing"}  # fmt: skip


@dataclass(frozen=True)
class Verdicts:
    """Every claim judged by the scores of one mix, and every published number that it has."""

    study: Study
    judged: tuple[Judged, ...]
    checked: tuple[Checked, ...]

    def grids(self) -> dict[str, Grid]:
        """Their tables, which every mix has, empty or not."""
        made = (self._claims(), self._quantities(), self._reported())
        return {grid.name: grid for grid in made}

    def lead(self) -> str:
        """How many claims have which verdict, and how they are judged."""
        return (
            f"{self.counts()} A verdict uses intervals over trainings and cases. A claim is "
            "undecided if they allow both answers. On other data than the paper's, or from "
            "random weights, a verdict holds for these data alone."
        )

    def counts(self) -> str:
        """How many claims have which verdict; those for stand-ins apart."""
        stand_ins = summary(self.judged, stand_ins=True)
        rest, tried = _counted(summary(self.judged)), sum(stand_ins.values())
        said = [f"Of {len(self.judged)} claims, {rest}."] if rest else []
        if tried:
            others = f"{'The other' if rest else 'Of the claims,'} {tried}"
            said.append(
                f"{others} {'was' if tried == 1 else 'were'} tested only with stand-ins for the"
                f" paper's rows, at this scale: {_counted(stand_ins)}."
            )
        return " ".join(said)

    def _claims(self) -> Grid:
        blocks: dict[str, list[Line]] = {}
        for one in self.judged:
            colour = KINDS if not one.stand_ins else {}
            reads = Cell(one.reads, one.scope, one.reads, kind=colour.get(one.verdict, ""))
            line = Line(one.claim.sentence, (reads, Cell(one.why)), sub=one.claim.source)
            heading = f"{one.claim.paper}, for stand-ins" if one.stand_ins else one.claim.paper
            blocks.setdefault(heading, []).append(line)
        return Grid(
            name="claims",
            of=self.study.mix.title,
            title="Claims and verdicts",
            head="Claim, in our words",
            columns=(Column("Verdict", numeric=False), Column("Why", numeric=False)),
            blocks=tuple(Block(paper, tuple(lines)) for paper, lines in blocks.items()),
            remarks=("Another table holds the numbers behind the verdicts.",),
            records=quantity_rows(self.judged),
        )

    def _quantities(self) -> Grid:
        """The parts that have a number; the CSV of the claims holds all of them."""
        marks, blocks = Marks(), []
        for one in self.judged:
            lines = [
                Line(q.what, (Cell(q.where), Cell(_label(q.metric)), Cell(q.text(), sort=q.value),
                              Cell(q.verdict, kind=KINDS.get(q.verdict, "")), Cell(q.note)),
                     marks.of(self._notes(q)))
                for q in one.quantities
                if q.value is not None and not math.isnan(q.value)
            ]  # fmt: skip
            if lines:
                blocks.append(Block(one.claim.sentence, tuple(lines)))
        words = ("Where", "Metric")
        return Grid(
            name="quantities",
            of=self.study.mix.title,
            title="The numbers behind the verdicts",
            head="Quantity",
            columns=(
                *(Column(label, numeric=False) for label in words),
                Column("Value"),
                *(Column(label, numeric=False) for label in ("Part", "Note")),
            ),
            blocks=tuple(blocks),
            notes=marks.notes(),
            remarks=("The brackets hold the 95 % interval over trainings and cases.",),
        )

    def _notes(self, quantity: Quantity) -> list[str]:
        """What a reader must know of the rows that a number is about, and of no others."""
        rows = [e for e in self.study.table.entries if e.name in quantity.methods]
        return [f"{row.title}: {note}" for row in rows for note in self.study.notes(row)]

    def _reported(self) -> Grid:
        marks = Marks()
        blocks: dict[str, list[Line]] = {}
        meanings = conventions(self.study) if self.checked else {}
        for one in self.checked:
            entry = next((e for e in self.study.table.entries
                          if e.name == one.reported.method), None)  # fmt: skip
            title = entry.title if entry else one.reported.method
            notes = self.study.notes(entry) if entry else []
            where = f"{self.study.set_title(one.reported.dataset)}, {_label(one.reported.metric)}"
            source = f"{one.reported.source}; {one.reported.table}".rstrip("; ")
            line = Line(where, tuple(_reported_cells(one, meanings)), marks.of(notes), sub=source)
            blocks.setdefault(title, []).append(line)
        labels = ("Verdict", "Setting", "Convention that gives it", "Why")
        return Grid(
            name="reported",
            of=self.study.mix.title,
            title="Published numbers beside ours",
            head="Dataset and metric",
            columns=(
                Column("Reported"),
                Column("Ours"),
                *(Column(label, numeric=False) for label in labels),
            ),
            blocks=tuple(Block(title, tuple(lines)) for title, lines in blocks.items()),
            notes=marks.notes(),
            remarks=(
                f"Ours has its 95 % interval over trainings and cases. {CUT} Only a number of "
                "the same setting (data, split, recipe) can be out of tolerance. The "
                "convention is the one of ours that gives the reported number within "
                "rounding; if none does, the nearest is named. Ours is by the convention of the "
                "published table where that is known, so it may differ from the main table.",
            ),
            records=[*_reported_records(self.checked)],
        )


def verdicts(results: MixResults, study: Study) -> Verdicts:
    """Judges the claims, and compares the published numbers of the methods of a mix.

    Args:
        results: of all groups.
        study: the headline, for titles and notes.

    Raises: ScoreTableError if a reported.csv is broken.
    """
    checked = check_reported(read_reported(results.paths.root), results)
    return Verdicts(study, judge(load_claims(), results), tuple(checked))


def _counted(counts: Mapping[str, int]) -> str:
    """Counts in words: 3 are supported, 1 is undecided and 35 were not run."""
    said = []
    for verdict, n in counts.items():
        verbs = ("was", "were") if verdict == "not run" else ("is", "are")
        said += [f"{n} {verbs[n != 1]} {verdict}"] if n else []
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def _reported_cells(one: Checked, meanings: Conventions) -> Iterator[Cell]:
    yield Cell(_printed(one.reported.value, one), sort=one.reported.value)
    if one.ours is None:
        yield missing()
    else:
        known = one.low is not None and one.high is not None and not math.isnan(one.low)
        limits = f"[{_printed(one.low, one)}, {_printed(one.high, one)}]" if known else ""
        yield Cell(_printed(one.ours, one), limits, one.ours)
    yield Cell(one.verdict, sort=one.verdict, kind=KINDS.get(one.verdict, ""))
    yield Cell(one.reported.setting)
    by = one.reported.protocol
    own = by in meanings and by != one.reported.metric
    yield Cell(_conventions(one, meanings), f"ours is by: {meanings[by][0]}" if own else "")
    yield Cell(one.why)


def _printed(value: float | None, one: Checked) -> str:
    digits = max(3, round(-math.log10(2 * one.reported.rounding))) if one.reported.rounding else 3
    return NONE if value is None else number(value, min(digits, 5))


def _conventions(one: Checked, known: Conventions) -> str:
    def words(name: str, value: float) -> str:
        title = known[name][0] if name in known else _label(name)
        return f"{title}: {number(value, 3)}"

    found = [words(*each) for each in one.protocols]
    if not found and one.nearest:
        return f"none; nearest: {words(*one.nearest)}"
    return "; ".join(found) or NONE


def _label(column: str) -> str:
    """The name of a metric for reading; what is no column of scores stays as it is."""
    return METRICS[column].title if column in METRICS else column


def _reported_records(checked: Sequence[Checked]) -> Iterator[Mapping[str, Any]]:
    for one in checked:
        told = one.reported
        yield {
            "method": told.method,
            "dataset": told.dataset,
            "metric": told.metric,
            "reported": told.value,
            "rounding": told.rounding,
            "ours": "" if one.ours is None else one.ours,
            "low": "" if one.low is None else one.low,
            "high": "" if one.high is None else one.high,
            "verdict": one.verdict,
            "setting": told.setting,
            "protocol": told.protocol,
            "matching": " ".join(name for name, _ in one.protocols),
            "nearest": one.nearest[0] if one.nearest else "",
            "why": one.why,
            "source": told.source,
            "table": told.table,
            "where": told.where,
        }
