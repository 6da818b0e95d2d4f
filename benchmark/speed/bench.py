"""Runs a benchmark of speed: ours, or the one in a method's folder, as ratios within one run."""

import importlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmark.core.environment import hardware, pick_device
from benchmark.core.errors import ParamsError
from benchmark.core.progress import Progress
from benchmark.core.text import columns
from benchmark.methods.code import plugin_files
from benchmark.methods.discover import folder_of
from benchmark.methods.importing import import_beside

BENCH = "bench.py"  # in a method's folder
OURS = {
    "data": "benchmark.speed.data",
    "growth": "benchmark.speed.growth",
    "metrics": "benchmark.speed.metrics",
    "networks": "benchmark.speed.networks",
    "statistics": "benchmark.speed.statistics",
}
Row = dict[str, Any]
Parts = Mapping[str, Callable[[str], Row]]  # title to what measures on a device


def run(
    root: Path,
    name: str,
    how: tuple[bool, str],
    progress: Progress,
    only: str | None = None,
    sizes: str | None = None,
    official: Path | None = None,
) -> str:
    """Runs a benchmark by name; text for people, or JSON.

    A benchmark is a module whose docstring's first line says what is measured, with PARTS: from a
    title to a function of the device that gives a row of numbers; or with a function `parts` that
    gives them for the project's root and a method's name, or None for all.

    Args:
        how: whether as JSON, and on which device.
        only: one method, where a benchmark has parts a method.
        sizes: where a benchmark has SIZES, others than those.
        official: where the official code lies that the networks are compared with, on a CPU.

    Raises: ParamsError for an unknown name, or for an option that the benchmark does not have.
    """
    as_json, device = how
    found = {**dict.fromkeys(OURS), **_beside_plugins(root)}
    if name not in found:
        raise ParamsError("bench", repr(name), f"one of {', '.join(found)}", "Name one of these.")
    if official is None:
        module, where = _load(root, name, found[name]), pick_device(device)
        parts = _parts(root, name, module, only, sizes)
    else:
        module, where = _against_official(name, sizes), "cpu"
        parts = module.parts(root, official, only)
    rows: list[Row] = []
    with progress.task(f"measuring {name}", len(parts), "parts") as task:
        for title, part in parts.items():
            task.advance(0, title)
            rows.append({"part": title, **part(where)})
            task.advance()
    machine = {**hardware(where), "torch": torch.__version__, "python": platform.python_version(),
               "load": round(os.getloadavg()[0], 2)}  # fmt: skip
    machine["threads"] = getattr(module, "THREADS", machine["threads"])
    if as_json:
        return json.dumps({"bench": name, "machine": machine, "rows": rows}, indent=2)
    return _text(str(module.__doc__).splitlines()[0], machine, rows)


def _beside_plugins(root: Path) -> dict[str, Path]:
    """Folders of methods that hold a benchmark, by their last name."""
    plugins = (plugin for plugin in plugin_files(root) if plugin.with_name(BENCH).is_file())
    return {folder_of(root, plugin).split("/")[-1]: plugin for plugin in plugins}


def _load(root: Path, name: str, plugin: Path | None) -> ModuleType:
    if plugin is None:
        return importlib.import_module(OURS[name])
    return import_beside(root, plugin, Path(BENCH).stem)


def _against_official(name: str, sizes: str | None) -> ModuleType:
    if name != "networks":
        raise ParamsError(
            f"bench {name}", "--official", "no such option", "Only `networks` has official code."
        )
    if sizes is not None:
        raise _no_sizes(name, sizes)
    return importlib.import_module("benchmark.speed.official")


def _parts(root: Path, name: str, module: ModuleType, only: str | None, sizes: str | None) -> Parts:
    sized = hasattr(module, "SIZES")
    if sizes is not None and not sized:
        raise _no_sizes(name, sizes)
    if hasattr(module, "parts") and (only is None or not sized):
        chosen: Parts = module.parts(root, sizes if sized else only)
        return chosen
    if only is not None:
        raise ParamsError(
            f"bench {name}", f"--method {only}", "no method", "It has no parts a method."
        )
    parts: Parts = module.PARTS
    return parts


def _no_sizes(name: str, sizes: str) -> ParamsError:
    return ParamsError(
        f"bench {name}", f"--sizes {sizes}", "no sizes", "It has no choice of sizes."
    )


def _text(what: str, machine: Mapping[str, Any], rows: list[Row]) -> str:
    """One table for all rows of the same columns."""
    lines = [
        f"{machine['device']}, {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['threads']} threads, torch {machine['torch']}, load {machine['load']}",
        what,
    ]
    for header in dict.fromkeys(tuple(row) for row in rows):
        same = [row for row in rows if tuple(row) == header]
        lines += ["", columns(header, ([_shown(v) for v in row.values()] for row in same))]
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
