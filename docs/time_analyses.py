"""Times analyses that need stored maps alone, on 1,350 made maps of 352 px.

`python docs/time_analyses.py NAME ...` writes a line for each analysis: seconds, seconds of a
core, and the largest memory of its process. The made files, half a gigabyte, go when it ends.
"""

import importlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmark.analyses.kit.find import analysis
from benchmark.analyses.kit.job import Job
from benchmark.core.files import Paths, write_json
from benchmark.core.params import load_params
from benchmark.data.manifest import sealed
from benchmark.evaluation.maps import MapWriter

ROOT = Path(__file__).parents[1]
MIX, METHOD = "open", "made"  # the mix gives its sets; the maps are of no method
CASES, SIZE, DRAWN = 1350, 352, 50  # so many different maps, again and again
TYPES = ("fundus", "colonoscopy", "ultrasound", "dermoscopy")


def make(paths: Paths) -> None:
    """Prepared data and the maps of one run below `paths`: discs, and soft noisy maps of them."""
    mix = load_params(ROOT).mix(MIX)
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:SIZE, :SIZE]
    discs, maps = np.empty((DRAWN, SIZE, SIZE), bool), np.empty((DRAWN, SIZE, SIZE))
    for disc, prob in zip(discs, maps, strict=True):
        distance = np.hypot(y - rng.uniform(90, 260), x - rng.uniform(90, 260))
        radius = rng.uniform(15, 80)
        disc[:] = distance <= radius
        noise = gaussian_filter(rng.normal(0, 12, (SIZE, SIZE)), 4)
        prob[:] = 1 / (1 + np.exp((distance - radius) / 4 - noise))
    counts = [len(part) for part in np.array_split(np.arange(CASES), len(mix.test))]
    datasets, prepared = {}, paths.prepared(MIX)
    with MapWriter(paths.artefacts(MIX, METHOD, 0) / "probs.npz") as writer:
        for name, n, modality in zip(mix.test, counts, TYPES, strict=True):
            (prepared / name).mkdir(parents=True)
            np.save(prepared / name / "images.npy", np.zeros((n, SIZE, SIZE, 3), np.uint8))
            np.save(prepared / name / "masks.npy", discs[np.arange(n) % DRAWN].astype(np.uint8))
            lines = [f"c{i},c{i},test,made,{i:016x}" for i in range(n)]
            text = "\n".join(["case,group,split,source,digest", *lines, ""])
            (prepared / name / "cases.csv").write_text(text)
            datasets[name] = {"modality": modality, "train": 0, "val": 0, "test": n}
            for i in range(n):
                writer.add(name, f"c{i}", maps[i % DRAWN])
    about = {"mix": MIX, "request": mix.request(), "size": SIZE, "datasets": datasets}
    write_json(prepared / "manifest.json", sealed(about, prepared))


def measure(name: str, root: Path) -> None:
    """Measures one analysis and writes its line."""
    found = analysis(name)
    module = importlib.import_module(found.module.removesuffix(".py").replace("/", "."))
    mix = load_params(ROOT).mix(MIX)
    job = Job(Paths(root), MIX, mix, METHOD, (0,))
    start, worked = time.monotonic(), time.process_time()
    for part in found.parts(mix):
        table = module.measure(job, part)
    seconds, worked = time.monotonic() - start, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f"{seconds:.1f} s, {worked:.1f} s of a core, {memory:.0f} MiB"
    sys.stdout.write(f"{name}: {CASES} maps, {took}\n")
    assert len(table) >= CASES


def main() -> None:
    """Makes the files once, then measures each analysis in a process of its own."""
    if sys.argv[1] == "--below":
        measure(sys.argv[3], Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Paths(Path(folder)))
        for name in sys.argv[1:]:
            subprocess.run([sys.executable, __file__, "--below", folder, name], check=True)


if __name__ == "__main__":
    main()
