"""Across mixes: the test sets of other mixes, predicted with this mix's weights at its size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.analyses._elsewhere import MODULE, Apart, cases, comparison, figure, grids
from benchmark.analyses.kit.contract import Analysis

if TYPE_CHECKING:
    from benchmark.analyses.kit.read import Measured
    from benchmark.core.params import Mix
    from benchmark.reports.figures.drawing import Figure
    from benchmark.reports.tables.grid import Grid

REMARK = (
    "«In domain»: the mix is trained on other cases of this set, whose scores say nothing of other"
    " data. All sets have the size of this mix, and enter none of its means and rankings."
)


def _apart(name: str, mix: "Mix") -> Sequence[str]:
    return [f"{name}.{other}" for other in mix.compare if other != name]


def _leads(measured: "Measured") -> Sequence[str]:
    apart, results = Apart(measured), measured.results
    others = ", ".join(results.params.mix(other).title for other in results.mix.compare)
    known = [apart.title(name) for name in measured.sets() if name not in apart.new()]
    told = (
        f"The test sets of {others} are predicted with the weights of this mix. {apart.removed()}"
    )
    if known:
        told += f" The mix is trained on other cases of {len(known)} of them: {', '.join(known)}."
    return (told, *comparison(apart))


def _grids(measured: "Measured") -> Sequence["Grid"]:
    return grids(measured, "the test sets of other mixes", REMARK)


def _figures(measured: "Measured") -> Sequence["Figure"]:
    return figure(measured, "DSC on the test sets of other mixes")


ANALYSIS = Analysis(
    name="cross-mix",
    title="Test sets of other mixes",
    short="Other mixes",
    about="DSC, IoU, sensitivity, MAE and HD95 on the test sets of the mixes that `compare` names",
    module=MODULE,
    needs=("weights",),
    apart=_apart,
    idle="the mix names no other mix in `compare`",
    work=cases,
    limited=True,
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
