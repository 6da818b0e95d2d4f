"""What verdicts are made from: the scores of a mix, the cards, the data; and parts of the cases.

**Conventions**

1. A modality stands for all test sets of it, each on its own.
2. Boundary distances are undefined where a mask is empty. Two rows are compared over the cases in
   which both have one in every run; how many were left out is said.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.core.errors import ScoreTableError
from benchmark.statistics.intervals import MEAN
from benchmark.statistics.scores import DISTANCES, SetScores
from benchmark.statistics.table import CONTROLS, Entry, ScoreTable, TestSet, read_table

if TYPE_CHECKING:  # pydantic is slow to import, and the objects are handed in
    from benchmark.core.files import Places
    from benchmark.core.params import Mix, Params

Kept = Mapping[str, np.ndarray]  # by test set: which cases


@dataclass(frozen=True)
class Evidence:
    """One mix.

    Attributes:
        table: the scores of all groups.
        cards: the content of card.json by method.
        data: results/<mix>/data.json; empty where it is missing.
    """

    mix: str
    table: ScoreTable = field(repr=False)
    cards: Mapping[str, Mapping[str, Any]] = field(repr=False)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def entry(self, name: str) -> Entry | None:
        """The planned row of a method; None where this mix does not plan it."""
        rows = (entry for entry in self.table.entries if entry.group != CONTROLS)
        return next((entry for entry in rows if entry.name == name), None)

    def title(self, name: str) -> str:
        """What tables call a method."""
        return str(self.cards.get(name, {}).get("title", name))

    def modality(self, each: TestSet) -> str:
        """The modality of a test set, from its scores or else from the data."""
        about = self.data.get("datasets", {}).get(each.name, {})
        return each.modality or str(about.get("modality", ""))

    def sets_of(self, modality: str) -> list[str]:
        """The test sets of a modality; MEAN for «mean»."""
        return [each.name for each in self.table.sets if self.modality(each) == modality]

    def modalities(self) -> list[str]:
        """The modalities of the test sets, in their order."""
        found = dict.fromkeys(self.modality(each) for each in self.table.sets)
        return [name for name in found if name]

    def parameters(self, name: str) -> int | None:
        """Parameters that learn, by the card."""
        counts = self.cards.get(name, {}).get("parameters", {})
        return counts.get("trainable") if isinstance(counts, Mapping) else None

    def random(self, entry: Entry) -> bool:
        """Whether a run of the row started from random weights."""
        records = (run.record for run in self.table.runs_of(entry))
        return any(record.get("weights", {}).get("asked") == "random" for record in records)

    @property
    def drawn(self) -> bool:
        """Whether the images of the mix are drawn."""
        about = self.data.get("datasets", {}).values()
        named = [each.name.startswith("phantom") for each in self.table.sets]
        return any(each.get("drawn") for each in about) or (bool(named) and all(named))


def load_evidence(
    mix: str, params: "Params", cards: Sequence[Mapping[str, Any]], places: "Places"
) -> Evidence:
    """Reads all results of a mix.

    Args:
        cards: the content of every card.json.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    about, results = params.mix(mix), places.results(mix)
    data = _read_data(results / "data.json")
    sizes = {name: data.get("datasets", {}).get(name, {}).get("test") for name in about.test}
    table = read_table(results, planned(mix, about, cards), sizes)
    return Evidence(mix, table, {card["name"]: card for card in cards}, data)


def planned(name: str, mix: "Mix", cards: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The planned rows of the methods that list a mix, in the order of their cards."""
    from benchmark.core.recipe import Recipe

    entries = []
    for card in cards:
        if name in card["mixes"]:
            recipe = Recipe.model_validate(card.get("recipe", {}))
            trained = recipe.over(mix.recipe, mix.max_epochs).epochs != 0
            seeds = tuple(mix.seeds if trained else mix.seeds[:1])
            about = (card["name"], card["title"], card["group"], card["prompt"])
            entries.append(Entry(*about, seeds, trained))
    return entries


def _read_data(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        expected = "what `mixseg prepare` writes"
        raise ScoreTableError(path, f"unusable ({error})", expected, "Run it.") from error
    return data if isinstance(data, dict) and isinstance(data.get("datasets"), dict) else {}


def part(table: ScoreTable, kept: Kept) -> ScoreTable:
    """The table with some of the cases of each test set; a set that is not named keeps all."""
    sets = tuple(_part_of_set(each, kept.get(each.name)) for each in table.sets)
    cases = {each.name: each.cases for each in table.sets}
    runs = {
        key: replace(run, scores={
            name: _part_of_scores(scores, kept[name])
            if name in kept and scores.cases == cases.get(name) else scores
            for name, scores in run.scores.items()
        })
        for key, run in table.runs.items()
    }  # fmt: skip
    return replace(table, sets=sets, runs=runs)


def _part_of_set(each: TestSet, kept: np.ndarray | None) -> TestSet:
    if kept is None:
        return each
    index = np.flatnonzero(kept)
    cases, groups = (tuple(np.array(names, dtype=object)[index]) for names in
                     (each.cases, each.groups))  # fmt: skip
    return replace(each, cases=cases, groups=groups)


def _part_of_scores(scores: SetScores, kept: np.ndarray) -> SetScores:
    index = np.flatnonzero(kept)
    return replace(
        scores,
        cases=tuple(scores.cases[i] for i in index),
        groups=tuple(scores.groups[i] for i in index),
        values={name: values[index] for name, values in scores.values.items()},
    )


def defined(table: ScoreTable, entries: Sequence[Entry], column: str) -> tuple[ScoreTable, int]:
    """The table with the cases that have a value in all runs of some rows, and how many lack it."""
    if column not in DISTANCES:
        return table, 0
    kept, lost = {}, 0
    for each in table.sets:
        found = [table.values(entry, each.name, column) for entry in entries]
        arrays = [values for values in found if values is not None]
        if len(arrays) == len(found):
            known = np.logical_and.reduce([~np.isnan(values).any(axis=0) for values in arrays])
            kept[each.name], lost = known, lost + int((~known).sum())
    return part(table, kept), lost


def places_of(evidence: Evidence, on: Sequence[str], each: str) -> list[tuple[str, str]]:
    """Modality and test set of every place named; MEAN has no modality.

    Args:
        each: the word that stands for all modalities.
    """
    found: list[tuple[str, str]] = []
    for word in on:
        if word == "mean":
            found.append(("", MEAN))
            continue
        wanted = evidence.modalities() if word == each else [word]
        found += [(name, set_) for name in wanted for set_ in evidence.sets_of(name) or [""]]
    return found
