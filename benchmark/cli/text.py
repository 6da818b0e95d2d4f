"""Rows of what commands list: methods, prepared datasets, duplicates."""

from typing import TYPE_CHECKING, Any

from benchmark.core.files import Places
from benchmark.core.text import columns

if TYPE_CHECKING:
    import pandas as pd


def methods(places: Places) -> str:
    """Every synced method: title, group, prompt, parameters, weights, licence, source."""
    from benchmark.methods import discover
    from benchmark.methods.weights import WeightStore

    rows = []
    for card in discover.cards(places.root):
        weights = WeightStore(places.weights, card.weights).describe()
        counts = f"{card.parameters.total:,}"
        row = (card.name, card.title, card.group, card.prompt, counts, weights, card.licence)
        rows.append((*row, card.source))
    header = ("method", "title", "group", "prompt", "parameters", "weights", "licence", "source")
    return columns(header, rows)


def datasets(manifest: dict[str, Any]) -> str:
    """The datasets of a prepared mix, with their cases by split."""
    keys = ("modality", "role", "train", "val", "test")
    rows = [(name, *(about[key] for key in keys)) for name, about in manifest["datasets"].items()]
    return columns(("dataset", *keys), rows)


def duplicates(counts: "pd.DataFrame") -> str:
    """Counted duplicates; a sentence where there are none."""
    if not len(counts):
        return "looked for duplicates, and found none"
    return columns(list(counts.columns), counts.itertuples(index=False))
