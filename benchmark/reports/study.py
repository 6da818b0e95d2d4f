"""Everything that the pages and tables of one mix print, gathered once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.core.errors import ScoreTableError
from benchmark.statistics.intervals import Key, scores
from benchmark.statistics.method_level import method_intervals
from benchmark.statistics.table import CONTROLS, Entry, Hole, Run, ScoreTable, TestSet, read_table

if TYPE_CHECKING:  # pydantic is slow to import, and the objects are handed in
    from benchmark.core.files import Places
    from benchmark.core.params import Mix, Params
    from benchmark.statistics.intervals import Score
    from benchmark.statistics.method_level import MethodInterval

Cards = Sequence[Mapping[str, Any]]

GROUPS = {
    "main": "Unprompted",
    "prompted": "Prompted (shown points or boxes drawn from the reference)",
    "as-published": "As published",
    "single": "Trained on one modality alone",
    "ablation": "Ablations",
    CONTROLS: "Controls (arithmetic, not ranked)",
}
HEADLINE = ("main", "prompted", CONTROLS)
RANKED = tuple(group for group in GROUPS if group != CONTROLS)
ABLATIONS = ("ablation", "single")  # have tables of their own: the headline never waits for them
Part = Literal["headline", "ablations"]
INTERVALS = ("dsc", "iou", "mae", "sensitivity", "precision", "hd95_px", "assd_px")
CLAIM_SEEDS = 3  # fewer seeds make no claim about a method


@dataclass(frozen=True)
class Study:
    """One mix: what was planned, what was found, and the numbers made from it.

    Attributes:
        cards: every card, by name.
        data: results/<mix>/data.json; empty where it is missing.
        results: results/<mix>.
        cells: the scores with intervals over cases; protocols without.
        methods: their intervals over trainings and cases; none of controls.
        focus: name of the method that is compared with the others.
    """

    name: str
    mix: "Mix"
    results: Path
    resamples: int
    cards: Mapping[str, Mapping[str, Any]] = field(repr=False)
    data: Mapping[str, Any]
    table: ScoreTable
    cells: Mapping[Key, "Score"] = field(repr=False)
    methods: Mapping[Key, "MethodInterval"] = field(repr=False)
    focus: str

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

    def card(self, entry: Entry) -> Mapping[str, Any]:
        """The card of a row; empty for a control."""
        return {} if entry.group == CONTROLS else self.cards.get(entry.name, {})

    def base(self, entry: Entry) -> Entry | None:
        """The row that another is a variant of; None where this mix has no such row."""
        name = self.card(entry).get("base")
        ranked = (e for e in self.table.entries if e.group != CONTROLS)
        return next((e for e in ranked if e.name == name), None)

    def only(self, groups: Sequence[str]) -> "Study":
        """The same study with the rows of some groups alone."""
        rows = self.table.rows(groups)
        return replace(self, table=_only(self.table, rows, lambda group: group in groups))

    def folder(self, run: Run) -> Path:
        """Where the results of a run lie."""
        return self.results / run.entry.group / run.entry.name / f"seed-{run.seed}"


def load_study(
    name: str, params: "Params", cards: Cards, places: "Places", part: Part = "headline"
) -> Study:
    """Reads and checks the results of a mix.

    Args:
        cards: the content of every card.json.
        part: the ablations, with the rows that they are variants of, or all others; nothing else
            is read.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    mix, results = params.mix(name), places.results(name)
    data = _read_data(results / "data.json")
    about = data.get("datasets", {})
    sizes = {dataset: about.get(dataset, {}).get("test") for dataset in mix.test}
    by_name = {card["name"]: card for card in cards}
    planned = [*_methods(name, mix, cards), *_controls(results / CONTROLS)]

    def belongs(group: str) -> bool:
        return (group in ABLATIONS) == (part == "ablations")

    chosen = [entry for entry in planned if belongs(entry.group)]
    if part == "ablations":
        bases = {by_name[entry.name].get("base") for entry in chosen}
        extra = [e for e in planned if e.name in bases and e.group not in (*ABLATIONS, CONTROLS)]
        chosen = [*extra, *chosen]
    # the others plan no seed here, so that nothing of theirs is read, and their groups are known
    entries = [e if e in chosen else replace(e, seeds=()) for e in planned]
    table = _only(read_table(results, entries, sizes), chosen, belongs)
    cells = {**scores(table, table.protocols, 0), **scores(table, INTERVALS, params.resamples)}
    methods = {
        key: found
        for key, found in method_intervals(table, INTERVALS).items()
        if not key[0].startswith(f"{CONTROLS}/")
    }
    about_it = (name, mix, results, params.resamples, by_name, data)
    return Study(*about_it, table, cells, methods, params.focus)


def _only(
    table: ScoreTable, entries: Sequence[Entry], belongs: Callable[[str], bool]
) -> ScoreTable:
    """The table with some of its rows, and what was left out of the groups that belong to it."""
    keys = {entry.key for entry in entries}
    return replace(
        table,
        entries=tuple(entries),
        runs={key: run for key, run in table.runs.items() if key[0] in keys},
        holes=tuple(hole for hole in table.holes if hole.entry.key in keys),
        left_out=tuple(left for left in table.left_out if belongs(left.what.split("/")[0])),
    )


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
    """The planned rows of the methods that list this mix, by group and title.

    Ablations stand in the order of their plugin, where they form families.
    """
    from benchmark.core.recipe import Recipe

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
    # sorting is stable: an empty key leaves the order of the cards
    keys = {e: ("", "") if e.group == "ablation" else (e.title.casefold(), e.name) for e in entries}
    return sorted(entries, key=lambda e: (order.index(e.group), keys[e]))


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
    alone = study.card(entry).get("modality")
    notes = [trained_alone(alone)] if alone else []
    notes += _hole_notes(study, entry)
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


def trained_alone(modality: str) -> str:
    """The note of what was trained on one modality."""
    return f"trained on {modality} alone"


def _hole_notes(study: Study, entry: Entry) -> list[str]:
    return hole_notes(study, [hole for hole in study.table.holes if hole.entry == entry])


def hole_notes(study: Study, holes: Iterable[Hole]) -> list[str]:
    """Which seeds of a row are missing where, and why."""
    seeds_of: dict[tuple[str, str, int], list[str]] = {}
    for hole in holes:
        key = (hole.dataset, hole.why, len(hole.entry.seeds))
        seeds_of.setdefault(key, []).append(str(hole.seed))
    return [
        f"{study.set_title(dataset) + ': ' if dataset else ''}"
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)} of {planned} {why}"
        for (dataset, why, planned), seeds in seeds_of.items()
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
