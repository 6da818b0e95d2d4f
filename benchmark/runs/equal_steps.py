"""The passes that give a single modality as many steps as the whole mix; no torch.

**Conventions** Passes are whole, so the steps differ from those of the mix by at most half a pass
over the cases of the modality. `max_epochs` of a mix bounds the passes over the mix, not these.
"""

from pathlib import Path

from benchmark.core.errors import ParamsError
from benchmark.core.recipe import Recipe
from benchmark.data.manifest import read_manifest
from benchmark.methods.declaration import Card


def with_equal_steps(recipe: Recipe, card: Card, prepared: Path) -> Recipe:
    """The recipe with the passes that a row of a single modality takes.

    Args:
        recipe: whole; its epochs are passes over the mix.
        prepared: data/prepared/<mix>.

    Raises: ParamsError for a row without a modality, or if a modality does not fill one batch.
    """
    where = f"method {card.name!r}, recipe.equal_steps"
    if not card.modality:
        raise ParamsError(where, "no modality", "a row of a single modality", "Take it out.")
    counts = {
        name: (str(about["modality"]), int(about.get("train", 0)) + int(about.get("val", 0)))
        for name, about in read_manifest(prepared)["datasets"].items()
    }
    batch, epochs = recipe.batch or 1, recipe.epochs or 0
    whole = sum(count for _, count in counts.values())
    alone = sum(count for modality, count in counts.values() if modality == card.modality)
    if alone < batch:
        found = f"{alone} training cases of {card.modality!r} in {prepared}"
        raise ParamsError(where, found, f"at least one batch of {batch}", "Lower `batch`.")
    return recipe.but(epochs=round(epochs * (whole // batch) / (alone // batch)))
