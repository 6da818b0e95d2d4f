"""Parsed files of code: a digest without comments and docstrings, and what each file imports.

**Conventions** Parsing is the slow part of most short commands. So the facts are kept in the
project's `work` folder, by the SHA-256 of the source and of this file: a change of either is never
met with old facts.
"""

import ast
import atexit
import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import MethodError, MixSegError
from benchmark.core.files import PARAMS, Paths, sha256_bytes, sha256_file, write_text

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
BODIES = ("body", "handlers", "orelse", "finalbody", "cases")  # where a statement holds others
KEPT, MOST = "parsed.json", 5_000  # files; a project has some hundred, and their former states
# By the SHA-256 of a source, as JSON holds it: its digest, and level and parts of its imports.
Kept = dict[str, tuple[str, list[tuple[int, Sequence[str]]]]]


@dataclass(frozen=True, eq=False)
class Facts:
    """What is kept of a parsed file.

    Attributes:
        digest: of its code.
        imports: level (0 is absolute) and parts of every module that it imports when it runs.
    """

    digest: str
    imports: tuple[tuple[int, tuple[str, ...]], ...]


_seen: dict[tuple[Path, int, int], Facts] = {}


def facts(file: Path, root: Path | None = None) -> Facts:
    """The facts of a file, which is parsed once as long as it does not change.

    Args:
        root: the project, whose kept facts are used, and below which errors name the file.

    Raises: MethodError if the file is missing or no Python.
    """
    try:
        about = file.stat()
        key = (file, about.st_mtime_ns, about.st_size)
        if key not in _seen:
            _seen[key] = _read(file, _kept(root) if root else {})
        return _seen[key]
    except OSError as error:
        raise MethodError(file, "no file", "Python code", "Restore it.") from error
    except (SyntaxError, ValueError) as error:
        shown = file.relative_to(root).as_posix() if root else file
        where = f"{shown}:{getattr(error, 'lineno', None) or 1}"
        found = f"no Python ({getattr(error, 'msg', error)})"
        raise MethodError(where, found, "Python code", "Correct the syntax there.") from error


def _read(file: Path, kept: Kept) -> Facts:
    source = file.read_bytes()
    key = sha256_bytes(source)
    if key not in kept:
        tree = ast.parse(source, filename=str(file))
        kept[key] = (_tree_digest(tree), list(_imports(tree)))
    digest, imports = kept[key]
    return Facts(digest, tuple((level, tuple(parts)) for level, parts in imports))


@functools.cache
def _kept(root: Path) -> Kept:
    """The facts that are kept in a project; written when the process ends."""
    kept: Kept = {}
    with suppress(OSError, ValueError):
        first, body = (Paths(root).digests / KEPT).read_text(encoding="utf-8").splitlines()
        kept = json.loads(body) if first == _seal(body) else {}
    kept = kept if len(kept) < MOST else {}
    atexit.register(_keep, root, kept, len(kept))
    return kept


def _keep(root: Path, kept: Kept, before: int) -> None:
    if len(kept) > before and (root / PARAMS).is_file():
        body = json.dumps(kept)
        with suppress(OSError, MixSegError):  # it only saves time
            write_text(Paths(root).digests / KEPT, f"{_seal(body)}\n{body}\n")


def _seal(body: str) -> str:
    return sha256_bytes(f"{sha256_file(Path(__file__))}\n{body}".encode())


def source_digest(source: bytes) -> str:
    """The digest of the code in some bytes; empty where they are no Python."""
    try:
        return _tree_digest(ast.parse(source))
    except (SyntaxError, ValueError):
        return ""


def _imports(tree: ast.Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else ()
            for alias in node.names:  # each may be a module itself
                yield node.level, (*parts, alias.name)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements but those below `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(_held(node))


def _held(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that a statement holds."""
    for field in BODIES:
        yield from getattr(node, field, ())


def _tree_digest(tree: ast.Module) -> str:
    """The digest of a tree, from which it takes the docstrings."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        waiting.extend(_held(node))
    return sha256_bytes(_canonical(tree).encode())


def _canonical(node: Any) -> str:
    """A tree as JSON of lists and strings, without positions; empty fields are left out.

    Python's own `ast.dump` differs between versions, which add fields that are empty in old code.
    """
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields)
        kept = (f',["{name}",{_canonical(value)}]' for name, value in fields
                if value is not None and value != [])  # fmt: skip
        return f'["{type(node).__name__}"{"".join(kept)}]'
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    return json.dumps(repr(node))
