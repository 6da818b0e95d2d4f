"""Where plugins and their code lie, and a digest of code that comments do not change."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmark.core.errors import MethodError
from benchmark.core.files import digest, project_root

PLUGIN = "plugin.py"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BENCH = "bench.py"  # measures speed; no number of a run depends on it
NO_CODE = frozenset({BENCH, "conftest.py"})
NO_METHODS_IN = frozenset({"benchmark", "data", "tests", "work"})
TRAINING = (
    *("methods/declaration.py", "methods/losses.py", "methods/method.py", "methods/layers.py"),
    "methods/weights.py",
    *("data/augment.py", "data/cases.py", "data/prompting.py", "data/prompts.py"),
    *("training/batches.py", "training/features.py", "training/loop.py"),
    *("training/optimiser.py", "training/distributed.py"),
    *("training/weights_file.py", "runs/train.py"),
)
WRITES_MAPS = ("maps.py", "predict.py")
SCORES_MAPS = ("metrics.py", "protocols.py", "score.py")


def plugin_files(root: Path) -> list[Path]:
    """Every plugin.py one or two folders below the root, in folder order."""
    found = [*root.glob(f"*/{PLUGIN}"), *root.glob(f"*/*/{PLUGIN}")]
    kept = [path for path in found if _holds_methods(path.relative_to(root).parts)]
    return sorted(kept, key=lambda path: path.parent)


def _holds_methods(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith((".", "_")) for part in parts)
    return not hidden and parts[0] not in NO_METHODS_IN and "tests" not in parts


def code_files(plugin: Path, root: Path | None = None) -> list[Path]:
    """The files whose code makes a method: those of its folder, and what they import of ours.

    `benchmark` is not among them (`training_code_files` are everybody's); tests
    are not, nor folders that hold a plugin of their own.

    Raises: MethodError if one of them is no Python.
    """
    root = root or project_root(plugin.parent)
    return imported_files(_own_files(plugin.parent), root)


def imported_files(files: Iterable[Path], root: Path) -> list[Path]:
    """Some files and what they import of ours, directly or not; `benchmark` is left out.

    Raises: MethodError if one of them is no Python.
    """
    found = set(files)
    waiting = sorted(found)
    while waiting:
        new = _imported(root, waiting.pop()) - found
        found |= new
        waiting.extend(new)
    return sorted(found)


def training_code_files(root: Path) -> list[Path]:
    """The modules of `benchmark` that every trained weight depends on."""
    return sorted(_package(root) / name for name in TRAINING)


def evaluation_code_files(root: Path) -> tuple[list[Path], list[Path]]:
    """The modules of `benchmark` that write a run's maps, and those that score them."""
    folder = _package(root) / "evaluation"
    return [folder / name for name in WRITES_MAPS], [folder / name for name in SCORES_MAPS]


def code_digest(files: Iterable[Path]) -> str:
    """A digest of the syntax trees: comments, docstrings, blank lines and line breaks are free.

    It is the same under every version of Python that can parse the files.

    Raises: MethodError if a file is missing or no Python.
    """
    return digest([_plain(_without_docstrings(_tree(file))) for file in files])


def _package(root: Path) -> Path:
    """The project's own `benchmark`, or the installed one where the project has none."""
    own = root / "benchmark"
    return own if own.is_dir() else Path(__file__).parents[1]


def _own_files(folder: Path) -> Iterator[Path]:
    for file in folder.glob("*.py"):
        if not file.name.startswith("test_") and file.name not in NO_CODE:
            yield file
    for inner in folder.iterdir():
        hidden = inner.name.startswith((".", "__")) or inner.name == "tests"
        if inner.is_dir() and not hidden and not (inner / PLUGIN).exists():
            yield from _own_files(inner)


def _imported(root: Path, file: Path) -> set[Path]:
    """Files below the root that a file imports, without those of `benchmark`."""
    found: set[Path] = set()
    for node in ast.walk(_tree(file, root)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _module_files(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if node.level else root
            parts = node.module.split(".") if node.module else []
            for alias in node.names:  # each may be a module itself
                found |= _module_files(start, [*parts, alias.name])
    own = root / "benchmark"
    return {path for path in found if root in path.parents and own not in path.parents}


def _module_files(start: Path, parts: list[str]) -> set[Path]:
    """The file of a module and the __init__.py of every package on the way to it."""
    found, folder = set(), start
    for part in parts:
        module, folder = folder / f"{part}.py", folder / part
        found |= {path for path in (module, folder / "__init__.py") if path.is_file()}
    return found


def _tree(file: Path, root: Path | None = None) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except OSError as error:
        raise MethodError(file, "no file", "Python code", "Restore it.") from error
    except (SyntaxError, ValueError) as error:
        shown = file.relative_to(root).as_posix() if root else file
        where = f"{shown}:{getattr(error, 'lineno', None) or 1}"
        found = f"no Python ({getattr(error, 'msg', error)})"
        raise MethodError(where, found, "Python code", "Mend it.") from error


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _plain(node: Any) -> Any:
    """A tree as lists and strings, without positions; empty fields are left out.

    Python's own `ast.dump` differs between versions, which add fields that are empty in old code.
    """
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
        return [type(node).__name__, *([name, _plain(value)] for name, value in fields)]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return repr(node)
