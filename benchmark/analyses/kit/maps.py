"""Stored maps beside their references, one case at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmark.analyses.kit.job import Job
from benchmark.core.errors import ShapeError
from benchmark.data.cases import Cases
from benchmark.evaluation.maps import read_maps


@dataclass(frozen=True)
class Case:
    """One test case of a run.

    Attributes:
        levels: uint16 (H, W) of the first prompt draw; probability = level / 65535.
        reference: bool (H, W).
        image: uint8 (H, W, 3).
    """

    dataset: str
    modality: str
    case: str
    group: str
    levels: np.ndarray
    reference: np.ndarray
    image: np.ndarray

    def about(self) -> dict[str, str]:
        """The columns that say which case it is."""
        return {
            "dataset": self.dataset,
            "modality": self.modality,
            "case": self.case,
            "group": self.group,
        }


def stored(job: Job, seed: int, cases: Cases | None = None) -> Iterator[Case]:
    """The cases of a run, in the order of the prepared data.

    Args:
        cases: opened already.

    Raises: MissingDataError if the maps are not here, StoreError if they are broken, ShapeError if
        they are of other cases than the prepared ones.
    """
    cases = cases if cases is not None else job.cases()
    again = "Make the maps again with `mixseg run`."
    with read_maps(job.maps(seed)) as maps:
        places = {name: {case: i for i, case in enumerate(of.cases)} for name, of in maps.items()}
        columns = (cases.table[name] for name in ("dataset", "modality", "case", "group", "row"))
        for dataset, modality, case, group, row in zip(*columns, strict=True):
            place = places.get(dataset, {}).get(case)
            if place is None:
                found = f"no map of {dataset}/{case}"
                raise ShapeError(maps.path, found, f"one for each test case of {job.name}", again)
            levels, reference = maps[dataset][place][0], cases.masks[dataset][row] != 0
            if levels.shape != reference.shape:
                found = f"a map of {levels.shape} for {dataset}/{case}"
                raise ShapeError(maps.path, found, f"{reference.shape}", again)
            image = cases.images[dataset][row]
            yield Case(dataset, modality, case, group, levels, reference, image)
