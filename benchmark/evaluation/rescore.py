"""Scores the stored maps of a mix again: the second depth at which a number can be checked."""

import filecmp
from collections.abc import Iterator
from pathlib import Path

from benchmark.errors import MissingDataError
from benchmark.evaluation.score import score_maps, write_scores
from benchmark.files import Places
from benchmark.params import load_params
from benchmark.progress import Progress


def rescore(places: Places, mix: str, progress: Progress) -> Iterator[str]:
    """Writes scores.csv of every run of a mix from its maps; says for each whether it changed.

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
        fresh = path.with_name("scores.fresh.csv")
        try:
            write_scores(fresh, score_maps(maps, places.prepared(mix), threshold, progress))
            same = filecmp.cmp(fresh, path, shallow=False)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        yield f"{path.relative_to(places.root)}: {'the same bytes' if same else 'CHANGED'}"


def _maps(places: Places, mix: str, scores: Path) -> Path:
    method, seed = scores.parent.parent.name, int(scores.parent.name.removeprefix("seed-"))
    return places.artefacts(mix, method, seed) / "probs.npz"
