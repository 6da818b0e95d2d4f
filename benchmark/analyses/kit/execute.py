"""Measures the units of an analysis, piece by piece; what is measured already is left alone."""

import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.units import (
    MEASURED,
    RECORD,
    Unit,
    finished,
    identity,
    units,
)
from benchmark.core.digests import digest_of
from benchmark.core.environment import commit, pick_device, processor
from benchmark.core.errors import MissingDataError, MixSegError
from benchmark.core.files import Paths, digest, read_json, sha256_bytes, write_atomic, write_json
from benchmark.core.params import Params, load_params
from benchmark.core.progress import Progress, Silent
from benchmark.core.text import duration
from benchmark.data.answers import require
from benchmark.methods.declaration import Card
from benchmark.methods.discover import folders

Answer = tuple[str, bool]


def analyse(
    paths: Paths, analysis: Analysis, mix: str, method: str | None, device: str, progress: Progress
) -> Iterator[Answer]:
    """Measures every unit of an analysis on a mix that is not measured yet.

    Args:
        method: only the units of one row.

    Yields: a line for each unit, and whether it ended well.
    Raises: ParamsError for a mix that does not plan the row; StaleDataError if the prepared data
        are not those that params.yaml asks for.
    """
    params = load_params(paths.root)
    require(paths, mix, params.mix(mix))
    cards = rows_of(paths.root, params, mix)
    groups = {card.name: card.group for card in cards}
    where = pick_device(device) if "weights" in analysis.needs else "cpu"
    jobs = []
    for unit in units(paths, analysis, mix, params, cards):
        if method in (None, unit.method):
            wanted = _wanted(paths, unit, params, groups)
            why = "measured already" if finished(unit.folder(paths), wanted) else unit.why
            if why:
                yield f"{unit}: {why}", True
            else:
                jobs.append((unit, wanted, _job(paths, params, unit, where)))
    if jobs:
        yield f"{len(jobs)} to measure, {_expected(analysis, jobs)}", True
    for unit, wanted, job in jobs:
        try:
            yield f"{unit}: {_measure(unit, wanted, job, progress)}", True
        except MixSegError as error:
            yield f"FAILED  {unit}: {error}", False


def _wanted(paths: Paths, unit: Unit, params: Params, groups: Mapping[str, str]) -> dict[str, Any]:
    """The identity of a unit; empty where its runs are not done."""
    group = groups.get(unit.method, "")
    return identity(paths, unit, params.mix(unit.mix), group) if unit.ran else {}


def rows_of(root: Path, params: Params, mix: str) -> list[Card]:
    """The rows that run on a mix."""
    cards = [card for folder in folders(root) for card in folder.cards]
    return [card for card in cards if mix in params.mixes_of(card)]


def _job(paths: Paths, params: Params, unit: Unit, device: str) -> Job:
    mix = params.mix(unit.mix)
    limit = mix.analyses.cases if unit.analysis.limited and mix.analyses else None
    return Job(paths, unit.mix, mix, unit.method, unit.seeds, limit, device)


def _expected(analysis: Analysis, jobs: Sequence[tuple[Unit, dict[str, Any], Job]]) -> str:
    """About how long it takes: by units that were measured before, else by a trial of a few."""
    known = _seconds_before(jobs[0][0].folder(jobs[0][2].paths).parents[1], len(jobs[0][2].cases()))
    if known is not None:
        return f"about {duration(known * len(jobs))}, by units that were measured before"
    job = jobs[0][2]
    few = replace(job, limit=1)
    parts = analysis.parts(job.mix)
    start = time.monotonic()
    try:
        _module(analysis).measure(few, parts[0])
    except MixSegError as error:
        return f"the time is not known (a trial failed: {error})"
    each = (time.monotonic() - start) / max(len(few.cases()), 1)
    total = each * len(job.cases()) * len(parts) * len(jobs)
    return f"about {duration(total)}, by a trial of {len(few.cases())} cases"


def _seconds_before(folder: Path, cases: int) -> float | None:
    """Seconds that one unit of so many cases took in the past."""
    each = []
    for path in folder.glob(f"**/{RECORD}"):
        try:
            record = read_json(path)
            each.append(float(record["seconds"]) / int(record["cases"]))
        except (MixSegError, KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
    return cases * sum(each) / len(each) if each else None


def _module(analysis: Analysis) -> Any:
    return importlib.import_module(analysis.module.removesuffix(".py").replace("/", "."))


def _measure(unit: Unit, wanted: dict[str, Any], job: Job, progress: Progress) -> str:
    """Measures one unit in its pieces, each kept below work/ until all are there."""
    analysis, start = unit.analysis, time.monotonic()
    kept = job.paths.root / "work" / "analyses" / digest([str(unit), wanted])[:24]
    parts = list(analysis.parts(job.mix))
    before = sum(_piece(kept, part).is_file() for part in parts)
    with progress.task(str(unit), len(parts), "parts", done=before) as task:
        inner = progress if len(parts) == 1 else Silent()
        for part in parts:
            path = _piece(kept, part)
            if not path.is_file():
                table = _module(analysis).measure(replace(job, progress=inner), part)
                if table.empty:
                    raise MissingDataError(str(unit), "no case", "at least one", "Prepare the mix.")
                _write(path, table)
                task.advance(1, part if len(parts) > 1 else "")
    tables = [pd.read_csv(_piece(kept, part), keep_default_na=False, dtype=str) for part in parts]
    folder = unit.folder(job.paths)
    seconds = round(time.monotonic() - start, 2)
    with write_atomic(folder) as made:
        made.mkdir()
        _write(made / MEASURED, pd.concat(tables, ignore_index=True))
        record = {
            "analysis": analysis.name,
            "mix": unit.mix,
            "method": unit.method,
            "seeds": list(unit.seeds),
            "identity": wanted,
            "seconds": seconds if not before else None,
            "cases": len(job.cases()),
            "machine": {"device": job.device, **processor()},
            "commit": commit(job.paths.root),
            "files": {MEASURED: digest_of(made / MEASURED)},
        }
        write_json(made / RECORD, record)
    for path in kept.glob("*.csv"):
        path.unlink()
    kept.rmdir()
    return f"measured in {duration(seconds)}"


def _piece(kept: Path, part: str) -> Path:
    return kept / f"{sha256_bytes(part.encode())[:16]}.csv"


def _write(path: Path, table: pd.DataFrame) -> None:
    """Six digits, an empty cell where a value is undefined."""
    with write_atomic(path) as temporary:
        table.to_csv(
            temporary, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8"
        )
