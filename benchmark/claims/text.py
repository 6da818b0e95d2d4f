"""Claims and reported numbers as text for a terminal of 100 columns."""

import textwrap
from collections.abc import Iterable, Sequence

from benchmark.claims.judge import Judged, summary
from benchmark.claims.reported import Checked, Reported
from benchmark.core.text import columns, width
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


def reported_text(mix: str, checked: Sequence[Checked], rows: Sequence[Reported]) -> str:
    """Published numbers beside ours."""
    found = [each for each in checked if each.verdict != "no run"]
    lines = [f"{mix}: {len(found)} of {len(rows)} reported numbers have a run here"]
    if found:
        header = ("method", "dataset", "metric", "reported", "ours", "interval",
                  "protocols that give it", "verdict", "why", "source")  # fmt: skip
        lines.append(columns(header, _rows(found)))
    if any(each.low is not None for each in found):
        lines.append(f"interval: 95 %, over trainings and cases. {CUT}")
    return "\n".join(lines)


def _rows(checked: Iterable[Checked]) -> Iterable[Sequence[str]]:
    for each in checked:
        row = each.reported
        interval = "–" if each.low is None else f"{_n(each, each.low)} to {_n(each, each.high)}"
        fitting = ", ".join(name for name, _ in each.protocols)
        if not fitting and each.nearest:
            fitting = f"none; nearest {each.nearest[0]} {_n(each, each.nearest[1])}"
        ours, theirs = _n(each, each.ours), _n(each, row.value)
        yield (row.method, row.dataset, row.metric, theirs, ours, interval, fitting,
               each.verdict, each.why, row.source)  # fmt: skip


def _n(each: Checked, value: float | None) -> str:
    if value is None:
        return "–"
    metric = metric_of(each.reported.metric)
    share = metric is not None and metric.unit == "share"
    return f"{value:.4f}" if share else f"{value:.2f}"
