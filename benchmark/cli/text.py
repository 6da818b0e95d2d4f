"""What commands print: methods, the matrix of runs, prepared datasets, duplicates."""

import json as jsons
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths
from benchmark.core.text import WIDEST, columns, width

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.data.coverage import Coverage
    from benchmark.methods.weights import WeightStore
    from benchmark.runs.status import State

TITLE, WEIGHTS = 36, 20  # of these columns of the list
RANDOM = "random weights"  # what a row without pretrained files starts from
RUNNING = 20  # runs under way that are named, at most


def methods(paths: Paths, group: str | None, mix: str | None, *, long: bool, json: bool) -> str:
    """The synced methods, grouped: name, title, parameters, prompt and weights at the start.

    Args:
        group, mix: only those of a group, or that run on a mix.
        long: with licence and source, at any width.

    Raises: ParamsError for an unknown group or mix.
    """
    from benchmark.core.params import load_params
    from benchmark.methods import discover
    from benchmark.methods.weights import WeightStore

    params = load_params(paths.root)
    if mix is not None:
        params.mix(mix)
    cards = discover.cards(paths.root)
    groups = sorted({card.group for card in cards})
    if group is not None and group not in groups:
        expected, do = f"one of {', '.join(groups) or 'no groups'}", "Name one of these."
        raise ParamsError("--group", f"no group {group!r}", expected, do)
    found = [
        card
        for card in cards
        if group in (None, card.group) and (mix is None or mix in params.mixes_of(card))
    ]
    if json:
        told = [{**card.model_dump(mode="json"), "mixes": params.mixes_of(card)} for card in found]
        return jsons.dumps(told, indent=2, ensure_ascii=False)
    lines = []
    for name in dict.fromkeys(card.group for card in found):
        rows = []
        for card in found:
            if card.group != name:
                continue
            store = WeightStore(paths.weights, card.weights)
            title, weights = card.title, store.describe() if store.names else RANDOM
            if not long:
                room = TITLE - (WIDEST - width())
                title, weights = _short(title, room), _short(_weights(store), WEIGHTS)
            row = (card.name, title, _count(card.parameters.total), card.prompt, weights)
            rows.append((*row, card.licence, card.source) if long else row)
        header = ("method", "title", "parameters", "prompt", "starts from", "licence", "source")
        table = columns(header[: len(rows[0])], rows)
        lines += [f"{name} ({len(rows)})", *(_cut(line, long) for line in table.splitlines()), ""]
    if not long and any(card.weights for card in found):
        lines.append("* this file is in the weights folder; files without a star come from the hub")
    return "\n".join(lines).rstrip() or "no methods"


def _weights(store: "WeightStore") -> str:
    """The pretrained files of a row, with a star on those that are here."""
    return ", ".join(f"{name}{'*' if store.here(name) else ''}" for name in store.names) or RANDOM


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _count(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 10_000 else f"{number:,}"


def _cut(line: str, long: bool) -> str:
    return line if long else _short(line, width())


def problems(root: Path) -> Iterator[str]:
    """The folders that are broken or not synced, each with its cause and what to run."""
    from benchmark.methods.discover import not_synced

    for item in not_synced(root):
        cause = item.cause.rstrip(".")
        yield f"not synced: {item.folder}: {cause}. Correct it, then run `{item.command}`."


def status(paths: Paths, found: "list[State]", *, long: bool, json: bool) -> str:
    """The states of runs: a matrix a mix, or one line a run, or JSON."""
    if json:
        keys = ("mix", "method", "seed", "state", "why")
        rows = [dict(zip(keys, state.row(), strict=True)) for state in found]
        return jsons.dumps(rows, indent=2)
    if long:
        return columns(("mix", "method", "seed", "state", "why"), (s.row() for s in found))
    mixes = dict.fromkeys(state.spec.mix for state in found)
    parts = [_matrix(mix, [s for s in found if s.spec.mix == mix]) for mix in mixes]
    return "\n\n".join([*parts, _legend(found)]) if parts else "no runs"


def _matrix(mix: str, found: "list[State]") -> str:
    """One mix: its totals, then its rows, as many beside each other as fit."""
    from benchmark.runs.status import STATES

    counts = Counter(state.state for state in found)
    told = ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name])
    rows: dict[str, list[str]] = {}
    for state in found:
        rows.setdefault(state.spec.method, []).append(STATES[state.state][0])
    lines = [f"{mix}: {len(found)} runs, {told}"]
    if set(counts) == {"missing"}:
        return lines[0]
    cells = [f"{name} {''.join(signs)}" for name, signs in rows.items()]
    lines += _side_by_side(cells)
    told_of = [s for s in found if s.state == "running" and s.why][:RUNNING]
    told_of += [s for s in found if s.state in ("failed", "stale", "earlier-scores")][:3]
    for state in told_of:
        why = " ".join(state.why.split())
        lines.append(_cut(f"  {state.spec}: {state.state}: {why}", False))
    return "\n".join(lines)


def _side_by_side(cells: list[str]) -> Iterable[str]:
    """Cells in columns of one width, read downwards."""
    wide = max(len(cell) for cell in cells) + 2
    beside = max(1, (width() - 2) // wide)
    height = -(-len(cells) // beside)
    for k in range(height):
        yield "  " + "".join(cell.ljust(wide) for cell in cells[k::height]).rstrip()


def _legend(found: "list[State]") -> str:
    from benchmark.runs.status import STATES

    seen = {state.state for state in found}
    told = [f"{sign} {words}" for name, (sign, words) in STATES.items() if name in seen]
    lines = ["one sign a seed:", *(f"  {line}" for line in told)]
    return "\n".join([*lines, "`mixseg status --long` names every run and its cause"])


def datasets(manifest: dict[str, Any], masks: "Mapping[str, Coverage]") -> str:
    """The datasets of a prepared mix: cases by split, masks that are empty or over half."""
    keys = ("modality", "role", "train", "val", "test")
    rows = [
        (name, *(about[key] for key in keys), len(masks[name].empty), len(masks[name].large))
        for name, about in manifest["datasets"].items()
    ]
    return columns(("dataset", *keys, "empty masks", "over half"), rows)


def duplicates(counts: "pd.DataFrame") -> str:
    """Counted duplicates; a sentence where there are none."""
    if not len(counts):
        return "the search found no duplicates"
    header = [name.replace("_", " ") for name in counts.columns]
    return columns(header, counts.itertuples(index=False))
