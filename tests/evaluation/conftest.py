"""A prepared mix of a few small drawn cases."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.core.files import write_json
from benchmark.data.manifest import sealed

SIZE = 24
DATASETS = {"fundus-a": ("fundus", 4), "skin-b": ("dermoscopy", 3)}


def _ellipse(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    cy, cx = rng.uniform(6, 18, 2)
    ry, rx = rng.uniform(2, 6, 2)
    return (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1).astype(np.uint8)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """data/prepared/tiny in a temporary project: 7 test cases, one of them empty, and 4 to train.

    The rows are mixed, train after test, as nobody promises an order.
    """
    folder = tmp_path / "data" / "prepared" / "tiny"
    manifest = {"mix": "tiny", "size": SIZE, "request": {}, "datasets": {}}
    for k, (name, (modality, tests)) in enumerate(DATASETS.items()):
        rng = np.random.default_rng(k)
        rows = [("test", i) for i in range(tests)] + [("train", 9), ("val", 10)]
        masks = np.stack([_ellipse(rng) for _ in rows])
        if name == "skin-b":
            masks[1] = 0
        (folder / name).mkdir(parents=True)
        np.save(folder / name / "masks.npy", masks)
        np.save(folder / name / "images.npy", np.zeros((*masks.shape, 3), np.uint8))
        lines = [f"case {i},group {i},{split},raw/{i}.png,0" for split, i in rows]
        text = "\n".join(["case,group,split,source,digest", *lines, ""])
        (folder / name / "cases.csv").write_text(text, encoding="utf-8")
        about = {"modality": modality, "role": "seen", "train": 1, "val": 1, "test": tests}
        manifest["datasets"][name] = about
    write_json(folder / "manifest.json", sealed(manifest, folder))
    return folder
