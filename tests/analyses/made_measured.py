"""A made run of three cases, and measured tables as the report finds them."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.job import Job
from benchmark.analyses.kit.read import Measured, read
from benchmark.analyses.kit.units import FOLDER, MEASURED, RECORD
from benchmark.core.digests import digest_of
from benchmark.core.files import Paths, write_json
from benchmark.core.params import Mix
from benchmark.data.manifest import sealed
from benchmark.evaluation.maps import MapWriter
from benchmark.statistics.table import Entry

SIZE = 100


def disc(y: int, x: int, radius: int) -> np.ndarray:
    """A mask of 100 x 100 pixels."""
    rows, columns = np.ogrid[:SIZE, :SIZE]
    inside: np.ndarray = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    return inside


def a_run(root: Path, mix: Any = None) -> Job:
    """Three test cases: a small lesion found; that and one of middle size missed; an empty one."""
    small, middle, none = disc(20, 20, 7), disc(70, 70, 12), np.zeros((SIZE, SIZE), bool)
    references = [small, small | middle, none]
    found = [small, small, small]
    job = Job(Paths(root), "tiny", mix or Mix.model_construct(), "m", (0,), group="main")
    folder = job.prepared / "skin"
    folder.mkdir(parents=True)
    np.save(folder / "masks.npy", np.stack(references).astype(np.uint8))
    np.save(folder / "images.npy", np.zeros((3, SIZE, SIZE, 3), np.uint8))
    rows = [f"c{i},g{i},test,drawn,{i:016x}" for i in range(3)]
    (folder / "cases.csv").write_text("\n".join(["case,group,split,source,digest", *rows, ""]))
    about = {"modality": "dermoscopy", "role": "seen", "train": 0, "val": 0, "test": 3}
    manifest = {"mix": "tiny", "request": {}, "size": SIZE, "datasets": {"skin": about}}
    write_json(job.prepared / "manifest.json", sealed(manifest, job.prepared))
    job.maps(0).parent.mkdir(parents=True)
    with MapWriter(job.maps(0)) as writer:
        for i, mask in enumerate(found):
            writer.add("skin", f"c{i}", 0.9 * mask[None])
    return job


def written(
    root: Path, analysis: Analysis, tables: Mapping[tuple[str, int], pd.DataFrame]
) -> Measured:
    """Measured tables by row and seed, written as units and read as the report reads them."""
    folder = root / "results" / "tiny"
    for (name, seed), table in tables.items():
        unit = folder / FOLDER / analysis.name / name / f"seed-{seed}"
        unit.mkdir(parents=True)
        table.to_csv(unit / MEASURED, index=False)
        files = {MEASURED: digest_of(unit / MEASURED)}
        write_json(unit / RECORD, {"method": name, "seeds": [seed], "files": files})
    names = dict.fromkeys(name for name, _ in tables)
    entries = {
        name: Entry(name, name.upper(), "main", "none", (0, 1), trained=True) for name in names
    }
    results: Any = SimpleNamespace(
        folder=folder,
        mix=SimpleNamespace(title="Tiny"),
        entry=entries.get,
        set_title=lambda dataset: dataset.capitalize(),
        table=SimpleNamespace(entries=tuple(entries.values()), sets=()),
    )
    found = read(results, analysis)
    assert found is not None
    return found
