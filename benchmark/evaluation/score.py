"""Scores stored maps: one row a case and prompt draw, one column a metric or protocol.

The metrics are the rows of `benchmark.statistics.schema.METRICS`.

**Conventions** Scoring always reads the stored maps, never a network's output, so that scoring
again gives the same numbers to the bit. Metrics and protocols: see `metrics`,
`boundary` and `protocols`.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from benchmark.core.errors import ShapeError
from benchmark.core.files import write_atomic
from benchmark.core.progress import Progress, Task
from benchmark.data.cases import Cases, load_cases
from benchmark.evaluation.boundary import Boundary, boundary
from benchmark.evaluation.maps import DatasetMaps, MapFile, read_maps
from benchmark.evaluation.metrics import Tally, first_level, stack, tally
from benchmark.evaluation.protocols import PROTOCOLS
from benchmark.statistics.schema import COUNTS, METRICS, columns

# Cases handed to the threads at once; bounds the memory that the maps in flight take.
CHUNK = 32


@dataclass(frozen=True)
class _Scored:
    """One draw of one case."""

    tally: Tally
    boundary: Boundary


_Masks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


class _Measured:
    """All cases of one dataset under one draw, as `benchmark.statistics.schema.Measured` says."""

    def __init__(self, cases: list[_Scored], masks: _Masks) -> None:
        self.tally = stack([case.tally for case in cases])
        self.hd95_px = np.array([case.boundary.hd95_px for case in cases])
        self.assd_px = np.array([case.boundary.assd_px for case in cases])
        self.nsd = np.array([case.boundary.nsd for case in cases])
        self.boundary_iou = np.array([case.boundary.boundary_iou for case in cases])
        self._masks = masks

    def each(self, metric: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
        """A function of predicted mask and reference in every case."""
        return np.array([metric(pred, reference) for pred, reference in self._masks()])


def score_maps(
    maps_path: Path, prepared: Path, threshold: float, progress: Progress, *, threads: int = 0
) -> pd.DataFrame:
    """Scores the maps of a run against the prepared test cases of its mix.

    Args:
        maps_path: a file that `MapWriter` wrote.
        prepared: data/prepared/<mix>.
        threshold: probabilities at or above it are foreground.
        progress: told of every case.
        threads: that score at once; 0 is one a core.

    Returns: the columns of the schema, then the protocols; rows in the order of the maps, the
        draws of a case together.
    Raises: ShapeError if maps and prepared cases differ in datasets, cases, order or size;
        MissingDataError if either is absent; StoreError if either is broken.
    """
    cases = load_cases(prepared, ("test",))
    with read_maps(maps_path) as maps:
        _check_datasets(maps, cases, prepared)
        total = sum(len(of) for of in maps.values())
        with progress.task(f"score {prepared.name}", total, "cases") as task:
            tables = [
                _score_dataset(
                    maps[name], _part(cases, name), first_level(threshold), task, threads
                )
                for name in maps
            ]
    return pd.concat(tables, ignore_index=True)[[*columns(), *PROTOCOLS]]


def write_scores(path: Path, frame: pd.DataFrame) -> None:
    """Writes scores.csv: six digits, Unix line ends, an empty cell where a value is undefined."""
    with write_atomic(path) as temporary:
        frame.to_csv(
            temporary, index=False, float_format="%.6f", lineterminator="\n", encoding="utf-8"
        )


def _part(cases: Cases, dataset: str) -> Cases:
    return cases.where((cases.table["dataset"] == dataset).to_numpy())


def _check_datasets(maps: MapFile, cases: Cases, prepared: Path) -> None:
    here = list(dict.fromkeys(cases.table["dataset"]))
    if set(maps) != set(here):
        raise ShapeError(
            maps.path,
            f"maps of {', '.join(maps) or 'no dataset'}",
            f"maps of {', '.join(here) or 'no dataset'}, the test sets of {prepared}",
            "Make the maps again with `mixseg run`.",
        )
    for name, of in maps.items():
        _check_cases(of, _part(cases, name), prepared / name)


def _check_cases(maps: DatasetMaps, cases: Cases, prepared: Path) -> None:
    where, again = f"{maps.file.path} [{maps.dataset}]", "Make the maps again with `mixseg run`."
    names = tuple(cases.table["case"])
    if len(maps) != len(names):
        expected = f"{len(names)}, the test cases of {prepared}"
        raise ShapeError(where, f"maps of {len(maps)} cases", expected, again)
    for i, (found, expected) in enumerate(zip(maps.cases, names, strict=True)):
        if found != expected:
            raise ShapeError(
                where, f"case {i} is {found!r}", f"{expected!r}, its place in {prepared}", again
            )
    if maps.shape[1:] != (cases.size, cases.size):
        expected = f"{(cases.size, cases.size)}, the size of the masks in {prepared}"
        raise ShapeError(where, f"maps of {maps.shape[1:]}", expected, again)


def _score_dataset(
    maps: DatasetMaps, cases: Cases, first: int, task: Task, threads: int
) -> pd.DataFrame:
    scored = list(_score_cases(maps, cases, first, task, threads))
    draws = [
        _draw_table(_Measured([case[draw] for case in scored], _masks(maps, cases, first, draw)))
        for draw in range(maps.shape[0])
    ]
    about = cases.table[["dataset", "modality", "case", "group"]].reset_index(drop=True)
    tables = [
        pd.concat([about, table], axis=1).assign(draw=draw) for draw, table in enumerate(draws)
    ]
    return pd.concat(tables).sort_index(kind="stable")


def _score_cases(
    maps: DatasetMaps, cases: Cases, first: int, task: Task, threads: int
) -> Iterator[list[_Scored]]:
    masks, rows = cases.masks[maps.dataset], cases.table["row"].to_numpy()
    reading = Lock()  # NumPy reads a header with `ast`, which two threads at once can break

    def score(i: int) -> list[_Scored]:
        with reading:
            draws = maps[i]
        reference = masks[rows[i]] != 0
        return [_score_draw(levels, reference, first) for levels in draws]

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for start in range(0, len(maps), CHUNK):
            for scored in pool.map(score, range(start, min(start + CHUNK, len(maps)))):
                task.advance()
                yield scored


def _score_draw(levels: np.ndarray, reference: np.ndarray, first: int) -> _Scored:
    return _Scored(tally(levels, reference, first), boundary(levels >= first, reference))


def _masks(maps: DatasetMaps, cases: Cases, first: int, draw: int) -> _Masks:
    """Reads predicted mask and reference of each case again, for metrics that need the pixels."""
    masks, rows = cases.masks[maps.dataset], cases.table["row"].to_numpy()

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for i in range(len(maps)):
            yield maps[i][draw] >= first, masks[rows[i]] != 0

    return pairs


def _draw_table(measured: _Measured) -> pd.DataFrame:
    """Scores of all cases of a dataset under one draw; the cases are needed together."""
    t = measured.tally
    return pd.DataFrame(
        {
            **{name: metric.compute(measured) for name, metric in METRICS.items()},
            **{name: getattr(t.counts, name) for name in COUNTS},
            **{name: protocol.compute(t) for name, protocol in PROTOCOLS.items()},
        }
    )
