"""Where and when a run was made: machine, versions, commit, time."""

import datetime
import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmark.core.errors import MethodError

PACKAGES = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "transformers", "numpy")


def hardware(device: str) -> dict[str, Any]:
    """The machine that a run was trained on."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "device": name,
        **processor(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "threads": torch.get_num_threads(),
        "memory_gib": round(total, 1),
    }


def processor() -> dict[str, Any]:
    """The name of the processor, and its cores; needs no torch."""
    return {"cpu": _cpu_name(), "cores": os.cpu_count()}


def _cpu_name() -> str:
    """By /proc/cpuinfo where there is one (Linux), else as Python names the machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> dict[str, str]:
    """Versions of what a number may depend on."""
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}}


# What runs and reports write. A change of these files changes no number of a later run.
_WRITTEN = (":(exclude)results", ":(exclude)reports", ":(exclude,glob)**/dvc.lock")


@functools.cache
def commit(root: Path) -> str | None:
    """The commit checked out, with "+" where tracked files were changed; None outside Git.

    What runs and reports write may differ without a "+".
    """
    revision = git(root, "rev-parse", "--short=12", "HEAD").strip()
    changed = git(root, "diff", "--name-only", "HEAD", "--", ".", *_WRITTEN)
    return f"{revision}{'+' if changed else ''}" if revision else None


def git(root: Path, *words: str) -> str:
    """What a Git command prints; nothing where it fails, or outside of a repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True,
                              check=True, timeout=30)  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def finished_at() -> str:
    """The time now, in seconds, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def pick_device(wanted: str) -> str:
    """ "cuda" where there is one and `auto` was asked for.

    Raises: MethodError if CUDA is asked for and absent.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise MethodError("--device cuda", "no CUDA device", "one", "Use --device cpu.")
    return wanted
