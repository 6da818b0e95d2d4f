"""docs/errors.md lists the errors of the code, as the code is now."""

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import ROOT, mixseg

RUN = """\
from benchmark.core.errors import MixSegError, StoreError

def load(path):
    how = "Copy it again." if path else "Name a file."
    raise StoreError(path, "half a file", "a whole one", how)
"""


@pytest.fixture(scope="module")
def errors() -> ModuleType:
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "docs" / "errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["errors_page"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    parsed, ours = module.found, functools.cache(module.found)  # to parse all code takes seconds
    module.found = lambda root: (ours if root == ROOT else parsed)(root)  # type: ignore[attr-defined]
    return module


@pytest.fixture(scope="module")
def listed(errors: ModuleType) -> list[Any]:
    """Every error that the code can tell."""
    return [one for part in errors.found(ROOT).values() for one in part]


def test_the_page_is_as_new_as_the_code(errors: ModuleType) -> None:
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == errors.page(ROOT), "run: python docs/errors.py"


def test_an_error_of_new_code_is_found(errors: ModuleType, tmp_path: Path) -> None:
    core = tmp_path / "benchmark" / "core"
    core.mkdir(parents=True)
    (core / "errors.py").write_text((ROOT / "benchmark" / "core" / "errors.py").read_text())
    assert "half a file" not in errors.page(tmp_path)
    (core / "new.py").write_text(RUN)
    line = "| half a file | PATH | a whole one | Copy it again. or Name a file. |"
    assert line in errors.page(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--mix", "open97"),
        ("check", "u-nett"),
        ("report", "--results", "/nowhere"),
        ("audit", "none.csv"),
    ],
    ids=" ".join,
)
def test_what_a_command_says_stands_on_the_page(
    errors: ModuleType, listed: list[Any], words: tuple[str, ...]
) -> None:
    done = mixseg(ROOT, *words, COLUMNS="80")
    assert done.returncode == 1
    line = done.stderr.strip()
    assert line.count("\n") == 0
    said = [one for one in listed if ": " + one.found.split("…")[0].split("NAME")[0] in line]
    assert [one for one in said if len(one.found) > 5 and one.found != errors.VARIES], line
