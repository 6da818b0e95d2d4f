"""Times the analysis of components on 1,350 made maps; `python docs/time_components.py`.

The maps have 352 x 352 pixels. Each has a lesion that is nearly found, and false pieces; a tenth is
as ragged as the map of a network that was hardly trained. The writing of the maps is not timed.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.components import measure
from benchmark.core.files import Paths, write_json
from benchmark.core.params import Mix
from benchmark.data.manifest import sealed
from benchmark.evaluation.maps import MapWriter

CASES, SIZE, KINDS = 1350, 352, 30


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A reference and a probability map."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:SIZE, :SIZE]
    y, x, radius = rng.uniform((80, 80, 10), (270, 270, 70))
    reference = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    noise = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 1 if seed % 10 == 0 else 6)
    soft = gaussian_filter(reference.astype(float), 4)
    return reference, np.clip(0.8 * soft + 0.15 * noise / noise.std(), 0, 1)


def main() -> None:
    """Makes a mix of one test set, and measures it."""
    drawn = [_drawn(seed) for seed in range(KINDS)]
    with tempfile.TemporaryDirectory() as name:
        job = Job(Paths(Path(name)), "made", Mix.model_construct(), "m", (0,), group="main")
        folder = job.prepared / "set"
        folder.mkdir(parents=True)
        masks = np.stack([drawn[k % KINDS][0] for k in range(CASES)]).astype(np.uint8)
        np.save(folder / "masks.npy", masks)
        np.save(folder / "images.npy", np.zeros((CASES, SIZE, SIZE, 3), np.uint8))
        rows = [f"c{k},g{k},test,made,{k:016x}" for k in range(CASES)]
        (folder / "cases.csv").write_text("\n".join(["case,group,split,source,digest", *rows, ""]))
        about = {"modality": "made", "role": "seen", "train": 0, "val": 0, "test": CASES}
        manifest = {"mix": "made", "request": {}, "size": SIZE, "datasets": {"set": about}}
        write_json(job.prepared / "manifest.json", sealed(manifest, job.prepared))
        job.maps(0).parent.mkdir(parents=True)
        with MapWriter(job.maps(0)) as writer:
            for k in range(CASES):
                writer.add("set", f"c{k}", drawn[k % KINDS][1][None])
        start, processor = time.perf_counter(), time.process_time()
        table = measure(job, "all")
        took = time.perf_counter() - start, time.process_time() - processor
    print(f"{CASES} maps: {took[0]:.1f} s, {took[1]:.1f} s of a core")  # noqa: T201
    print(f"false components a map: {table['false_10'].iloc[-1]:.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
