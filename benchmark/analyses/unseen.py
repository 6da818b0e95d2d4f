"""Sets never trained on: how far the scores and their order carry beyond the mix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.analyses._elsewhere import MODULE, Apart, cases, comparison, figure, grids
from benchmark.analyses.kit.contract import Analysis
from benchmark.core.params import UNSEEN

if TYPE_CHECKING:
    from benchmark.analyses.kit.read import Measured
    from benchmark.core.params import Mix
    from benchmark.reports.figures.drawing import Figure
    from benchmark.reports.tables.grid import Grid

REMARK = "No row was trained on these sets. They enter no mean and no ranking of the mix."


def _apart(name: str, mix: "Mix") -> Sequence[str]:
    return (f"{name}.{UNSEEN}",) if mix.unseen else ()


def _leads(measured: "Measured") -> Sequence[str]:
    apart, table = Apart(measured), measured.table
    names = ", ".join(map(apart.title, measured.sets()))
    count = len(table[["dataset", "case"]].drop_duplicates())
    return (
        f"The mix is not trained on {names}: {count} cases, predicted with the weights of the runs."
        f" {apart.removed()}",
        *comparison(apart),
    )


def _grids(measured: "Measured") -> Sequence["Grid"]:
    return grids(measured, "sets never trained on", REMARK)


def _figures(measured: "Measured") -> Sequence["Figure"]:
    return figure(measured, "DSC on sets never trained on")


ANALYSIS = Analysis(
    name="unseen",
    title="Sets never trained on",
    short="Unseen sets",
    about="DSC, IoU, sensitivity, MAE and HD95 on the sets that `unseen` of the mix names",
    module=MODULE,
    needs=("weights",),
    apart=_apart,
    idle="the mix names no `unseen` sets",
    work=cases,
    limited=True,
    leads=_leads,
    grids=_grids,
    figures=_figures,
)
