"""Ensembles of seeds: what the runs of a row say together, and where they disagree."""

from collections.abc import Iterator, Sequence
from itertools import chain

from benchmark.analyses._uncertainty import figures, grids, observations, scores_grid, values
from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.read import Measured
from benchmark.reports.figures.drawing import Figure
from benchmark.reports.tables.grid import Grid

REMARK = (
    "Single runs: the mean DSC of the seeds. Mean map: the DSC of the mean of their maps. There is"
    " one ensemble a row, so it has no spread over ensembles and no interval."
)


def _leads(measured: Measured) -> Sequence[str]:
    return tuple(_told(measured))


def _told(measured: Measured) -> Iterator[str]:
    gains = values(measured, "gain")
    better = sum(each > 0 for each in gains)
    if gains:
        yield (
            f"The mean map of all seeds has a higher DSC than single runs in {better} of"
            f" {len(gains)} pairs of a method and a test set; the gains go from {min(gains):+.3f}"
            f" to {max(gains):+.3f}."
        )
    yield from observations(measured)


def _grids(measured: Measured) -> Sequence[Grid]:
    return tuple(chain([scores_grid(measured, "Single runs", REMARK)], grids(measured)))


def _figures(measured: Measured) -> Sequence[Figure]:
    return tuple(figures(measured))


ANALYSIS = Analysis(
    name="ensemble",
    title="Uncertainty by ensembles of seeds",
    short="Ensembles",
    about="the seeds of a row as one ensemble: DSC, entropy, mutual information, errors found",
    module="benchmark/analyses/measures/ensemble.py",
    unit="row",
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
