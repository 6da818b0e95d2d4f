"""Supplied predictions beside the focus: paired by case, with a verdict where seeds allow one."""

import math
from collections.abc import Mapping
from typing import Any

from benchmark.core.text import percent
from benchmark.reports.study import Study
from benchmark.reports.tables.cells import signed
from benchmark.reports.tables.compared import Compared
from benchmark.reports.tables.comparisons import dataset_title, notes_of_focus, probability
from benchmark.reports.tables.grid import NONE, Block, Cell, Column, Grid, Line, Marks, missing
from benchmark.statistics.cardless import SUPPLIED
from benchmark.statistics.compare import ALPHA, Comparison, comparisons, over_cases
from benchmark.statistics.wilcoxon import COMMON_PRACTICE

LABELS = ("Difference ↑", "Over trainings and cases", "Verdict", "p (Holm)", "Cases won",
          "Wilcoxon p (common practice)")  # fmt: skip
HOW = (
    "Difference of DSC, the focus minus the row, paired by case. Below it is the 95 % "
    "interval over cases alone (t; whole groups where cases form groups). It covers other "
    "cases for these predictions, but not other trainings.",
    "Over trainings and cases: the 95 % interval of the crossed-variance t. It needs three "
    "seeds of both rows, as does a verdict. p: of the same t, with Holm's correction over "
    f"all rows of a test set in this table; a verdict needs p below {ALPHA:g}. It compares "
    "the networks as they were supplied: nobody verified that both trainings were fair.",
    f"Wilcoxon: {COMMON_PRACTICE}",
)


def supplied_comparisons_grid(study: Study, found: Compared) -> Grid | None:
    """The focus minus each row of supplied predictions; None without a focus or such a row."""
    rows, focus = study.table.rows((SUPPLIED,)), found.focus
    if focus is None or not rows:
        return None
    marks, records = Marks(), []
    first = Column(LABELS[0], marks=marks.of(notes_of_focus(study, found)))
    blocks: dict[str, list[Line]] = {}
    for one in comparisons(study.table, focus, rows):
        notes = [*study.notes(one.other), *([one.why] if one.why else [])]
        limits = over_cases(study.table, one)
        line = Line(one.other.title, _cells(one, limits), marks.of(notes))
        blocks.setdefault(dataset_title(study, one.dataset), []).append(line)
        records.append(_record(one, limits, notes))
    return Grid(
        name="supplied-comparisons",
        of=study.mix.title,
        title=f"{focus.title} minus each row of supplied predictions",
        head="Compared with",
        columns=(first, *(Column(label, numeric=label != "Verdict") for label in LABELS[1:])),
        blocks=tuple(Block(name, tuple(lines)) for name, lines in blocks.items()),
        notes=marks.notes(),
        remarks=HOW,
        records=records,
    )


def _cells(one: Comparison, limits: tuple[float, float]) -> tuple[Cell, ...]:
    if one.verdict == "missing":
        return (missing(),) * len(LABELS)
    wilcoxon = one.wilcoxon
    return (
        Cell(signed(one.value), _interval(*limits), one.value),
        Cell(_interval(one.low, one.high) or NONE),
        Cell(one.verdict, sort=one.verdict, kind="missing" if one.verdict == "no claim" else ""),
        Cell(probability(one.p_holm)),
        Cell(NONE if math.isnan(one.wins) else percent(one.wins)),
        Cell(probability(wilcoxon.p) if wilcoxon else NONE),
    )


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"[{signed(low)}, {signed(high)}]"


def _record(one: Comparison, limits: tuple[float, float], notes: list[str]) -> Mapping[str, Any]:
    numbers = ("value", "low", "high", "df", "p", "p_holm", "effect", "wins")
    return {
        "focus": one.focus.name,
        "other": one.other.name,
        "title": one.other.title,
        "dataset": one.dataset,
        "column": one.column,
        "verdict": one.verdict,
        "low_cases": limits[0],
        "high_cases": limits[1],
        **{name: getattr(one, name) for name in numbers},
        "wilcoxon_p": one.wilcoxon.p if one.wilcoxon else "",
        "cases": one.cases,
        "groups": one.groups,
        "seeds_focus": one.seeds[0],
        "seeds_other": one.seeds[1],
        "notes": "; ".join(notes),
    }
