"""Scores again from what is stored: the second and the third depth at which a number is checked."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.core.digests import digest_of
from benchmark.core.environment import pick_device
from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Progress
from benchmark.core.recorded import check, files_of, listed, note
from benchmark.data.answers import require
from benchmark.data.manifest import data_digest
from benchmark.evaluation.score import score_maps, write_scores
from benchmark.methods import discover
from benchmark.runs.identity import evaluation_code
from benchmark.runs.settings import MAPS, RUN, SCORES, WEIGHTS


@dataclass(frozen=True)
class Stored:
    """A finished run: the folders of its results and of its artefacts, and its record."""

    results: Path
    artefacts: Path
    record: dict[str, Any]


def rescore(paths: Paths, mix: str, trusted: str, device: str, progress: Progress) -> Iterator[str]:
    """Writes scores.csv of every run of a mix anew, and says of each what changed.

    Args:
        trusted: "maps", or "weights", from which the maps are then made again first.

    Raises: MissingDataError if no run of the mix has artefacts here, StaleDataError if the prepared
        data are not those that params.yaml asks for, StoreError if a file that this reads is not
        as it was written; nothing is overwritten then.
    """
    params = load_params(paths.root)
    require(paths, mix, params.mix(mix))
    needed = WEIGHTS if trusted == "weights" else MAPS
    runs = [run for run in _stored(paths, mix) if (run.artefacts / needed).is_file()]
    if not runs:
        raise MissingDataError(
            paths.results(mix), f"no run with stored {trusted}", "artefacts of its runs",
            f"Run `mixseg pull {mix} --weights`, or train with `mixseg run`.",
        )  # fmt: skip
    code, data = evaluation_code(paths.root), data_digest(paths.prepared(mix))
    _check(runs, mix, needed)
    for run in runs:
        _same_data(run, paths.prepared(mix), data)
        maps, path = run.artefacts / MAPS, run.results / SCORES
        record = dict(run.record)
        if trusted == "weights":
            from benchmark.runs.predict import predict_mix

            predict_mix(
                paths, str(record["method"]), mix, weights=run.artefacts / WEIGHTS, maps=maps,
                device=pick_device(device), progress=progress,
            )  # fmt: skip
            record["prediction_code"] = code.prediction
        before = path.read_bytes() if path.is_file() else b""
        write_scores(path, score_maps(maps, paths.prepared(mix), params.threshold, progress))
        digests = {SCORES: digest_of(path), MAPS: digest_of(maps)}
        record["files"] = {**files_of(record), **digests}
        write_json(run.results / RUN, {**record, "scoring_code": code.scoring})
        note(paths, mix, run.results / RUN)
        yield f"{path.relative_to(paths.root)}: {_change(before, path.read_bytes())}"


def _check(runs: list[Stored], mix: str, needed: str) -> None:
    """Compares the weights or maps that are read with their digests.

    Raises: StoreError.
    """
    for run in runs:
        method, seed = run.record["method"], run.record["seed"]
        again = f"`mixseg run --method {method} --mix {mix} --seed {seed}`"
        do = f"Delete it and get it again with `mixseg pull {mix} --weights`, or run {again}."
        if needed == MAPS:
            do = f"Make it again: `mixseg score --mix {mix} --start-from weights`."
        check(run.artefacts / needed, files_of(run.record).get(needed), do)


def _same_data(run: Stored, prepared: Path, data: str) -> None:
    """Refuses maps of other pictures than the prepared ones.

    Raises: StoreError.
    """
    kept = run.record["identity"]["data"]
    if kept != data:
        raise StoreError(
            run.artefacts / MAPS, f"maps of data {kept[:16]}", f"those of {prepared}, {data[:16]}",
            "Prepare the data that the run was made with, or make the run again.",
        )  # fmt: skip


def _stored(paths: Paths, mix: str) -> Iterator[Stored]:
    """The runs of the methods that there are; controls and removed methods are left alone.

    Raises: StoreError if a record was edited.
    """
    known = discover.folders(paths.root)
    groups = {card.name: card.group for folder in known for card in folder.cards}
    results = paths.results(mix)
    recorded = listed(results)
    for path in sorted(results.glob("*/*/seed-*/run.json")):
        do = f"Restore it, or delete {path.parent} and make the run again with `mixseg run`."
        check(path, recorded.get(path.relative_to(results).as_posix()), do)
        record = read_json(path)
        if groups.get(record["method"]) == record["group"]:
            artefacts = paths.artefacts(mix, record["method"], int(record["seed"]))
            yield Stored(path.parent, artefacts, record)


def _change(before: bytes, after: bytes) -> str:
    if before == after:
        return "the same bytes"
    if not before:
        return "written"
    old, new = (pd.read_csv(io.BytesIO(data)) for data in (before, after))
    if len(old) != len(new) or "dsc" not in old:
        return f"CHANGED, {len(old)} rows before and {len(new)} now"
    if old.equals(new):
        return "the same values, written in another way"
    apart = (old["dsc"] - new["dsc"]).abs().max()
    if apart == 0:
        others = [str(name) for name in new if name not in old or not new[name].equals(old[name])]
        return f"CHANGED, each DSC is the same, but not {', '.join(others)}"
    return f"CHANGED, largest difference of a DSC {apart:.6f}"
