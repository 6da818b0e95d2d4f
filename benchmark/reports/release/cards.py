"""Model cards from the cards of the methods, data cards from the catalog, as Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import write_text
from benchmark.reports.study import SHOWN, Study
from benchmark.reports.tables.cells import plus_minus
from benchmark.reports.tables.grid import NONE, number
from benchmark.reports.tables.main import columns_of
from benchmark.reports.tables.markup import md
from benchmark.statistics.results import GROUPS
from benchmark.statistics.schema import DSC

if TYPE_CHECKING:
    from benchmark.core.recipe import Recipe
    from benchmark.data.catalog import Dataset
    from benchmark.methods.declaration import Weights
    from benchmark.methods.discover import SyncedCard

NOT_FOR = (
    "For research only: no output may guide the treatment of a patient. It segments single "
    "2-D images of the modalities and the size that it was trained on; on others its output "
    "means nothing."
)
SPLIT = {"role": "Role", "train": "Train", "val": "Val", "test": "Test", "left_out": "Not used",
         "split": "Split", "digest": "Digest"}  # fmt: skip
Mixes = Sequence[tuple[Study, Study]]  # of each mix the headline, and the ablations without bases


def write_cards(
    to: Path,
    cards: Iterable["SyncedCard"],
    datasets: Iterable["Dataset"],
    mixes: Mixes = (),
) -> list[Path]:
    """Writes models/<name>.md and data/<name>.md.

    Args:
        mixes: whose scores the model cards show, and whose splits the data cards show.
    """
    written = {to / "models" / f"{card.name}.md": model_card(card, mixes) for card in cards}
    written |= {to / "data" / f"{d.name}.md": data_card(d, mixes) for d in datasets}
    for path, text in written.items():
        write_text(path, text)
    return list(written)


def model_card(card: "SyncedCard", mixes: Mixes = ()) -> str:
    """The card of a method."""
    facts = {
        "Name": card.name,
        "Block of the report": GROUPS.get(card.group, card.group),
        "Variant of": card.base or NONE,
        "Source": card.source or NONE,
        "Official code": card.code or NONE,
        "Licence of the official code": card.licence or NONE,
        "Parameters": f"{card.parameters.total:,}",
        "Trainable parameters": f"{card.parameters.trainable:,}",
        "Is shown": SHOWN.get(card.prompt, card.prompt),
        "Weights were trained on": ", ".join(sorted(card.pretrained_on)) or "nothing",
        "Trained on a single modality": card.modality or NONE,
        "Code here": card.folder,
        "Digest of the names and shapes of its weights": card.structure,
    }
    parts = [f"# {md(card.title)}", _table(facts), f"## Use\n\n{NOT_FOR}"]
    parts.append(f"## Pretrained weights\n\n{_weights(card.weights)}")
    parts.append(f"## Recipe\n\n{_recipe(card.recipe)}")
    for studies in mixes:
        found = (_scores(study, card.name) for study in studies)
        parts += [part for part in found if part]
    return "\n\n".join(parts) + "\n"


def data_card(dataset: "Dataset", mixes: Mixes = ()) -> str:
    """The card of a dataset."""
    urls = [url for source in dataset.sources for url in source.urls]
    facts = {
        "Name": dataset.name,
        "Modality": dataset.modality,
        "Homepage": dataset.homepage or NONE,
        "Citation": dataset.citation,
        "Licence": dataset.licence,
        "Cases of a complete copy": f"{dataset.counts.train} train, {dataset.counts.test} test",
        "Access": "drawn by our own code" if dataset.drawn else dataset.access,
        "How to get it": dataset.how,
        "Addresses": " ".join(urls) or NONE,
        "Layout": dataset.layout,
        "What is uncertain": dataset.note or NONE,
    }
    parts = [f"# {md(dataset.title)}", _table(facts)]
    for study, _ in mixes:
        about = study.datasets.get(dataset.name)
        if about:
            split = {label: about.get(key, NONE) for key, label in SPLIT.items()}
            parts.append(f"## In {md(study.mix.title)}\n\n{_table(split)}")
    return "\n\n".join(parts) + "\n"


def _table(facts: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {md(str(value))} |" for name, value in facts.items()]
    return "\n".join(["| | |", "| :--- | :--- |", *rows])


def _weights(weights: Iterable["Weights"]) -> str:
    lines = [
        f"- {md(one.name)}: {md(', '.join(one.files) or NONE)}; on the hub"
        f" {md(one.hub or NONE)}; licence: {md(one.licence)}"
        for one in weights
    ]
    return "\n".join(lines) or "None."


def _recipe(recipe: "Recipe") -> str:
    given = recipe.deviations()
    if not given:
        return "That of the mix, without deviations."
    listed = ", ".join(f"{key} {value}" for key, value in given.items())
    why = f" Why: {recipe.why}" if recipe.why else ""
    return md(f"Deviates from that of the mix: {listed}.{why}")


def _scores(study: Study, name: str) -> str:
    """DSC on every test set of a mix; empty where the row does not stand in this part of it."""
    entry = study.entry(name)
    if entry is None:
        return ""
    rows = [
        f"| {md(heading)} | {plus_minus(s.mean, s.seed_sd)} | [{number(s.low, 3)},"
        f" {number(s.high, 3)}] | {md(_method(study, entry.key, dataset))} |"
        for dataset, heading in columns_of(study)
        if (s := study.cells.get((entry.key, dataset, DSC)))
    ]
    head = "| Test set | DSC | 95 % over cases | 95 % over trainings and cases |"
    table = "\n".join([head, "| :--- | ---: | ---: | ---: |", *rows])
    notes = "".join(f"\n- {md(note)}" for note in study.notes(entry))
    shown = table if rows else "A planned run is missing on every test set."
    below = f"\n{notes}" if notes else ""
    return f"## Scores on {md(study.mix.title)}\n\n{shown}{below}"


def _method(study: Study, key: str, dataset: str) -> str:
    found = study.methods.get((key, dataset, DSC))
    if found is None or math.isnan(found.low):
        return found.why if found and found.why else NONE
    return f"[{number(found.low, 3)}, {number(found.high, 3)}]"
