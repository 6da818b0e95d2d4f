"""Sizes that no linter counts: functions of 40 lines; files over 400 lines are reported."""

import ast
import warnings

import pytest
from support import ROOT

FILES = sorted([*ROOT.glob("benchmark/**/*.py"), *ROOT.glob("baselines/**/*.py"),
                *ROOT.glob("mmsnet/**/*.py")])  # fmt: skip
FUNCTION, FILE = 40, 400


def test_files_were_found() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > FILE:
        warnings.warn(
            f"{path.relative_to(ROOT)} has {lines} lines; split it by meaning", stacklevel=1
        )
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                assert lines <= FUNCTION, f"{node.name}, line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_is_documented(path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no module docstring"
    for node in tree.body:
        public = not getattr(node, "name", "_").startswith("_")
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and public:
            assert ast.get_docstring(node), node.name
