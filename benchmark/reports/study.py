"""Everything that the pages and tables of one mix print, gathered once."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import ScoreTableError
from benchmark.statistics.intervals import Key, scores
from benchmark.statistics.table import CONTROLS, Entry, Run, ScoreTable, TestSet, read_table

if TYPE_CHECKING:  # pydantic is slow to import, and the objects are handed in
    from benchmark.files import Places
    from benchmark.params import Mix, Params
    from benchmark.statistics.intervals import Score

Cards = Sequence[Mapping[str, Any]]

GROUPS = {
    "main": "Unprompted",
    "prompted": "Prompted (shown points or boxes drawn from the reference)",
    "as-published": "As published",
    "single": "Trained on one dataset",
    "ablation": "Ablations",
    CONTROLS: "Controls (arithmetic, not ranked)",
}
HEADLINE = ("main", "prompted", CONTROLS)
RANKED = tuple(group for group in GROUPS if group != CONTROLS)
INTERVALS = ("dsc", "iou", "mae", "sensitivity", "precision", "hd95_px", "assd_px")
CLAIM_SEEDS = 3  # fewer seeds make no claim about a method


@dataclass(frozen=True)
class Study:
    """One mix: what was planned, what was found, and the numbers made from it.

    Attributes:
        cards: every card, by name.
        data: results/<mix>/data.json; empty where it is missing.
        results: results/<mix>.
        cells: the scores with intervals; protocols without.
    """

    name: str
    mix: "Mix"
    results: Path
    resamples: int
    cards: Mapping[str, Mapping[str, Any]] = field(repr=False)
    data: Mapping[str, Any]
    table: ScoreTable
    cells: Mapping[Key, "Score"] = field(repr=False)

    def about(self, dataset: str) -> Mapping[str, Any]:
        """What data.json says of a dataset."""
        found: Mapping[str, Any] = self.data.get("datasets", {}).get(dataset, {})
        return found

    def set_title(self, dataset: str) -> str:
        """The name of a dataset in tables."""
        return str(self.about(dataset).get("title") or dataset)

    def modality(self, each: TestSet) -> str:
        """The modality of a test set, from its scores or else from the data."""
        return each.modality or str(self.about(each.name).get("modality", ""))

    def runs(self) -> list[Run]:
        """All finished runs, row by row."""
        return [run for e in self.table.rows(tuple(GROUPS)) for run in self.table.runs_of(e)]

    def notes(self, entry: Entry) -> list[str]:
        """What a reader must know of a row wherever it stands."""
        return self._notes[entry.key]

    @cached_property
    def _notes(self) -> dict[str, list[str]]:
        return {entry.key: _notes(self, entry) for entry in self.table.entries}

    def folder(self, run: Run) -> Path:
        """Where the results of a run lie."""
        return self.results / run.entry.group / run.entry.name / f"seed-{run.seed}"


def load_study(name: str, params: "Params", cards: Cards, places: "Places") -> Study:
    """Reads and checks all results of a mix.

    Args:
        cards: the content of every card.json.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    mix, results = params.mix(name), places.results(name)
    data = _read_data(results / "data.json")
    about = data.get("datasets", {})
    sizes = {dataset: about.get(dataset, {}).get("test") for dataset in mix.test}
    entries = [*_methods(name, mix, cards), *_controls(results / CONTROLS)]
    table = read_table(results, entries, sizes)
    cells = {**scores(table, table.protocols, 0), **scores(table, INTERVALS, params.resamples)}
    by_name = {card["name"]: card for card in cards}
    return Study(name, mix, results, params.resamples, by_name, data, table, cells)


def _read_data(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data["datasets"], dict):
            return dict(data)
        problem = "datasets is no object"
    except (ValueError, KeyError, TypeError) as error:
        problem = str(error)
    raise ScoreTableError(path, f"unusable ({problem})", "what `mixseg prepare` writes", "Run it.")


def _methods(name: str, mix: "Mix", cards: Cards) -> list[Entry]:
    """The planned rows of the methods that list this mix, by group and title."""
    from benchmark.card import Recipe

    entries = []
    for card in cards:
        if name not in card["mixes"]:
            continue
        recipe = Recipe.model_validate(card.get("recipe", {}))
        trained = recipe.over(mix.recipe, mix.max_epochs).epochs != 0
        entries.append(
            Entry(
                name=card["name"],
                title=card["title"],
                group=card["group"],
                prompt=card["prompt"],
                seeds=tuple(mix.seeds if trained else mix.seeds[:1]),
                trained=trained,
                pretrained_on=tuple(sorted(card.get("pretrained_on", ()))),
            )
        )
    order = list(GROUPS)
    return sorted(entries, key=lambda e: (order.index(e.group), e.title.casefold(), e.name))


def _controls(folder: Path) -> list[Entry]:
    """The controls that were run: they need no card."""
    entries = []
    for path in sorted(folder.glob("*/seed-0")):
        name, title = path.parent.name, path.parent.name
        # reading the whole run names what is wrong with it
        with suppress(OSError, ValueError, KeyError, TypeError):
            title = str(json.loads((path / "run.json").read_text(encoding="utf-8"))["title"])
        entries.append(Entry(name, title, CONTROLS, "none", (0,), trained=False))
    return entries


def _notes(study: Study, entry: Entry) -> list[str]:
    if entry.group == CONTROLS:
        return _hole_notes(study, entry)
    records = [run.record for run in study.table.runs_of(entry)]
    notes = _hole_notes(study, entry)
    if entry.trained and len(records) < CLAIM_SEEDS:
        notes.append("fewer than three seeds: no method-level claim")
    random = any(record["weights"].get("asked") == "random" for record in records)
    if random:
        notes.append("started from random weights")
    notes += dict.fromkeys(departure for r in records if (departure := departures(r)))
    names = {
        _plain(s) for each in study.table.sets for s in (each.name, study.set_title(each.name))
    }
    met = [name for name in entry.pretrained_on if _plain(name) in names]
    if met and not random:
        notes.append(f"its pretrained weights have seen {', '.join(met)}")
    return notes


def _hole_notes(study: Study, entry: Entry) -> list[str]:
    seeds_of: dict[tuple[str, str], list[str]] = {}
    for hole in study.table.holes:
        if hole.entry == entry:
            seeds_of.setdefault((hole.dataset, hole.why), []).append(str(hole.seed))
    return [
        f"{study.set_title(dataset) + ': ' if dataset else ''}"
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)} of {len(entry.seeds)} {why}"
        for (dataset, why), seeds in seeds_of.items()
    ]


def departures(record: Mapping[str, Any]) -> str:
    """The departures of a run from the mix's recipe, in a phrase; empty where there are none."""
    if not record["departures"]:
        return ""
    listed = ", ".join(f"{key} {value}" for key, value in record["departures"].items())
    why = record.get("why")
    return f"departs from the default recipe: {listed}" + (f" ({why})" if why else "")


def _plain(name: str) -> str:
    """Letters and digits in lower case, so that «ISIC 2018» is isic2018."""
    return "".join(char for char in name.casefold() if char.isalnum())
