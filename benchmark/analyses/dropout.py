"""Monte-Carlo dropout: what many passes with dropout say of where a network is wrong."""

from collections.abc import Iterator, Sequence
from itertools import chain

from benchmark.analyses._uncertainty import figures, grids, observations, scores_grid
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.core.params import Analysed, Mix
from benchmark.reports.figures.drawing import Figure
from benchmark.reports.tables.grid import Grid

REMARK = (
    "Single map: the stored one, without dropout. Mean map: the mean of the passes. Dropout "
    "layers are those of torch; drop path is not one of them. Batch normalisation is fixed."
)


def _parts(mix: Mix) -> Sequence[str]:
    passes = (mix.analyses or Analysed()).passes
    return tuple(f"{passes} passes on {dataset}" for dataset in mix.test)


def _leads(measured: Measured) -> Sequence[str]:
    return tuple(_told(measured))


def _told(measured: Measured) -> Iterator[str]:
    passes = (measured.results.mix.analyses or Analysed()).passes
    rows = len(measured.rows())
    methods = "One method has" if rows == 1 else f"{rows} methods have"
    yield (
        f"{methods} dropout. Each image is predicted {passes} times with dropout on, each "
        "time with a seed of its own."
    )
    yield from observations(measured)


def _grids(measured: Measured) -> Sequence[Grid]:
    return tuple(chain([scores_grid(measured, "Single map", REMARK)], grids(measured)))


def _figures(measured: Measured) -> Sequence[Figure]:
    return tuple(figures(measured))


ANALYSIS = Analysis(
    name="dropout",
    title="Uncertainty by dropout",
    short="Dropout",
    about="passes with dropout: mean map, entropy, mutual information, whether they find errors",
    module="benchmark/analyses/measures/dropout.py",
    needs=("weights", "maps"),
    parts=_parts,
    limited=True,
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
