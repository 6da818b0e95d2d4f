"""What a measuring module is given: names, places and settings; it opens nothing by itself."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.core.files import Paths
from benchmark.core.params import Mix
from benchmark.core.progress import Progress, Silent
from benchmark.data.cases import Cases, load_cases

MAPS, WEIGHTS = "probs.npz", "weights.safetensors"


@dataclass(frozen=True)
class Job:
    """One unit of an analysis.

    Attributes:
        name: of the mix.
        mix: what params.yaml says of it.
        method: the row; empty where the unit is the mix.
        seeds: the runs of the row; one where the unit is a run.
        limit: test cases of a set that are measured; None is all.
        device: "cpu" or "cuda".
    """

    paths: Paths
    name: str
    mix: Mix
    method: str = ""
    seeds: tuple[int, ...] = ()
    limit: int | None = None
    device: str = "cpu"
    progress: Progress = field(default_factory=Silent)

    @property
    def prepared(self) -> Path:
        """data/prepared/<mix>."""
        return self.paths.prepared(self.name)

    def cases(self, splits: tuple[str, ...] = ("test",)) -> Cases:
        """The prepared cases; with a limit, those of each set with the smallest keys.

        The choice depends on the names of the cases alone, so it is the same for every method.
        """
        cases = load_cases(self.prepared, splits)
        if self.limit is None:
            return cases
        keys, sets = cases.keys(), cases.table["dataset"].to_numpy()
        chosen = np.zeros(len(cases), bool)
        for name in dict.fromkeys(sets):
            index = np.flatnonzero(sets == name)
            chosen[index[np.argsort(keys[index], kind="stable")[: self.limit]]] = True
        return cases.where(chosen)

    def maps(self, seed: int) -> Path:
        """The stored maps of a run."""
        return self.paths.artefacts(self.name, self.method, seed) / MAPS

    def weights(self, seed: int) -> Path:
        """The stored weights of a run."""
        return self.paths.artefacts(self.name, self.method, seed) / WEIGHTS
