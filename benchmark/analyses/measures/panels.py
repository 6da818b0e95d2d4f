"""Pictures of where several networks look on the same cases, for the eye alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.analyses.kit.job import Job
from benchmark.analyses.measures.networks import batches, network
from benchmark.core.errors import MissingDataError
from benchmark.core.files import write_atomic
from benchmark.data.cases import Cases
from benchmark.evaluation.gradcam import activation
from benchmark.evaluation.overlays import overlay, warmed
from benchmark.methods.declaration import CamLayer


def panels(jobs: Sequence[Job], titles: Sequence[str], layer: CamLayer, to: Path) -> Iterator[Path]:
    """Writes a picture a test set: a line a case, with its reference and a panel for each network.

    They show images of the datasets: keep the folder out of what is published.

    Args:
        jobs: one a network, of its first seed; their limit says how many cases.
        titles: of the networks.

    Yields: each file that was written.
    Raises: MissingDataError if no network is given; as `restored` and `activation`.
    """
    if not jobs:
        do = "Train one with `mixseg run`, or name others."
        found = f"no network with a layer {layer!r} and weights"
        raise MissingDataError("heatmaps", found, "at least one", do)
    cases = jobs[0].cases()
    heats = [_heats(job, cases, layer) for job in jobs]
    for name in dict.fromkeys(cases.table["dataset"]):
        index = np.flatnonzero((cases.table["dataset"] == name).to_numpy())
        images, masks = cases.pixels(index)
        lines = []
        for k, i in enumerate(index):
            shown = [overlay(images[k], masks[k])]
            for heat in heats:
                under = Image.fromarray(images[k])
                shown.append(np.asarray(warmed(under, heat[i], under.height)))
            lines.append(shown)
        path = to / f"{name}-{layer}.png"
        _draw(
            lines, ["Reference", *titles], [str(c) for c in cases.table["case"].iloc[index]], path
        )
        yield path


def _heats(job: Job, cases: Cases, layer: CamLayer) -> np.ndarray:
    """The maps of a network, (cases, H, W), each divided by its largest value."""
    method, found = network(job, cases.size), []
    for _, inputs, _ in batches(job, method, cases, 1):
        heat = activation(method, inputs, method.card.cam_layers[layer]).maps[0]
        found.append(heat / heat.max() if heat.max() > 0 else heat)
    return np.stack(found)


def _draw(
    lines: Sequence[Sequence[np.ndarray]], titles: Sequence[str], names: Sequence[str], path: Path
) -> None:
    from matplotlib.figure import Figure

    size = (1.9 * len(titles), 0.4 + 1.9 * len(lines))
    canvas = Figure(figsize=size, layout="constrained")
    axes = canvas.subplots(len(lines), len(titles), squeeze=False)
    for line, shown in enumerate(lines):
        for column, picture in enumerate(shown):
            ax = axes[line, column]
            ax.imshow(picture)
            ax.set(xticks=[], yticks=[])
        axes[line, 0].set_ylabel(names[line], fontsize=7)
    for column, title in enumerate(titles):
        axes[0, column].set_title(title, fontsize=8, wrap=True)
    with write_atomic(path) as temporary:
        canvas.savefig(temporary, format="png", dpi=120)
