"""Writes docs/panel.png: the median case of each modality of Mix0, as the README shows it."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmark.core.files import Paths, write_atomic
from benchmark.data.cases import load_cases
from benchmark.evaluation.maps import TOP, read_maps
from benchmark.evaluation.overlays import panel

METHOD, MIX, SCALE, GAP = "unet", "mix0", 3, 16


def main() -> None:
    """One row a modality."""
    paths = Paths(Path(__file__).parents[1])
    scores = pd.read_csv(paths.run(MIX, "main", METHOD, 0) / "scores.csv")
    cases = load_cases(paths.prepared(MIX), ("test",))
    rows = []
    with read_maps(paths.artefacts(MIX, METHOD, 0) / "probs.npz") as maps:
        for dataset, part in scores.groupby("dataset", sort=False):
            name = part.sort_values("dsc").iloc[len(part) // 2]["case"]
            k = cases.table.index[
                (cases.table["dataset"] == dataset) & (cases.table["case"] == name)
            ]
            images, masks = cases.pixels(k.to_numpy())
            levels = maps[dataset][maps[dataset].cases.index(name)][0]
            rows.append(panel(images[0], 2 * levels.astype(np.uint32) > TOP, masks[0] > 0))
    half = len(rows) // 2
    left, right = np.vstack(rows[:half]), np.vstack(rows[half:])
    sheet = np.hstack([left, np.full((len(left), GAP, 3), 255, np.uint8), right])
    with write_atomic(Path(__file__).with_name("panel.png")) as temporary:
        picture = Image.fromarray(sheet)
        picture = picture.resize(
            (sheet.shape[1] * SCALE, sheet.shape[0] * SCALE), Image.Resampling.LANCZOS
        )
        picture.save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    main()
