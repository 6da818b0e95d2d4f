"""Tables of variants beside their base: ablations, and networks of a single modality."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from benchmark.reports.study import Study, missing_notes, trained_on
from benchmark.reports.tables.cells import (
    SPOKEN,
    Answer,
    difference_cell,
    difference_record,
    side_cell,
)
from benchmark.reports.tables.grid import MISSING, Block, Cell, Column, Grid, Line, Marks, missing
from benchmark.reports.tables.main import (
    BEST,
    RowBlock,
    columns_of,
    missing_remarks,
    parameters_cell,
    score_column,
    score_record,
    trained_parameters,
)
from benchmark.statistics.contrasts import Contrast, differences
from benchmark.statistics.differences import Missing, side
from benchmark.statistics.intervals import MEAN, set_weights
from benchmark.statistics.schema import DSC, METRICS
from benchmark.statistics.table import Entry

Weights = Mapping[str, float]
METRIC = METRICS[DSC]
PACES = ("equal epochs", "equal steps")
# What a reader of the table of single modalities must know.
OF_SINGLES = (
    "Mean over seeds ± standard deviation over seeds on the test sets of each modality; "
    "several test sets have equal weights. Below 0 mixed training lowers the DSC, above 0 it "
    "raises it.",
    f"Mixed − single is paired by case. {SPOKEN}",
    "At equal epochs every network sees an image equally often, so one that is trained on a "
    "single modality takes fewer steps. At equal steps it takes as many steps as the mix, so "
    "it sees its images more often.",
)


def ablation_grid(study: Study) -> Grid:
    """DSC of each base and of its ablations, and the difference of the means over modalities."""
    marks, families = Marks(), _families(study)
    found = _answers(study, families)
    blocks = [_block(study, marks, family, found) for family in families]
    return Grid(
        name="ablation",
        of=study.mix.title,
        title="Ablations: DSC, and its difference to the base",
        head="Method",
        columns=(
            Column("Trained (M)"),
            *(Column(label, MEAN.capitalize()) for label in (METRIC.label, "Minus base")),
            *(Column(METRIC.label, study.set_title(each.name)) for each in study.table.sets),
        ),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=(
            "Trained: parameters that training changes, in millions. DSC: mean over seeds ±"
            " standard deviation over seeds, with its 95 % interval over cases.",
            f"Minus base: the difference of these means, paired by case. {SPOKEN}",
            "Ablations are in the order of method.yaml.",
            *(BEST, *missing_remarks(blocks)),
        ),
        records=[*_records(study, families, found)],
    )


def single_modality_grid(study: Study) -> Grid:
    """Each base beside its variants of a single modality, at equal epochs and at equal steps."""
    marks, rows, modalities = Marks(), _rows(study), _modalities(study)
    asked = [
        (row, modality, Contrast(row.base, entry, modalities[modality]))
        for row in rows
        if row.base
        for modality, entry in row.variants.items()
    ]
    answers = _differences(study, [contrast for *_, contrast in asked])
    for (row, modality, _), answer in zip(asked, answers, strict=True):
        row.found[modality] = answer
    blocks = []
    for pace in PACES:
        lines = [
            Line(row.title, _cells(study, row, modalities), marks.of(_notes(study, row)))
            for row in rows
            if row.pace == pace
        ]
        blocks += [Block(f"At {pace}", tuple(lines))] if lines else []
    labels = ("Mixed ↑", "Single ↑", "Mixed − single")
    return Grid(
        name="single-modality",
        of=study.mix.title,
        title="DSC when trained on the whole mix, and when trained on a single modality",
        head="Method",
        columns=tuple(
            Column(label, _heading(study, modality, modalities[modality]))
            for modality in modalities
            for label in labels
        ),
        blocks=tuple(blocks),
        notes=marks.notes(),
        remarks=OF_SINGLES,
        records=[_record(study, row, m, modalities[m]) for row in rows for m in modalities],
        inner="Value",
    )


@dataclass(frozen=True)
class Family:
    """The ablations of one base.

    Attributes:
        name: the base's, empty where the cards name none.
        base: its row, None where this mix has none.
    """

    name: str
    title: str
    base: Entry | None
    members: tuple[Entry, ...]

    @property
    def rows(self) -> list[Entry]:
        """The base, where there is one, and its ablations."""
        return [*([self.base] if self.base else []), *self.members]

    @property
    def heading(self) -> str:
        """The title of its block."""
        return f"Variants of {self.title}" if self.name else "No base named"


def _families(study: Study) -> list[Family]:
    names: dict[str, list[Entry]] = {}
    for entry in study.table.rows(("ablation",)):
        card = study.card(entry)
        names.setdefault((card.base if card else "") or "", []).append(entry)
    return [
        Family(name, _title(study, name), study.base(members[0]), tuple(members))
        for name, members in names.items()
    ]


def _title(study: Study, name: str) -> str:
    """The title of a base, after that of its own base where it is a variant itself."""
    card = study.cards.get(name)
    parent = study.cards.get(card.base or "") if card else None
    return f"{parent.title}: {study.title(name)}" if parent else study.title(name)


def _answers(study: Study, families: Iterable[Family]) -> dict[tuple[str, str], Answer]:
    """The difference of every ablation to its base, by (entry key, test set or MEAN)."""
    weights: dict[str, Weights] = {each.name: {each.name: 1.0} for each in study.table.sets}
    weights[MEAN] = set_weights(study.table)
    asked = {
        (entry.key, dataset): Contrast(entry, family.base, weights[dataset])
        for family in families
        if family.base
        for entry in family.members
        for dataset in weights
    }
    return dict(zip(asked, _differences(study, list(asked.values())), strict=True))


def _differences(study: Study, asked: Sequence[Contrast]) -> list[Answer]:
    """The difference of each contrast; none where one side began from random weights by need."""
    found = differences(study.table, asked)
    return [
        (Missing(contrast.other, why="it started from other weights (random or pretrained)"),)
        if study.unlike(contrast.one, contrast.other)
        else answer
        for contrast, answer in zip(asked, found, strict=True)
    ]


def _block(
    study: Study, marks: Marks, family: Family, found: Mapping[tuple[str, str], Answer]
) -> Block:
    alike = not any(study.unlike(*pair) for pair in combinations(family.rows, 2))
    rows = RowBlock(family.heading, tuple(family.rows), ranked=alike)
    columns = [
        score_column(study, rows, dataset, METRIC)
        for dataset in (MEAN, *(each.name for each in study.table.sets))
    ]
    lines = []
    for entry, (mean, *scores) in zip(family.rows, zip(*columns, strict=True), strict=True):
        answer = found.get((entry.key, MEAN))
        notes = [*study.notes(entry), *_no_difference(study, family, entry, answer)]
        orphan = family.name and not family.base
        difference = missing() if orphan else difference_cell(answer)
        title = f"{entry.title} (base)" if entry == family.base else entry.title
        cells = (parameters_cell(study, entry), mean, difference, *scores)
        planned = study.table.is_planned(entry)
        lines.append(Line(title, cells, marks.of(notes), planned=planned))
    return Block(family.heading, tuple(lines))


def _no_difference(
    study: Study, family: Family, entry: Entry, answer: Answer | None
) -> Iterator[str]:
    """Notes on why a row has no difference; what the row itself lacks, its own notes say."""
    if family.name and not family.base:
        yield f"no difference: {family.title} does not run on this mix"
    for each in answer if isinstance(answer, tuple) else ():
        if each.entry != entry or not each.runs:
            why = "; ".join(missing_notes(study, each.runs)) or each.why
            yield f"no difference: {each.entry.title}: {why}"


def _records(
    study: Study, families: Iterable[Family], found: Mapping[tuple[str, str], Answer]
) -> Iterator[Mapping[str, Any]]:
    for family in families:
        for entry in family.rows:
            for dataset, _ in columns_of(study):
                yield {
                    "base": family.name,
                    **score_record(study, family.heading, entry, dataset, metric=METRIC),
                    "trained_parameters": trained_parameters(study, entry) or "",
                    **difference_record(found.get((entry.key, dataset))),
                }


@dataclass(frozen=True)
class SingleModalityRow:
    """A base with its variants of a single modality.

    Attributes:
        pace: what is equal between the trainings, one of PACES.
        base: None where this mix has no such row.
        variants, found: by modality, the variant and its difference to the base.
    """

    name: str
    title: str
    pace: str
    base: Entry | None
    variants: dict[str, Entry] = field(default_factory=dict)
    found: dict[str, Answer] = field(default_factory=dict)


def _rows(study: Study) -> list[SingleModalityRow]:
    """A row a base, in the order of the main table; another where a modality comes twice."""
    rows: list[SingleModalityRow] = []
    for entry in study.table.rows(("single",)):
        card = study.card(entry)
        if card is None or not card.base:
            continue
        name, modality = card.base, card.modality
        pace = PACES[bool(card.recipe.equal_steps)]
        same = [row for row in rows if (row.name, row.pace) == (name, pace)]
        row = next((row for row in same if modality not in row.variants), None)
        if row is None:
            title = _title(study, name) + (f" (and {entry.title})" if same else "")
            rows.append(row := SingleModalityRow(name, title, pace, study.base(entry)))
        row.variants[modality] = entry
    order = {entry: i for i, entry in enumerate(study.table.entries)}
    return sorted(rows, key=lambda row: order[row.base] if row.base else len(order))


def _modalities(study: Study) -> dict[str, Weights]:
    """Every modality with the weights of its test sets."""
    sets: dict[str, list[str]] = {}
    for each in study.table.sets:
        sets.setdefault(study.modality(each), []).append(each.name)
    for entry in study.table.rows(("single",)):
        card = study.card(entry)
        sets.setdefault(card.modality if card else "", [])
    return {m: dict.fromkeys(names, 1 / max(len(names), 1)) for m, names in sets.items()}


def _heading(study: Study, modality: str, weights: Weights) -> str:
    names = ", ".join(study.set_title(name) for name in weights) or "no test set"
    return f"{modality.capitalize()} ({names})"


def _cells(
    study: Study, row: SingleModalityRow, modalities: Mapping[str, Weights]
) -> tuple[Cell, ...]:
    """Mixed, single, and the difference of each modality; a dash where nothing is planned."""
    cells = []
    for modality, weights in modalities.items():
        single = row.variants.get(modality)
        cells += [
            side_cell(side(study.table, row.base, weights)) if row.base else missing(),
            side_cell(side(study.table, single, weights) if single else None),
            missing() if single and not row.base else difference_cell(row.found.get(modality)),
        ]
    return tuple(cells)


def _notes(study: Study, row: SingleModalityRow) -> list[str]:
    """What the notes of all its rows say, each told once."""
    notes = list(study.notes(row.base)) if row.base else [f"{row.title} does not run on this mix"]
    for modality, entry in row.variants.items():
        gone = missing_notes(study, study.table.missing_of(entry))
        told = {*notes, trained_on(modality)} - {*gone}
        notes += [f"{entry.title}: {note}" for note in study.notes(entry) if note not in told]
        answer = row.found.get(modality)
        parts = answer if isinstance(answer, tuple) else ()
        notes += [f"{part.entry.title}: {part.why}" for part in parts if part.why]
    return notes


def _record(
    study: Study, row: SingleModalityRow, modality: str, weights: Weights
) -> Mapping[str, Any]:
    single, found = row.variants.get(modality), difference_record(row.found.get(modality))
    sides = {
        f"{name}_{key}": getattr(entry and side(study.table, entry, weights), key, "")
        for name, entry in (("mixed", row.base), ("single", single))
        for key in ("mean", "seed_sd", "seeds")
    }
    ran = MISSING if found["difference"] == "" else "ok"
    return {
        "method": row.name,
        "title": row.title,
        "equal": row.pace.removeprefix("equal "),
        "modality": modality,
        "datasets": " ".join(weights),
        "single_modality": single.name if single else "",
        "metric": DSC,
        "status": ran if single else "not planned",
        **sides,
        **found,
        "notes": "; ".join(_notes(study, row)),
    }
