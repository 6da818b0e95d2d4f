"""The cost of a method on a mix: looked up, measured once, written beside its runs."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.core.environment import (
    finished_at,
    hardware,
    pick_device,
    processor,
    versions,
)
from benchmark.core.errors import MethodError, MixSegError, ParamsError
from benchmark.core.files import Paths, digest, read_json, shown, write_json
from benchmark.core.params import Mix, load_params
from benchmark.core.progress import Progress
from benchmark.data.answers import require
from benchmark.methods import discover
from benchmark.methods.code import COST, code_digest, entry_files
from benchmark.methods.declaration import Card
from benchmark.methods.discover import MethodEntry
from benchmark.methods.importing import own_line
from benchmark.methods.weights import WeightStore
from benchmark.runs.identity import method_code

SCHEMA = 1
FOLDER, FILE = "cost", "cost.json"


def measure(
    paths: Paths, name: str, mix: str, *, device: str, again: bool, progress: Progress
) -> str:
    """Measures a method at a mix's size, unless that is done; in words.

    It is done if the file there is of the same code, size and machine; its bytes then stay. The
    weights are pretrained where the mix asks for them and they are here, else random.

    Args:
        device: "auto", "cpu" or "cuda".
        again: measure even if it is done.

    Raises: MethodError, ParamsError for unknown names or a method that cannot predict,
        StaleDataError if the mix has data of another size.
    """
    params = load_params(paths.root)
    about = params.mix(mix)
    require(paths, mix, about)
    card = discover.card_of(paths.root, name)
    if mix not in params.mixes_of(card):
        raise ParamsError(
            f"method {name!r}", f"it does not run on {mix!r}",
            f"one of {', '.join(params.mixes_of(card)) or 'no mix'}",
            f"Add its group {card.group!r}, or its name, to mixes.{mix} in params.yaml.",
        )  # fmt: skip
    card = about.card_of(card)
    path, same = _filed(paths, mix, about, card)
    record = None if again else _measured(path, same, device)
    done = "already measured:" if record else "wrote"
    if record is None:
        load = round(os.getloadavg()[0], 2)  # of the last minute: other work makes times longer
        device = pick_device(device)
        entry = replace(discover.method_entry(paths.root, name), card=card)
        record = {
            "schema": SCHEMA,
            "method": name,
            "mix": mix,
            "group": card.group,
            **_tried(paths, entry, (about, device), progress),
            **same,
            "hardware": hardware(device),
            "load": load,
            "versions": versions(),
            "finished": finished_at(),
        }
        write_json(path, record)
    return f"{text(record)}\n{done} {shown(path, paths.root)}"


def cost_codes(root: Path, mix: Mix) -> dict[str, str]:
    """Digest by method of the code and the declaration whose cost would be measured now."""
    return {
        card.name: _own_code(folder, mix.card_of(card))
        for folder in discover.folders(root)
        for card in folder.cards
    }


def _own_code(folder: discover.Folder, card: Card) -> str:
    return digest([method_code(folder), card.identity()])


def _code(root: Path, card: Card) -> dict[str, str]:
    own = _own_code(discover.declared(root)[card.name], card)
    return {"method": own, "measuring": code_digest(entry_files(root, COST))}


def _filed(paths: Paths, mix: str, about: Mix, card: Card) -> tuple[Path, dict[str, Any]]:
    """Where the cost of a row lies, and what its record must hold to be of the present code."""
    path = paths.results(mix) / card.group / card.name / FOLDER / FILE
    return path, {"size": about.size, "code": _code(paths.root, card)}


def has_own_cost(card: Card) -> bool:
    """Whether a row is measured: one of the group single costs what its base costs."""
    return card.group != "single"


def is_measured(paths: Paths, card: Card, mix: str, device: str) -> bool:
    """Whether `measure` has nothing to do for a row of a mix; imports no torch."""
    about = load_params(paths.root).mix(mix)
    return _measured(*_filed(paths, mix, about, about.card_of(card)), device) is not None


def _measured(path: Path, same: dict[str, Any], device: str) -> dict[str, Any] | None:
    """The record that is there, if it is whole and of the same code, size and machine; no torch."""
    try:
        record: dict[str, Any] = read_json(path)
        there, here = record["hardware"], processor()
        kept = all(record[key] == same[key] for key in ("size", "code"))
        kept &= record["schema"] == SCHEMA and bool(text(record))
        kept &= all(there[key] == here[key] for key in here)
        kept &= device == "auto" or (device == "cpu") == (there["device"] == "cpu")
    except (MixSegError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return record if kept else None


def _tried(
    paths: Paths, entry: MethodEntry, at: tuple[Mix, str], progress: Progress
) -> dict[str, Any]:
    """What is measured; an error of the method's own code is named with its line."""
    import torch

    from benchmark.evaluation import cost
    from benchmark.methods.layers import count_parameters

    (mix, device), size, root = at, at[0].size, paths.root
    weights = WeightStore(paths.weights, entry.card.weights)
    asked = mix.weights_of(entry.card) == "pretrained"
    loads = asked and all(weights.here(name) for name in weights.wanted)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            method = entry.build(size)
        if loads:
            method.load_pretrained(weights)
        measured = cost.measure(method, size, device, progress)
        began = "pretrained" if loads else "random"
        return {"parameters": count_parameters(method), **measured, "weights": began}
    except MixSegError:
        raise
    except Exception as error:
        line, name = own_line(root, error), entry.card.name
        raise MethodError(
            f"method {name!r}, {line}" if line else f"method {name!r}",
            f"{type(error).__name__}: {' '.join(str(error).split())}",
            f"a prediction at {size} x {size} on {device}",
            f"`mixseg check {name}` tries it rule by rule; --debug shows the traceback.",
        ) from error


def text(record: dict[str, Any]) -> str:
    """A record in a few lines."""
    machine, size = record["hardware"], record["size"]
    where = dict.fromkeys((machine["device"], machine["cpu"]))
    counts, times, memory = record["parameters"], record["latency_ms"], record["memory_mib"]
    peak = memory["how"] if memory["peak"] is None else f"{memory['peak']:,.1f} MiB at its peak"
    unseen = ", ".join(f"{name} {calls}" for name, calls in record["not_counted"]) or "none"
    return "\n".join(
        (
            f"{record['method']} on {record['mix']}: one image of {size} x {size},"
            f" {', '.join(where)}, {machine['threads']} CPU thread(s)",
            f"  parameters   {counts['total']:,}, {counts['trainable']:,} trainable",
            f"  MACs         {record['macs'] / 1e9:,.3f} G",
            f"  not counted  {unseen}",
            f"  latency      {times['median']:,.1f} ms, quartiles {times['q1']:,.1f} to"
            f" {times['q3']:,.1f}, {record['latency_runs']} runs"
            f" (load before: {record['load']:.1f} on {machine['cores']} cores)",
            f"  memory       {peak}; weights alone {memory['weights']:,.1f} MiB",
        )
    )
