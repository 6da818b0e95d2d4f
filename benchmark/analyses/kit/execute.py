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
    FOLDER,
    MEASURED,
    RECORD,
    Unit,
    identity,
    rows_of,
    settled,
    units,
)
from benchmark.core.digests import digest_of
from benchmark.core.environment import commit, pick_device, processor
from benchmark.core.errors import MissingDataError, MixSegError, NoPartError
from benchmark.core.files import Paths, digest, read_json, sha256_bytes, write_atomic, write_json
from benchmark.core.params import Params, load_params
from benchmark.core.progress import Progress, Silent
from benchmark.core.text import about, duration
from benchmark.data.answers import require
from benchmark.data.apart import prepare_named, require_apart
from benchmark.data.manifest import MANIFEST

Answer = tuple[str, bool]
Todo = tuple[Unit, dict[str, Any], Job]
TRIED = (1, 3)  # cases of a set


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
    if stopped := _stopped(paths, analysis, mix, params, progress):
        yield stopped
        return
    jobs: list[Todo] = []
    every = units(paths, analysis, mix, params, rows_of(paths.root, params, mix))
    for unit in (unit for unit in every if method in (None, unit.method)):
        wanted = identity(paths, unit, params)
        if why := settled(unit.folder(paths), wanted) or unit.why:
            yield f"{unit}: {why}", True
        else:
            jobs.append((unit, wanted, _job(paths, params, unit, device)))
    if jobs:
        yield f"{len(jobs)} to measure, {_expected(analysis, jobs)}", True
    for unit, wanted, job in jobs:
        try:
            yield f"{unit}: {_measure(unit, wanted, job, progress)}", True
        except NoPartError as error:
            _leave_out(unit, wanted, job, error.reason)
            yield f"{unit}: left out, {error.reason}", True
        except MixSegError as error:
            yield f"FAILED  {unit}: {error}", False


def _stopped(
    paths: Paths, analysis: Analysis, mix: str, params: Params, progress: Progress
) -> Answer | None:
    """Why nothing can be measured; else None, and the data apart from the mix are prepared."""
    pieces = analysis.pieces(mix, params.mix(mix))
    if not pieces:
        return f"{analysis.name} on {mix}: nothing to do, {analysis.idle}", True
    try:
        for name in pieces if analysis.idle else ():
            if (paths.prepared(name) / MANIFEST).is_file():
                require_apart(paths, params, name)
            else:
                prepare_named(name, params, paths, progress)
    except MixSegError as error:
        return f"FAILED  {analysis.name} on {mix}: {error}", False
    return None


def _job(paths: Paths, params: Params, unit: Unit, device: str) -> Job:
    mix, analysis = params.mix(unit.mix), unit.analysis
    return Job(
        paths, unit.mix, mix, unit.method, unit.seeds, analysis.limit(mix), params.threshold,
        device=pick_device(device) if "weights" in analysis.needs else "cpu",
        group=unit.group,
    )  # fmt: skip


def _expected(analysis: Analysis, jobs: Sequence[Todo]) -> str:
    """About how long it takes: by units that were measured before, else by a trial of a few.

    The trial takes the part with the most to do, once to warm up, then with one and with three
    cases a set: so what a part costs whatever its size is told from what each case costs.
    """
    (_, wanted, job), parts = jobs[0], analysis.pieces(jobs[0][2].name, jobs[0][2].mix)
    folder = job.paths.results(job.name) / FOLDER / analysis.name
    known = _seconds_before(folder, wanted, _cases(analysis, job))
    if known is not None:
        return f"{about(known * len(jobs))}, by units that were measured before"
    work = {part: analysis.work(job, part) for part in parts}
    most = max(parts, key=lambda part: work[part])
    few, some = replace(job, limit=TRIED[0]), replace(job, limit=min(TRIED[1], job.limit or 99))
    try:
        _, one, three = (_seconds(analysis, each, most) for each in (few, few, some))
    except NoPartError:
        rest = [each for each in jobs if each[2].method != job.method]
        return _expected(analysis, rest) if rest else "none of which takes part"
    except MixSegError as error:
        return f"the time is not known (a trial failed: {error})"
    less, more = analysis.work(few, most), analysis.work(some, most)
    each = max(three - one, 0.0) / (more - less) if more > less else one / max(less, 1)
    fixed = max(one - each * less, 0.0)
    total = sum(fixed + each * work[part] for part in parts if work[part]) * len(jobs)
    return f"{about(total)}, by a trial of {_cases(analysis, some)} cases"


def _cases(analysis: Analysis, job: Job) -> int:
    """The cases of a unit: those of the mix, or those of all data prepared apart."""
    if not analysis.idle:
        return len(job.cases())
    return sum(len(job.cases(of=name)) for name in analysis.pieces(job.name, job.mix))


def _seconds(analysis: Analysis, job: Job, part: str) -> float:
    start = time.monotonic()
    _module(analysis).measure(job, part)
    return time.monotonic() - start


def _seconds_before(folder: Path, wanted: Mapping[str, Any], cases: int) -> float | None:
    """Seconds that one unit of so many cases took in the past, with the same parts and settings."""
    each = []
    for path in folder.glob(f"**/{RECORD}"):
        try:
            record = read_json(path)
            if all(record["identity"][key] == wanted[key] for key in ("parts", "settings")):
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
    parts = analysis.pieces(job.name, job.mix)
    before = sum(_piece(kept, part).is_file() for part in parts)
    with progress.task(str(unit), len(parts), "parts", done=before) as task:
        inner = progress if len(parts) == 1 else Silent()
        for part in parts:
            path = _piece(kept, part)
            if not path.is_file():
                table = _module(analysis).measure(replace(job, progress=inner), part)
                _write(path, table)
                task.advance(1, part if len(parts) > 1 else "")
    tables = [pd.read_csv(_piece(kept, part), keep_default_na=False, dtype=str) for part in parts]
    if not any(len(table) for table in tables):
        raise MissingDataError(str(unit), "no case", "at least one", "Prepare the mix.")
    folder = unit.folder(job.paths)
    seconds = round(time.monotonic() - start, 2)
    with write_atomic(folder) as made:
        made.mkdir()
        _write(made / MEASURED, pd.concat(tables, ignore_index=True))
        record = {
            **_head(unit, wanted),
            "seconds": seconds if not before else None,
            "cases": _cases(analysis, job),
            "machine": {"device": job.device, **processor()},
            "commit": commit(job.paths.root),
            "files": {MEASURED: digest_of(made / MEASURED)},
        }
        write_json(made / RECORD, record)
    for path in kept.glob("*.csv"):
        path.unlink()
    kept.rmdir()
    return f"measured in {duration(seconds)}"


def _head(unit: Unit, wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "analysis": unit.analysis.name,
        "mix": unit.mix,
        "method": unit.method,
        "seeds": list(unit.seeds),
        "identity": wanted,
    }


def _leave_out(unit: Unit, wanted: dict[str, Any], job: Job, reason: str) -> None:
    """Writes the record of a unit that takes no part, with the reason and no numbers."""
    with write_atomic(unit.folder(job.paths)) as made:
        made.mkdir()
        record = {**_head(unit, wanted), "left_out": reason, "commit": commit(job.paths.root)}
        write_json(made / RECORD, record)


def _piece(kept: Path, part: str) -> Path:
    return kept / f"{sha256_bytes(part.encode())[:16]}.csv"


def _write(path: Path, table: pd.DataFrame) -> None:
    """Six digits, an empty cell where a value is undefined."""
    with write_atomic(path) as temporary:
        table.to_csv(
            temporary, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8"
        )
