"""Model cards from the cards of the methods, data cards from the catalog, as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import write_text
from benchmark.reports.study import GROUPS, Study
from benchmark.reports.tables.cells import plus_minus
from benchmark.reports.tables.grid import NONE, number
from benchmark.reports.tables.main import columns_of
from benchmark.reports.tables.markup import md

if TYPE_CHECKING:
    from benchmark.data.catalog import Dataset

NOT_FOR = (
    "Research alone: no output may guide the treatment of a patient. It segments single 2-D images"
    " of the modalities that it was trained on, at the size that it was trained at; on others its"
    " output means nothing."
)
SHOWN = {"none": "the image alone", "point": "the image and points inside the object",
         "box": "the image and a box around the object"}  # fmt: skip


def write_cards(
    to: Path,
    cards: Sequence[Mapping[str, Any]],
    datasets: Iterable["Dataset"],
    studies: Sequence[Study] = (),
) -> list[Path]:
    """Writes models/<name>.md and data/<name>.md.

    Args:
        studies: mixes whose scores the model cards show, and whose splits the data cards show.
    """
    written = {to / "models" / f"{c['name']}.md": model_card(c, studies) for c in cards}
    written |= {to / "data" / f"{d.name}.md": data_card(d, studies) for d in datasets}
    for path, text in written.items():
        write_text(path, text)
    return list(written)


def model_card(card: Mapping[str, Any], studies: Sequence[Study] = ()) -> str:
    """The card of a method."""
    counts = card.get("parameters") or {}
    facts = {
        "Name": card["name"],
        "Block of the report": GROUPS.get(card["group"], card["group"]),
        "Variant of": card.get("base") or NONE,
        "Source": card.get("source") or NONE,
        "Official code": card.get("code") or NONE,
        "Licence of the official code": card.get("licence") or NONE,
        "Parameters": f"{counts['total']:,}" if counts.get("total") else NONE,
        "Parameters that learn": f"{counts['trainable']:,}" if counts.get("trainable") else NONE,
        "Is shown": SHOWN.get(card.get("prompt", "none"), card.get("prompt", "none")),
        "Weights have seen": ", ".join(card.get("pretrained_on") or ()) or "nothing",
        "Trained on one modality": card.get("modality") or NONE,
        "Code here": card.get("folder") or NONE,
        "Digest of the code": card.get("code_digest") or NONE,
    }
    parts = [f"# {md(card['title'])}", _table(facts), f"## Use\n\n{NOT_FOR}"]
    parts.append(f"## Pretrained weights\n\n{_weights(card.get('weights') or ())}")
    parts.append(f"## Recipe\n\n{_recipe(card.get('recipe') or {})}")
    for study in studies:
        parts += _scores(study, card["name"])
    return "\n\n".join(parts) + "\n"


def data_card(dataset: "Dataset", studies: Sequence[Study] = ()) -> str:
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
    for study in studies:
        about = study.about(dataset.name)
        if about:
            keys = ("role", "train", "val", "test", "left_out", "split", "digest")
            split = {key.replace("_", " ").capitalize(): about.get(key, NONE) for key in keys}
            parts.append(f"## In {md(study.mix.title)}\n\n{_table(split)}")
    return "\n\n".join(parts) + "\n"


def _table(facts: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {md(str(value))} |" for name, value in facts.items()]
    return "\n".join(["| | |", "| :--- | :--- |", *rows])


def _weights(weights: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"- {md(one['name'])}: {md(', '.join(one.get('files') or ()) or NONE)}; on the hub"
        f" {md(one.get('hub') or NONE)}; licence: {md(one['licence'])}"
        for one in weights
    ]
    return "\n".join(lines) or "None."


def _recipe(recipe: Mapping[str, Any]) -> str:
    given = {k: v for k, v in recipe.items() if v not in (None, "") and k != "why"}
    if not given:
        return "That of the mix, without departures."
    listed = ", ".join(f"{key} {value}" for key, value in given.items())
    why = f" Why: {recipe['why']}" if recipe.get("why") else ""
    return md(f"Departs from that of the mix: {listed}.{why}")


def _scores(study: Study, name: str) -> Iterator[str]:
    """DSC on every test set of a mix, where the row has one."""
    entry = next((e for e in study.table.entries if e.name == name and e.group in GROUPS), None)
    if entry is None:
        return
    rows = [
        f"| {md(heading)} | {plus_minus(s.mean, s.seed_sd)} | [{number(s.low, 3)},"
        f" {number(s.high, 3)}] | {md(_method(study, entry.key, place))} |"
        for place, heading in columns_of(study)
        if (s := study.cells.get((entry.key, place, "dsc")))
    ]
    head = "| Test set | DSC | 95 % over cases | 95 % over trainings and cases |"
    table = "\n".join([head, "| :--- | ---: | ---: | ---: |", *rows])
    notes = "".join(f"\n- {md(note)}" for note in study.notes(entry))
    yield f"## Scores on {md(study.mix.title)}\n\n{table if rows else 'No run is whole.'}" + (
        f"\n{notes}" if notes else ""
    )


def _method(study: Study, key: str, place: str) -> str:
    found = study.methods.get((key, place, "dsc"))
    if found is None or found.low != found.low:
        return found.why if found and found.why else NONE
    return f"[{number(found.low, 3)}, {number(found.high, 3)}]"
