"""Claims and reported numbers as text for a terminal of 100 columns."""

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from benchmark.claims.judge import Judged, summary
from benchmark.claims.reported import Checked, Reported
from benchmark.core.text import width
from benchmark.statistics.method_level import CUT
from benchmark.statistics.schema import metric_of

DETAILS = 6  # quantities shown of a claim, unless all are asked for


def claims_text(mix: str, judged: Sequence[Judged], every: bool = False) -> str:
    """The verdict on each claim, with the quantities behind it.

    Args:
        every: all quantities, where there are many.
    """
    counts = ", ".join(f"{count} {name}" for name, count in summary(judged).items())
    lines = [f"{mix}: {len(judged)} claims; {counts}"]
    apart = [f"{n} {name}" for name, n in summary(judged, stand_ins=True).items() if n]
    lines += [f"with stand-ins, at this scale: {', '.join(apart)}"] if apart else []
    for each in judged:
        scope = f" ({each.scope})" if each.scope else ""
        lines += ["", *_wrap(f"{each.reads.upper()}{scope}: {each.claim.sentence}", "")]
        lines += _wrap(f"{each.claim.id}; {each.claim.paper}; {each.claim.source}", "  ")
        lines += _wrap(each.why, "  ")
        if each.verdict != "not run":
            lines += _quantities(each, every)
    return "\n".join(lines)


def _quantities(each: Judged, every: bool) -> list[str]:
    shown = each.quantities if every else each.quantities[:DETAILS]
    lines = []
    for one in shown:
        where = f", {one.where}" if one.where else ""
        metric = "" if one.metric in ("dsc", "parameters", "cases") else f" ({one.metric})"
        text = f"{one.what}{where}{metric}: {one.text()}, {one.verdict}; {one.note}"
        lines += _wrap(text, "    ")
    if len(shown) < len(each.quantities):
        lines.append(f"    and {len(each.quantities) - len(shown)} more (--all)")
    return lines


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )


def reported_text(
    mix: str,
    checked: Sequence[Checked],
    rows: Sequence[Reported],
    meanings: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Published numbers beside ours.

    Args:
        meanings: what a convention computes, by its column of scores.csv.
    """
    found = [each for each in checked if each.verdict != "no run"]
    lines = [f"{mix}: {len(found)} of {len(rows)} reported numbers have a run here"]
    for each in found:
        lines += ["", *_reported(each, meanings)]
    if any(each.low is not None for each in found):
        lines += ["", *_wrap(f"In brackets: 95 % interval over trainings and cases. {CUT}", "")]
    return "\n".join(lines)


def _reported(each: Checked, meanings: Mapping[str, str]) -> list[str]:
    """Both numbers of a row, the verdict, the conventions, the source."""

    def named(column: str) -> str:
        return f"{column} ({meanings[column]})" if column in meanings else column

    row = each.reported
    limits = "" if each.low is None else f" [{_n(each, each.low)}, {_n(each, each.high)}]"
    numbers = f"{_n(each, row.value)} reported, {_n(each, each.ours)}{limits} ours"
    lines = _wrap(f"{row.method}, {row.dataset}, {row.metric}: {numbers}", "")
    lines += _wrap(f"{each.verdict}: {each.why}", "  ")
    lines += _wrap(f"ours is by {named(row.protocol)}", "  ") if row.protocol in meanings else []
    if each.protocols:
        fitting = ", ".join(named(name) for name, _ in each.protocols)
        lines += _wrap(f"the reported number is ours by {fitting}", "  ")
    elif each.nearest:
        name, value = each.nearest
        nearest = f"the nearest is {_n(each, value)}, by {named(name)}"
        lines += _wrap(f"no convention gives the reported number; {nearest}", "  ")
    return [*lines, *_wrap(f"source: {row.source}", "  ")]


def _n(each: Checked, value: float | None) -> str:
    if value is None:
        return "–"
    metric = metric_of(each.reported.metric)
    share = metric is not None and metric.unit == "share"
    return f"{value:.4f}" if share else f"{value:.2f}"
