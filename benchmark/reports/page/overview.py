"""The page over all mixes: what was run, who leads, and how the results changed over time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmark.reports.page.answers import Answer, best, missing, scale
from benchmark.reports.page.history import Recording, changes
from benchmark.reports.page.render import render
from benchmark.reports.page.sections import design
from benchmark.reports.study import Study, run_counts
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, Marks, number
from benchmark.reports.tables.main import blocks_of
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.results import GROUPS, HEADLINE
from benchmark.statistics.schema import DSC
from benchmark.statistics.table import CONTROLS, Entry

DIGITS = 3
LEADERS = 5  # of each block
INTERVAL = (
    "The brackets hold the 95 % interval over trainings and cases; methods with fewer than "
    "three seeds have none."
)
ACROSS = (
    "Compare only numbers of one column. Mixes differ in images, size and length of "
    "training, so numbers of two columns do not compare methods."
)


@dataclass(frozen=True)
class Chapter:
    """What the page says of one mix."""

    study: Study
    answers: tuple[Answer, ...]
    leaders: Grid
    design: str


def overview(studies: Sequence[tuple[Study, Study]], history: Sequence[Recording]) -> str:
    """The page reports/index.html.

    Args:
        studies: the headline and the ablations of each mix.
        history: the recordings, oldest first.
    """
    headlines = [study for study, _ in studies]
    titles = {study.name: study.mix.title for study in headlines}
    return render(
        "overview.html",
        chapters=[_chapter(study, rest) for study, rest in studies],
        matrix=_matrix(studies),
        history=_history(_named_now(history, studies), titles),
        facts=_facts(studies),
    )


def _named_now(
    history: Sequence[Recording], studies: Sequence[tuple[Study, Study]]
) -> list[Recording]:
    """The recordings with the titles of today, as in the other tables; old titles if none."""
    entries = [e for pair in studies for study in pair for e in study.table.rows(tuple(GROUPS))]
    titles = {entry.name: entry.title for entry in entries}
    return [replace(each, title=titles.get(each.method, each.title)) for each in history]


def _facts(studies: Sequence[tuple[Study, Study]]) -> list[tuple[str, str]]:
    parts = [part for pair in studies for part in pair]
    ran = {run.entry.name for part in parts for run in part.runs() if run.entry.group != CONTROLS}
    done, planned = run_counts(parts)
    mixes = len(studies)
    return [
        (f"{mixes}", "mix" if mixes == 1 else "mixes"),
        (f"{len(ran)}", "methods with results"),
        (f"{done} of {planned}", "runs done"),
    ]


def _chapter(study: Study, ablations: Study) -> Chapter:
    answers = (
        Answer("Best method", tuple(best(study)), ""),
        Answer("Scale of the training", (scale(study),), ""),
        Answer("Missing", (missing(study, ablations),), ""),
    )
    return Chapter(study, answers, _leaders(study), design(study))


def _place(study: Study) -> str:
    """Where a mix has its one number: the mean over modalities, or its only test set."""
    sets = study.table.sets
    return MEAN if len(sets) > 1 else sets[0].name if sets else ""


def _leaders(study: Study) -> Grid:
    """The first rows of each ranked block, best first."""
    marks, blocks = Marks(), []
    groups = [group for group in HEADLINE if group != CONTROLS]
    for block in blocks_of(study, groups):
        found = [(entry, _cell(study, entry)) for entry in block.entries]
        scored = [(e, c) for e, c in found if isinstance(c.sort, float)]
        scored.sort(key=lambda pair: -float(pair[1].sort or 0))
        lines = tuple(
            Line(entry.title, _leader(study, entry, cell), marks.of(study.notes(entry)))
            for entry, cell in scored[:LEADERS]
        )  # fmt: skip
        blocks += [Block(block.title, lines)] if lines else []
    more = (
        f"At most {LEADERS} rows of each block. The interval covers other trainings and other"
        " cases; a trained method with fewer than three seeds has none."
    )
    return Grid(
        name=f"leaders-{study.name}",
        of=study.mix.title,
        title=f"Leaders of {study.mix.title}",
        head="Method",
        columns=(Column("DSC ↑, mean over modalities"), Column("95 % interval"), Column("Seeds")),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(more,),
    )


def _leader(study: Study, entry: Entry, cell: Cell) -> tuple[Cell, ...]:
    seeds = len(study.table.runs_of(entry))
    return replace(cell, sub=""), Cell(cell.sub or NONE), Cell(f"{seeds}", sort=seeds)


def _cell(study: Study, entry: Entry) -> Cell:
    """The DSC of a row with its interval; what is missing where it has none."""
    place = _place(study)
    score = study.cells.get((entry.key, place, DSC))
    if score is None or math.isnan(score.mean):
        return Cell("missing", kind="missing")
    whole = study.methods.get((entry.key, place, DSC))
    sub = ""
    if whole is not None and not math.isnan(whole.low):
        sub = f"[{number(whole.low, DIGITS)}, {number(whole.high, DIGITS)}]"
    return Cell(number(score.mean, DIGITS), sub, score.mean)


def _matrix(studies: Sequence[tuple[Study, Study]]) -> Grid:
    """Every method that is planned on a mix, by group: its DSC on each mix."""
    rows: dict[tuple[str, str], tuple[str, dict[str, Cell]]] = {}
    for pair in studies:
        for study in pair:
            for entry in study.table.rows(tuple(GROUPS)):
                row = rows.setdefault((entry.group, entry.name), (entry.title, {}))
                row[1][study.name] = _cell(study, entry)
    names = [study.name for study, _ in studies]
    blocks = []
    for group, words in GROUPS.items():
        lines = tuple(
            Line(title, tuple(cells.get(name, Cell(NONE)) for name in names))
            for (of, _), (title, cells) in rows.items()
            if of == group
        )
        blocks += [Block(words, lines)] if lines else []
    return Grid(
        name="matrix",
        of="All mixes",
        title="DSC of each method on each mix, mean over modalities",
        head="Method",
        columns=tuple(Column(f"{study.mix.title} ↑") for study, _ in studies),
        blocks=tuple(blocks),
        remarks=(f"{NONE}: the mix does not plan this row. {INTERVAL}", ACROSS),
    )


def _history(history: Sequence[Recording], titles: dict[str, str]) -> Grid:
    """The recordings of each mix, newest first, with the change since the one before."""
    blocks = []
    for mix in dict.fromkeys(each.mix for each in reversed(history)):
        lines = tuple(_lines(mix, history))
        blocks.append(Block(titles.get(mix, mix), lines))
    return Grid(
        name="history",
        of="All mixes",
        title="Recorded results, newest first",
        head="Method",
        columns=(
            Column("Recorded on", numeric=False),
            Column("DSC"),
            Column("Change"),
            Column("Seeds"),
        ),
        blocks=tuple(blocks),
        remarks=(
            "Change: the difference from the previous recording of the same method and mix. "
            "A change of code, of data or of the number of seeds gives a new line.",
        ),
    )


def _lines(mix: str, history: Sequence[Recording]) -> Iterator[Line]:
    for now, before in changes(history):
        if now.mix != mix:
            continue
        dsc = float(now.dsc)
        low, high = (number(float(end or "nan"), DIGITS) for end in (now.low, now.high))
        change = dsc - float(before.dsc) if before else math.nan
        yield Line(
            now.title,
            (
                Cell(now.day, sort=now.day),
                Cell(number(dsc, DIGITS), f"[{low}, {high}]" if now.low and now.high else "", dsc),
                Cell(signed(change), sort=change) if before else Cell("first"),
                Cell(now.seeds, sort=float(now.seeds)),
            ),
        )
