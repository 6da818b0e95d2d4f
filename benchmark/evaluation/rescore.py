"""Scores the stored maps of a mix again: the second depth at which a number can be checked."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmark.errors import MissingDataError
from benchmark.evaluation.score import score_maps, write_scores
from benchmark.files import Places
from benchmark.params import load_params
from benchmark.progress import Progress


def rescore(places: Places, mix: str, progress: Progress) -> Iterator[str]:
    """Writes scores.csv of every run of a mix from its maps; says of each what changed.

    Raises: MissingDataError if no run of the mix has maps here.
    """
    threshold = load_params(places.root).threshold
    runs = sorted(places.results(mix).glob("*/*/seed-*/scores.csv"))
    pairs = [(path, _maps(places, mix, path)) for path in runs]
    pairs = [(path, maps) for path, maps in pairs if maps.is_file()]
    if not pairs:
        raise MissingDataError(
            places.results(mix), "no run with stored maps", "artefacts of its runs",
            "Run `dvc pull`, or train with `mixseg run`.",
        )  # fmt: skip
    for path, maps in pairs:
        before = path.read_bytes()
        write_scores(path, score_maps(maps, places.prepared(mix), threshold, progress))
        yield f"{path.relative_to(places.root)}: {_change(before, path.read_bytes())}"


def _change(before: bytes, after: bytes) -> str:
    if before == after:
        return "the same bytes"
    old, new = (pd.read_csv(io.BytesIO(data)) for data in (before, after))
    if len(old) != len(new) or "dsc" not in old:
        return f"CHANGED, {len(old)} rows before and {len(new)} now"
    apart = (old["dsc"] - new["dsc"]).abs().max()
    return f"CHANGED, largest difference of a DSC {apart:.6f}"


def _maps(places: Places, mix: str, scores: Path) -> Path:
    method, seed = scores.parent.parent.name, int(scores.parent.name.removeprefix("seed-"))
    return places.artefacts(mix, method, seed) / "probs.npz"
