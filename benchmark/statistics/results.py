"""All results of one mix, read once: what the tables, the claims and the pages work from.

**Conventions**

1. Sizes, sets and counts are those of the records (run.json, data.json). params.yaml says only what
   is planned: the rows, their seeds and the titles. Where it asks for other data than those that
   data.json describes, `mismatch` says so.
2. On a mix that asks for pretrained weights, a row that began from random ones, or has none, stands
   apart: nothing ranks it, and nothing compares it with rows that began from pretrained weights.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.core.errors import MissingDataError, ScoreTableError
from benchmark.core.recorded import EDITED, Edited, edited, listed
from benchmark.core.request import DATA, differences
from benchmark.statistics.cardless import SUPPLIED, control_entries, supplied_entries
from benchmark.statistics.table import CONTROLS, Entry, Run, ScoreTable, TestSet, read_table

if TYPE_CHECKING:  # pydantic is slow to import, and the objects are handed in
    from benchmark.core.files import Paths
    from benchmark.core.params import Mix, Params
    from benchmark.methods.discover import SyncedCard

Part = Literal["headline", "ablations"]

# The groups in the order of the report, with the titles of their blocks.
GROUPS = {
    "main": "Unprompted",
    "prompted": "Prompted (shown points or boxes drawn from the reference)",
    "as-published": "As published",
    "single": "Trained on a single modality",
    "ablation": "Ablations",
    CONTROLS: "Controls (arithmetic, not ranked)",
    SUPPLIED: "Predictions supplied, training not verified (not ranked)",
}
NO_CARD = (CONTROLS, SUPPLIED)
HEADLINE = ("main", "prompted", CONTROLS)
RANKED = tuple(group for group in GROUPS if group not in NO_CARD)
OF_THE_MIX = (DATA, "leaks.csv", "leaks.json")
ABLATIONS = ("ablation", "single")  # have tables of their own: the headline never waits for them
# The parts of the identity of a run that the present code made.
IDENTITY = frozenset({"method_code", "training_code", "declared", "recipe", "data", "weights",
                      "initialisation", "seed"})  # fmt: skip
SHOWN = 5  # edited files in warnings
RESTORE = "Restore it, or delete it and run its stage again."
EARLIER_CODE = "made by earlier code: the present code may give other numbers"
EARLIER_SCORING = "scored by earlier code: scoring again may give other numbers"


@dataclass(frozen=True)
class MixResults:
    """The results of one mix.

    Attributes:
        name: of the mix.
        params: params.yaml.
        cards: every card, by name.
        paths: the folders of the project.
        data: results/<mix>/data.json; empty where it is missing.
        table: the scores of the planned rows.
        scoring_code: digest of the scoring code as it is now; empty where nobody told it.
        cost_codes: digest by method of the code whose cost would be measured now; likewise.
        changed: the files of the whole mix that are not as they were written, by name.
    """

    name: str
    params: "Params" = field(repr=False)
    cards: Mapping[str, "SyncedCard"] = field(repr=False)
    paths: "Paths" = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    table: ScoreTable = field(repr=False)
    scoring_code: str = ""
    cost_codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    changed: Mapping[str, Edited] = field(default_factory=dict, repr=False)

    @property
    def mix(self) -> "Mix":
        """What params.yaml says of the mix."""
        return self.params.mix(self.name)

    @property
    def folder(self) -> Path:
        """results/<mix>."""
        return self.paths.results(self.name)

    @property
    def datasets(self) -> Mapping[str, Mapping[str, Any]]:
        """What data.json says of each dataset."""
        found: Mapping[str, Mapping[str, Any]] = self.data.get("datasets", {})
        return found

    def set_title(self, dataset: str) -> str:
        """The name of a dataset in tables."""
        return str(self.datasets.get(dataset, {}).get("title") or dataset)

    def modality(self, each: TestSet) -> str:
        """The modality of a test set, from its scores or else from the data."""
        return each.modality or str(self.datasets.get(each.name, {}).get("modality", ""))

    def modalities(self) -> list[str]:
        """The modalities of the test sets, in their order."""
        found = dict.fromkeys(self.modality(each) for each in self.table.sets)
        return [name for name in found if name]

    def sets_of(self, modality: str) -> list[str]:
        """The test sets of a modality."""
        return [each.name for each in self.table.sets if self.modality(each) == modality]

    def trained_on(self) -> list[str]:
        """The datasets that training uses."""
        used = [name for name, one in self.datasets.items() if one.get("train") or one.get("val")]
        return used or list(self.mix.train)

    def size(self) -> int | None:
        """The side of the images in pixels, by data.json or else by most runs; None if unknown."""
        found = [run.record.get("size") for run in self.table.runs.values()]
        sizes = Counter(size for size in found if isinstance(size, int))
        return self.data.get("size") or next((size for size, _ in sizes.most_common(1)), None)

    def seeds(self) -> list[int]:
        """The seeds of the trained runs that are there, or else the planned ones."""
        runs = (run for run in self.table.runs.values() if run.entry.group not in NO_CARD)
        found = {run.seed for run in runs if run.entry.trained}
        return sorted(found) or list(self.mix.seeds)

    @property
    def synthetic(self) -> bool:
        """Whether the images of the mix are drawn by our own code."""
        names = list(self.datasets) or [each.name for each in self.table.sets]
        return bool(names) and all(name.startswith("phantom") for name in names)

    def mismatch(self) -> list[str]:
        """In what data.json differs from the data that params.yaml asks for now, in phrases."""
        return differences(self.data, self.mix, self.folder)

    def warnings(self) -> list[str]:
        """What a reader must know before anything else; nothing where all is as planned."""
        found = "; ".join(self.mismatch())
        text = (
            f"These results are stale. {found[:1].upper()}{found[1:]}. Run `mixseg prepare --mix"
            f" {self.name}` and the runs of the mix, or restore params.yaml."
        )
        changed = self.edited()
        lines = [f"{self._shown(each.path)}: {each}. {RESTORE}" for each in changed[:SHOWN]]
        more = len(changed) - len(lines)
        lines += [f"{more} more files of results/{self.name} were {EDITED}."] if more else []
        return [*([text] if found else []), *lines]

    def _shown(self, path: Path) -> str:
        return f"results/{self.name}/{path.relative_to(self.folder).as_posix()}"

    def edited(self) -> list[Edited]:
        """The files of the mix and of its runs that are not as they were written."""
        runs = (gone.edited for gone in self.table.missing)
        return [*self.changed.values(), *(each for each in runs if each)]

    def entry(self, name: str) -> Entry | None:
        """The planned row of a method; None where this mix does not plan it."""
        rows = (entry for entry in self.table.entries if entry.group not in NO_CARD)
        return next((entry for entry in rows if entry.name == name), None)

    def standing_for(self, name: str) -> Entry | None:
        """The row of a method, or the one that the mix names as its stand-in where it has none."""
        own = self.entry(name)
        return own or self.entry(self.mix.stand_ins.get(name, ""))

    def title(self, name: str) -> str:
        """What tables call a method."""
        return self.cards[name].title if name in self.cards else name

    def card(self, entry: Entry) -> "SyncedCard | None":
        """The card of a row; None for controls and supplied predictions."""
        return None if entry.group in NO_CARD else self.cards.get(entry.name)

    def base(self, entry: Entry) -> Entry | None:
        """The row that another is a variant of; None where this mix has no such row."""
        card = self.card(entry)
        return self.entry(card.base) if card and card.base else None

    def parameters(self, name: str) -> int | None:
        """Parameters that training changes, by the card."""
        return self.cards[name].parameters.trainable if name in self.cards else None

    def runs(self) -> list[Run]:
        """All finished runs, row by row."""
        return [run for e in self.table.rows(tuple(GROUPS)) for run in self.table.runs_of(e)]

    def run_folder(self, run: Run) -> Path:
        """Where the results of a run lie."""
        return self.folder / run.entry.group / run.entry.name / f"seed-{run.seed}"

    def initialisation(self, entry: Entry) -> str:
        """What a row began from: "pretrained", "random" or "none"; by its runs, else as planned.

        Where its runs differ, "random" wins.
        """
        found = [str(run.record["initialisation"]) for run in self.table.runs_of(entry)]
        card = self.card(entry)
        found = found or [self.mix.weights_of(card) if card else "none"]
        return next((each for each in ("random", "none") if each in found), found[0])

    def stands_apart(self, entry: Entry) -> bool:
        """Whether a row began without the pretrained weights that its mix asks for."""
        wanted = entry.group not in NO_CARD and self.mix.weights == "pretrained"
        return wanted and self.initialisation(entry) != "pretrained"

    def unlike(self, one: Entry, other: Entry) -> bool:
        """Whether two rows began differently where both were to begin from pretrained weights."""
        began = {self.initialisation(one), self.initialisation(other)}
        return self.mix.weights == "pretrained" and began == {"random", "pretrained"}

    def age(self, entry: Entry) -> str:
        """What a reader must know of the code that made a row's numbers; empty if it is present."""
        records = [run.record for run in self.table.runs_of(entry)]
        if entry.group == CONTROLS or not records:
            return ""
        supplied = entry.group == SUPPLIED
        if not supplied and any(IDENTITY - set(record["identity"]) for record in records):
            return EARLIER_CODE
        scored = any(record.get("scoring_code") != self.scoring_code for record in records)
        return EARLIER_SCORING if self.scoring_code and scored else ""

    def of_groups(self, groups: Sequence[str], bases: bool = False) -> "MixResults":
        """The same results with the rows of some groups alone.

        Args:
            bases: also the rows of other groups that these are variants of.
        """
        return replace(self, table=_rows_of(self, groups, bases))

    def part(self, part: Part) -> "MixResults":
        """The rows of one part: the ablations with their bases, or all others."""
        ablations = part == "ablations"
        groups = ABLATIONS if ablations else [g for g in GROUPS if g not in ABLATIONS]
        return self.of_groups(groups, bases=ablations)


def _rows_of(results: MixResults, groups: Sequence[str], bases: bool) -> ScoreTable:
    chosen = [entry for entry in results.table.entries if entry.group in groups]
    if bases:
        wanted = {results.base(entry) for entry in chosen}
        more = [e for e in results.table.entries if e in wanted and e.group not in groups]
        chosen = [*more, *chosen]
    table = results.table.rows_only(chosen)
    return replace(table, ignored=tuple(one for one in table.ignored if one.group in groups))


def read_mixes(
    paths: "Paths", mix: str | None = None, *, part: Part | None = None
) -> Iterator[MixResults]:
    """The results of one mix, or of every mix that has some.

    Args:
        part: as in `read_results`.

    Raises: ParamsError for an unknown mix, MissingDataError if there are no results at all,
        ScoreTableError if a file of results is broken.
    """
    from benchmark.core.params import load_params
    from benchmark.methods import discover

    params = load_params(paths.root)
    if mix is not None:
        params.mix(mix)
    names = [name for name in params.mixes if mix in (None, name)]
    found = [name for name in names if paths.results(name).is_dir()]
    if not found:
        raise MissingDataError(
            paths.results(names[0]).parent,
            "no results",
            f"a folder {' or '.join(names)}",
            f"Run `mixseg run --all --mix {mix or 'MIX'}`, or name another folder with --results.",
        )
    cards = discover.cards(paths.root)
    for name in found:
        yield read_results(name, params, cards, paths, part=part)


def read_results(
    name: str,
    params: "Params",
    cards: Sequence["SyncedCard"],
    paths: "Paths",
    *,
    part: Part | None = None,
) -> MixResults:
    """Reads and checks the results of a mix.

    Args:
        part: reads no run of the other part; None reads all.

    Raises: ParamsError for an unknown mix, ScoreTableError if a file of results is broken.
    """
    mix, folder = params.mix(name), paths.results(name)
    recorded = listed(folder)
    changed = {
        each: found for each in OF_THE_MIX if (found := edited(folder / each, recorded.get(each)))
    }
    data = _read_data(folder / DATA, may_be_broken=DATA in changed)
    datasets = data.get("datasets", {})
    sizes = {each: datasets.get(each, {}).get("test") for each in _tested(datasets, mix)}
    by_name = {card.name: card for card in cards}
    rows = [
        *_methods(name, params, cards),
        *control_entries(folder / CONTROLS),
        *supplied_entries(folder / SUPPLIED),
    ]
    planned = MixResults(
        name, params, by_name, paths, data, ScoreTable((), tuple(rows), {}), changed=changed
    )
    if part is None:
        return replace(planned, table=read_table(folder, rows, sizes))
    wanted = {entry.key for entry in planned.part(part).table.entries}
    # the others plan no seed here, so that nothing of theirs is read, and their groups are known
    some = [entry if entry.key in wanted else replace(entry, seeds=()) for entry in rows]
    return replace(planned, table=read_table(folder, some, sizes)).part(part)


def _tested(datasets: Mapping[str, Mapping[str, Any]], mix: "Mix") -> list[str]:
    """The test sets that the data holds, in the order of the mix where it names the same."""
    found = [name for name, one in datasets.items() if one.get("test")]
    return found if found and set(found) != set(mix.test) else list(mix.test)


def _read_data(path: Path, may_be_broken: bool) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data["datasets"], dict):
            return dict(data)
        problem = "datasets is no object"
    except (ValueError, KeyError, TypeError) as error:
        problem = str(error)
    if may_be_broken:
        return {}
    do = "Run it again."
    raise ScoreTableError(path, f"unusable ({problem})", "what `mixseg prepare` writes", do)


def _methods(name: str, params: "Params", cards: Sequence["SyncedCard"]) -> list[Entry]:
    """The planned rows of the methods, by group and title.

    Ablations stand in the order of their declaration, where they form families.
    """
    mix = params.mix(name)
    entries = [
        Entry(
            name=card.name,
            title=card.title,
            group=card.group,
            prompt=card.prompt,
            seeds=tuple(mix.seeds_of(card)),
            trained=mix.recipe_of(card).epochs != 0,
            pretrained_on=tuple(sorted(card.pretrained_on)),
        )
        for card in cards
        if name in params.mixes_of(card)
    ]
    order = list(GROUPS)
    # sorting is stable: an empty key leaves the order of the cards
    keys = {e: ("", "") if e.group == "ablation" else (e.title.casefold(), e.name) for e in entries}
    return sorted(entries, key=lambda e: (order.index(e.group), keys[e]))
