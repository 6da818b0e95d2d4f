"""The cost of a method on a mix: looked up, measured once, written beside its runs."""

import os
from pathlib import Path
from typing import Any

from benchmark.core.environment import finished_at, hardware, pick_device, versions
from benchmark.core.errors import MethodError, MixSegError, ParamsError
from benchmark.core.files import Places, read_json, write_json
from benchmark.core.params import Mix, load_params
from benchmark.core.progress import Progress
from benchmark.methods import discover
from benchmark.methods.discover import MethodEntry
from benchmark.methods.importing import own_line
from benchmark.methods.weights import WeightStore

SCHEMA = 1
FOLDER, FILE = "cost", "cost.json"
MACHINE = ("device", "cpu", "cores", "threads")  # what of the hardware a time depends on


def cost_code_files(root: Path) -> list[Path]:
    """The modules of `benchmark` that a measured cost depends on, besides the method's own."""
    maps, _ = discover.evaluation_code_files(root)
    folder = maps[0].parent
    shared = ("declaration.py", "layers.py", "method.py")
    return sorted([*(folder.parent / "methods" / name for name in shared), folder / "cost.py"])


def measure(places: Places, of: tuple[str, str], how: tuple[str, bool], progress: Progress) -> str:
    """Measures a method at a mix's size, unless that is done; in words.

    It is done if the file there is of the same code, size and machine; its bytes then stay. The
    weights are pretrained where the mix asks for them and they are here, else random: a method may
    work at another size with them (SAM's 1024).

    Args:
        of: method and mix.
        how: device ("auto", "cpu", "cuda"), and whether to measure again.

    Raises: MethodError, ParamsError for unknown names or a method that cannot predict.
    """
    name, mix = of
    about = load_params(places.root).mix(mix)
    size = about.size
    entry = discover.method_entry(places.root, name)
    if mix not in entry.card.mixes:
        raise ParamsError(
            f"method {name!r}", f"no mix {mix!r} in its card",
            f"one of {', '.join(entry.card.mixes)}",
            "Add it to `mixes` in the card, then `mixseg sync`.",
        )  # fmt: skip
    device = pick_device(how[0])
    path = places.results(mix) / entry.card.group / name / FOLDER / FILE
    same = {"size": size, "hardware": hardware(device), "code": _code(places.root, entry)}
    record = None if how[1] else _measured(path, same)
    done = "already measured" if record else "wrote"
    if record is None:
        load = round(os.getloadavg()[0], 2)  # of the last minute: other work makes times longer
        record = {
            "schema": SCHEMA,
            "method": name,
            "mix": mix,
            "group": entry.card.group,
            **_tried(places, entry, (about, device), progress),
            **same,
            "load": load,
            "versions": versions(),
            "finished": finished_at(),
        }
        write_json(path, record)
    shown = path.relative_to(places.root) if places.root in path.parents else path
    return f"{text(record)}\n{done}: {shown}"


def _code(root: Path, entry: MethodEntry) -> dict[str, str]:
    own = discover.code_digest([root / file for file in entry.files])
    return {"method": own, "measuring": discover.code_digest(cost_code_files(root))}


def _measured(path: Path, same: dict[str, Any]) -> dict[str, Any] | None:
    """The record that is there, if it is whole and of the same code, size and machine."""
    try:
        record: dict[str, Any] = read_json(path)
        machines = [
            {key: of[key] for key in MACHINE} for of in (record["hardware"], same["hardware"])
        ]
        whole = record["schema"] == SCHEMA and bool(text(record))
        kept = all(record[key] == same[key] for key in ("size", "code"))
    except (MixSegError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return record if whole and kept and machines[0] == machines[1] else None


def _tried(
    places: Places, entry: MethodEntry, at: tuple[Mix, str], progress: Progress
) -> dict[str, Any]:
    """What is measured; an error of the method's own code is named with its line."""
    import torch

    from benchmark.evaluation import cost
    from benchmark.methods.layers import count_parameters

    (mix, device), size, root = at, at[0].size, places.root
    weights = WeightStore(places.weights, entry.card.weights)
    asked = mix.weights_of(entry.card) == "pretrained"
    loads = asked and all(weights.here(name) for name in weights.wanted)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            method = entry.cls(size=size)
        if loads:
            method.load_pretrained(weights)
        measured = cost.measure(method, size, device, progress)
        told = {"weights": "pretrained"} if loads else {}
        return {"parameters": count_parameters(method), **measured, **told}
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
            f" {', '.join(where)}, {machine['threads']} threads",
            f"  parameters   {counts['total']:,}, {counts['trainable']:,} trainable",
            f"  MACs         {record['macs'] / 1e9:,.3f} G",
            f"  not counted  {unseen}",
            f"  latency      {times['median']:,.1f} ms, quartiles {times['q1']:,.1f} to"
            f" {times['q3']:,.1f}, {record['latency_runs']} runs"
            f" (load before: {record['load']:.1f} on {machine['cores']} cores)",
            f"  memory       {peak}; weights alone {memory['weights']:,.1f} MiB",
        )
    )
