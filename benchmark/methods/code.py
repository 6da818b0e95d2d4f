"""The files that a number depends on, and a digest of their code without comments; no torch.

A closure is an entry point with every module of the project that it imports, directly or not. What
a run depends on are four closures: the method's own module, and the entry points of training,
prediction and scoring. They are computed from the code, less the modules named in `IGNORED`.
"""

import functools
from collections.abc import Iterable
from pathlib import Path

from benchmark.core.files import digest
from benchmark.methods.parsed import Facts, facts

PLUGIN = "plugin.py"
NO_METHODS_IN = frozenset({"benchmark", "data", "tests", "work"})

# The entry points, relative to the root.
TRAINING, PREDICTION, SCORING = (
    "benchmark/runs/train.py",
    "benchmark/runs/predict.py",
    "benchmark/evaluation/score.py",
)
COST = "benchmark/evaluation/cost.py"
# The entry points of the other stages, by what data/code.json calls their digests.
STAGES = {
    "cost": COST,
    "preparation": "benchmark/data/prepare.py",
    "leaks": "benchmark/data/leaks.py",
    "controls": "benchmark/evaluation/controls.py",
    "report": "benchmark/reports/page/document.py",
}

# Modules on which no number depends, with the reason. They are not digested; what they import is.
IGNORED = {
    "benchmark/core/": "files, errors, progress, parameters: the values themselves are digested",
    "benchmark/methods/declaration.py": "says, does not do; the values themselves are digested",
    "benchmark/methods/method.py": "the contract: names of hooks, whose defaults lie elsewhere",
}
# Modules at which a closure ends: they find, order and check, and import what others need.
ENDS = {
    "benchmark/data/answers.py": "compares prepared data with params.yaml",
    "benchmark/data/manifest.py": "compares prepared files with their digests",
    "benchmark/data/record.py": "looks whether raw data changed",
    "benchmark/methods/discover.py": "finds methods",
    "benchmark/methods/importing.py": "imports plugins",
    "benchmark/methods/code.py": "digests code",
    "benchmark/methods/parsed.py": "digests code",
    "benchmark/runs/execute.py": "orders the steps of a run",
    "benchmark/runs/identity.py": "says what a run is",
    "benchmark/runs/settings.py": "names files, and options that change no number",
    "benchmark/runs/store.py": "keeps the files of runs",
}
# The code of an optional training feature: it counts only for runs whose recipe sets the field.
OPTIONAL: dict[str, str] = {"scales": "benchmark/training/multiscale.py"}


def plugin_files(root: Path) -> list[Path]:
    """Every plugin.py one or two folders below the root, in folder order."""
    found = [*root.glob(f"*/{PLUGIN}"), *root.glob(f"*/*/{PLUGIN}")]
    kept = [path for path in found if _holds_methods(path.relative_to(root).parts)]
    return sorted(kept, key=lambda path: path.parent)


def _holds_methods(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith((".", "_")) for part in parts)
    return not hidden and parts[0] not in NO_METHODS_IN and "tests" not in parts


def method_files(root: Path, plugin: Path) -> list[Path]:
    """The code of the methods in one plugin.py: the module and what it imports of the project.

    Raises: MethodError if one of them is no Python.
    """
    return closure(root, [plugin])


def training_files(root: Path, recipe_fields: Iterable[str] = ()) -> list[Path]:
    """The code that every trained weight depends on, besides the method's own.

    Args:
        recipe_fields: fields that the run's recipe sets to another value than the default; the
            code of optional features counts for these alone.
    """
    files = entry_files(root, TRAINING)
    used = [OPTIONAL[field] for field in recipe_fields if field in OPTIONAL]
    return _in_order({*files, *closure(root, [_own(root, name) for name in used])}, root)


def entry_files(root: Path, entry: str) -> list[Path]:
    """The closure of an entry point, without the code of optional features."""
    optional = {_own(root, name) for name in OPTIONAL.values()}
    return [file for file in closure(root, [_own(root, entry)]) if file not in optional]


def _own(root: Path, name: str) -> Path:
    """A file of the project's own `benchmark`, or of the one that runs where it has none."""
    own = root / "benchmark"
    return root / name if own.is_dir() else Path(__file__).parents[2] / name


def closure(root: Path, entries: Iterable[Path]) -> list[Path]:
    """Some files and what they import of the project, less what `IGNORED` and `ENDS` name.

    Imports that only a type checker sees do not count; those inside functions do.

    Raises: MethodError if one of them is no Python.
    """
    found: set[Path] = set()
    waiting = list(entries)
    while waiting:
        file = waiting.pop()
        if file in found or _named(file, root, ENDS):
            continue
        found.add(file)
        waiting.extend(imported(root, file))
    return _in_order((file for file in found if not _named(file, root, IGNORED)), root)


def _in_order(files: Iterable[Path], root: Path) -> list[Path]:
    """Files in an order, and so with a digest, that does not depend on where the project lies."""
    return sorted(files, key=lambda file: (_shown(file, root).split("/"), file))


def _named(file: Path, root: Path, names: Iterable[str]) -> bool:
    shown = _shown(file, root)
    return any(shown == name or (name[-1] == "/" and shown.startswith(name)) for name in names)


@functools.cache
def _shown(file: Path, root: Path) -> str:
    """The path of a file in the project or beside it, with /; empty elsewhere."""
    bases = (base for base in (root, Path(__file__).parents[2]) if base in file.parents)
    return next((file.relative_to(base).as_posix() for base in bases), "")


def imported(root: Path, file: Path) -> set[Path]:
    """Files of the project that a file imports when it runs.

    Raises: MethodError if it is no Python.
    """
    return set(_imported(root, file, facts(file, root)))


@functools.cache
def _imported(root: Path, file: Path, found: Facts) -> frozenset[Path]:
    files: set[Path] = set()
    package = Path(__file__).parents[2]
    for level, parts in found.imports:
        start = file.parents[level - 1] if level else root
        files |= _module_files(start, package, parts)
    return frozenset(files - {file})


def _module_files(start: Path, package: Path, parts: tuple[str, ...]) -> set[Path]:
    """The file of a module and the __init__.py of every package on the way to it."""
    if parts[:1] == ("benchmark",) and not (start / "benchmark").is_dir():
        start = package
    found, folder = set(), start
    for part in parts:
        module, folder = folder / f"{part}.py", folder / part
        found |= {path for path in (module, folder / "__init__.py") if path.is_file()}
    return found


def code_digest(files: Iterable[Path]) -> str:
    """A digest of the syntax trees: comments, docstrings, blank lines and line breaks are free.

    It is the same under every version of Python that can parse the files.

    Raises: MethodError if a file is missing or no Python.
    """
    return digest([file_digest(file) for file in files])


def file_digest(file: Path) -> str:
    """A digest of one file's syntax tree; see `code_digest`."""
    return facts(file).digest
