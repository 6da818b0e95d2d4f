"""Whether a ranking hangs on the choice of metric, or of how scores are aggregated.

**Conventions**

1. The headline is the first column given, averaged over cases and seeds, then over test sets as in
   `complete_rows`, then ranked. Every other way to rank the same rows is a variant.
2. Aggregations: `mean` as the headline; `median`, over cases, of the mean over seeds; `ranks`, the
   mean over test sets of the rank on each; `cases`, the rank on each case, averaged over cases and
   test sets; `worst`, the mean on the test set where a row is worst.
3. Rank 1 is the best, equal ones share their mean. tau is Kendall's tau-b with the headline.
4. Rows are those that are complete in every column; a column that none of them has is not used.

**Sources** Maier-Hein et al., Nature Communications 2018; Wiesenfarth et al., Sci. Rep. 2021.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.complete_rows import CompleteRows, SetValues, complete_rows
from benchmark.statistics.ranking import ranks
from benchmark.statistics.schema import Array
from benchmark.statistics.table import ScoreTable


@dataclass(frozen=True)
class Variant:
    """One way to rank the rows.

    Attributes:
        ranks: in the order of the rows of the Stability.
        tau: with the headline; NaN where why says so.
    """

    column: str
    aggregation: str
    label: str
    ranks: tuple[float, ...]
    tau: float
    why: str = ""


@dataclass(frozen=True)
class Stability:
    """All variants; the first is the headline.

    Attributes:
        best, worst: of each row's ranks over the variants.
        excluded: rows that are not complete, and columns that are not used, each with the reason.
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    variants: tuple[Variant, ...]
    best: tuple[float, ...]
    worst: tuple[float, ...]
    excluded: tuple[tuple[str, str], ...]


def _by_case(each: SetValues, over: Callable[[Array], Array]) -> Array:
    """Each row's means over seeds (rows, cases), reduced over cases: (rows,)."""
    return over(np.stack([values.mean(axis=0) for values in each.values]))


def _per_set(complete: CompleteRows, over: Callable[[Array], Array]) -> Array:
    return np.array([_by_case(each, over) for each in complete.sets])  # (sets, rows)


def _ranked_by_case(values: Array) -> Array:
    return np.asarray(-ranks(values.T).mean(axis=0))


AGGREGATIONS: dict[str, tuple[str, Callable[[CompleteRows], Array]]] = {
    "mean": ("mean over cases", lambda p: np.array(p.weights) @ p.means()),
    "median": (
        "median over cases",
        lambda p: np.array(p.weights) @ _per_set(p, lambda v: np.median(v, axis=1)),
    ),
    "ranks": ("mean rank over test sets", lambda p: -ranks(p.means()).mean(axis=0)),
    "cases": (
        "mean rank over cases",
        lambda p: np.array(p.weights) @ _per_set(p, _ranked_by_case),
    ),
    "worst": ("worst test set", lambda p: p.means().min(axis=0)),
}


def stability(
    tables: Mapping[str, ScoreTable],
    keys: Sequence[str],
    columns: Sequence[str] = ("dsc", "iou", "mae"),
) -> Stability:
    """Ranks the rows that are complete by every column and aggregation.

    Args:
        tables: by mix.
        keys: of the rows.
        columns: the first is the headline's.
    """
    first = complete_rows(tables, keys, columns[0])
    rows, excluded = first.keys, list(first.incomplete)
    usable = [columns[0]]
    for column in columns[1:]:
        found = complete_rows(tables, rows, column)
        if rows and not found.keys:
            excluded.append((column, found.incomplete[0][1]))
            continue
        usable.append(column)
        excluded += [(title, f"{column}: {why}") for title, why in found.incomplete]
        rows = found.keys
    by_column = {column: complete_rows(tables, rows, column) for column in usable}
    variants = _variants(by_column) if len(rows) > 1 else ()
    table = np.array([v.ranks for v in variants]) if variants else np.empty((1, 0))
    return Stability(
        keys=rows,
        titles=by_column[columns[0]].titles,
        variants=variants,
        best=tuple(table.min(axis=0).tolist()),
        worst=tuple(table.max(axis=0).tolist()),
        excluded=tuple(excluded),
    )


def _variants(by_column: Mapping[str, CompleteRows]) -> tuple[Variant, ...]:
    from scipy.stats import kendalltau  # slow to import, and wanted here alone

    found: list[Variant] = []
    for column, each in by_column.items():
        for name, (words, aggregate) in AGGREGATIONS.items():
            own = ranks(aggregate(each))
            head = found[0].ranks if found else tuple(own.tolist())
            level = np.ptp(own) == 0 or np.ptp(head) == 0
            tau = float("nan") if level else float(kendalltau(head, own).statistic)
            why = "all rows are equal" if level else ""
            label = f"{column}, {words}"
            found.append(Variant(column, name, label, tuple(own.tolist()), tau, why))
    return tuple(found)
