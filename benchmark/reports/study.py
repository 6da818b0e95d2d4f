"""The results of one part of a mix with the numbers made from them, and the notes of each row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.statistics.cardless import SUPPLIED, supplied_notes
from benchmark.statistics.intervals import Key, scores
from benchmark.statistics.method_level import method_intervals
from benchmark.statistics.results import EARLIER_CODE, NO_CARD, MixResults, Part
from benchmark.statistics.schema import METRICS
from benchmark.statistics.table import CONTROLS, Entry, MissingRun

if TYPE_CHECKING:
    from benchmark.statistics.intervals import Score
    from benchmark.statistics.method_level import MethodInterval

CLAIM_SEEDS = 3  # fewer seeds make no claim about a method
RANDOM = "Random initialisation"
FROM_RANDOM = "started from random weights in place of pretrained ones"
NO_PRETRAINED = "started from random weights: it has no pretrained ones"
# What a method is shown at test time, by the prompt on its card.
SHOWN = {
    "none": "the image",
    "point": "the image, points inside the object",
    "centre": "the image, the deepest point of the object",
    "box": "the image, a box around the object",
}


@dataclass(frozen=True)
class Study(MixResults):
    """One part of a mix: its results, and the numbers made from them.

    Attributes:
        cells: the scores with intervals over cases; protocols without.
        methods: their intervals over trainings and cases; none of controls.
    """

    cells: Mapping[Key, "Score"] = field(default_factory=dict, repr=False)
    methods: Mapping[Key, "MethodInterval"] = field(default_factory=dict, repr=False)

    def only(self, groups: Sequence[str]) -> "Study":
        """The same study with the rows of some groups alone."""
        return _with(self.of_groups(groups), self.cells, self.methods)

    def notes(self, entry: Entry) -> list[str]:
        """What a reader must know of a row wherever it stands."""
        return self._notes[entry.key]

    @cached_property
    def _notes(self) -> dict[str, list[str]]:
        return {entry.key: _notes(self, entry) for entry in self.table.entries}


def study_of(results: MixResults, part: Part = "headline", resamples: int | None = None) -> Study:
    """Works out the numbers of one part.

    Args:
        part: the ablations, with the rows that they are variants of, or all others.
        resamples: of the bootstrap, in place of those of params.yaml; 0 leaves the intervals out.
    """
    chosen = results.part(part)
    table, count = chosen.table, results.params.resamples if resamples is None else resamples
    columns = [name for name, metric in METRICS.items() if metric.table != "none"]
    cells = {**scores(table, table.protocols, 0), **scores(table, columns, count)}
    methods = {
        key: found
        for key, found in method_intervals(table, columns).items()
        if not key[0].startswith(f"{CONTROLS}/")
    }
    return _with(chosen, cells, methods)


def _with(
    results: MixResults, cells: Mapping[Key, "Score"], methods: Mapping[Key, "MethodInterval"]
) -> Study:
    values = {each.name: getattr(results, each.name) for each in fields(MixResults)}
    return Study(**values, cells=cells, methods=methods)


def _notes(study: Study, entry: Entry) -> list[str]:
    if entry.group == CONTROLS:
        return _missing_notes(study, entry)
    card = study.card(entry)
    records = [run.record for run in study.table.runs_of(entry)]
    notes = [trained_on(card.modality)] if card and card.modality else []
    notes += supplied_notes(records) if entry.group == SUPPLIED else []
    notes += _missing_notes(study, entry)
    if entry.trained and len(records) < CLAIM_SEEDS:
        notes.append("fewer than three seeds: no method-level claim")
    began = study.initialisation(entry)
    if records and began == "random":
        notes.append(FROM_RANDOM)
    elif records and study.stands_apart(entry):
        notes.append(NO_PRETRAINED)
    notes += dict.fromkeys(phrase for r in records if (phrase := deviations(r)))
    notes += _precisions(study, records)
    met = _seen(study, entry)
    if met and began == "pretrained":
        notes.append(f"its pretrained weights were trained on {', '.join(met)}")
    age = study.age(entry)
    if age != EARLIER_CODE:  # whose digests of data are made in another way
        notes += _of_other_data(study, records)
    return [*notes, *([age] if age else [])]


def _precisions(study: Study, records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The precision of a row's trainings, where not all rows of the mix have the same."""
    every = {_precision(run.record) for run in study.table.runs.values()} - {""}
    own = sorted({_precision(record) for record in records} - {""})
    return [f"trained in {' and in '.join(own)}"] if len(every) > 1 and own else []


def _precision(record: Mapping[str, Any]) -> str:
    """Empty for a run that did not train, and for one whose record is older."""
    return str(record.get("precision", "")) if record.get("recipe", {}).get("epochs") else ""


def _seen(study: Study, entry: Entry) -> list[str]:
    """The datasets of the weights of a row that are test sets of this mix."""
    sets = study.table.sets
    names = {_bare(name) for each in sets for name in (each.name, study.set_title(each.name))}
    return [name for name in entry.pretrained_on if _bare(name) in names]


def _of_other_data(study: Study, records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Notes on runs that were made on other arrays than those that data.json describes."""
    records, size, content = list(records), study.size(), study.data.get("content")
    sizes = dict.fromkeys(record.get("size", size) for record in records)
    notes = [f"made at {each} × {each} pixels" for each in sizes if each != size]
    other = any(record["identity"].get("data", content) != content for record in records)
    return [*notes, *(["made on other data than data.json describes"] if content and other else [])]


def start_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """What a run started from, pretrained or random weights, and why the random ones."""
    if record["group"] in NO_CARD:
        return "", ""
    reasons = {"random": "in place of pretrained ones", "none": "it has no pretrained ones"}
    found = str(record["initialisation"])
    return ("random", reasons[found]) if found in reasons else (found, "")


def trained_on(modality: str) -> str:
    """The note of what was trained on a single modality."""
    return f"trained on {modality} alone"


def _missing_notes(study: Study, entry: Entry) -> list[str]:
    return missing_notes(study, study.table.missing_of(entry))


def missing_notes(study: Study, missing: Iterable[MissingRun]) -> list[str]:
    """Which seeds of a row are missing where, and why."""
    seeds_of: dict[tuple[str, str, int], list[str]] = {}
    for gone in missing:
        key = (gone.dataset, gone.why, len(gone.entry.seeds))
        seeds_of.setdefault(key, []).append(str(gone.seed))
    return [
        f"{study.set_title(dataset) + ': ' if dataset else ''}"
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)} of {planned}: {why}"
        for (dataset, why, planned), seeds in seeds_of.items()
    ]


def deviations(record: Mapping[str, Any]) -> str:
    """The deviations of a run from the mix's recipe, in a phrase; empty where there are none."""
    if not record["deviations"]:
        return ""
    listed = ", ".join(f"{key} {value}" for key, value in record["deviations"].items())
    why = record.get("why")
    return f"deviates from the default recipe: {listed}" + (f" ({why})" if why else "")


def usual_recipe(study: Study) -> Mapping[str, Any]:
    """The recipe of the runs that follow that of the mix; params.yaml's where none is there."""
    records = (run.record for run in study.runs() if run.entry.group not in NO_CARD)
    told = (record["recipe"] for record in records if not record["deviations"])
    return next(told, study.mix.recipe.whole().fields())


def run_counts(parts: Sequence[Study]) -> tuple[int, int]:
    """Runs with results, and planned runs. Controls are arithmetic, and count as no runs."""
    entries = [e for part in parts for e in part.table.entries if e.group != CONTROLS]
    runs = [run for part in parts for run in part.runs() if run.entry.group != CONTROLS]
    return len(runs), sum(len(entry.seeds) for entry in entries)


def _bare(name: str) -> str:
    """Letters and digits in lower case, so that «ISIC 2018» is isic2018."""
    return "".join(char for char in name.casefold() if char.isalnum())
