"""What is kept of parsed code: it saves parsing, and is never used for other code."""

import ast
from pathlib import Path

import pytest

from benchmark.core.files import Paths
from benchmark.methods import parsed

CODE = "import os\nfrom . import near\n\nX = 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("")
    (tmp_path / "code.py").write_text(CODE)
    return tmp_path


def facts(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[parsed.Facts, int]:
    """The facts as a process of its own finds them, and how many files it parsed."""
    seen: list[object] = []

    def parse(source: bytes, **options: str) -> ast.Module:
        seen.append(source)
        return compile(source, "code.py", "exec", ast.PyCF_ONLY_AST)  # type: ignore[no-any-return]

    monkeypatch.setattr(parsed, "_seen", {})
    parsed._kept.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", parse)
        found = parsed.facts(root / "code.py", root)
    kept = parsed._kept(root)
    parsed._keep(root, kept, len(kept) - len(seen))  # as at the end of the process
    return found, len(seen)


def kept_file(root: Path) -> Path:
    return Paths(root).digests / parsed.KEPT


def test_a_file_is_parsed_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, count = facts(project, monkeypatch)
    again, none = facts(project, monkeypatch)
    assert (count, none) == (1, 0)
    assert first.imports == again.imports
    assert sorted(first.imports) == [(0, ("os",)), (1, ("near",))]
    assert first.digest == again.digest == parsed.source_digest(CODE.encode())


def test_other_code_has_other_facts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = facts(project, monkeypatch)
    (project / "code.py").write_text(CODE.replace("X = 1", "X = 2"))
    other, count = facts(project, monkeypatch)
    assert count == 1
    assert other.digest != first.digest


@pytest.mark.parametrize("damage", ["cut", "changed", "of another parser", "no JSON"])
def test_a_kept_file_that_cannot_be_trusted_is_passed_over(
    project: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    first, _ = facts(project, monkeypatch)
    path = kept_file(project)
    text = path.read_text()
    if damage == "of another parser":
        monkeypatch.setattr(parsed, "sha256_file", lambda _: "0" * 64)
    path.write_text({"cut": text[: len(text) // 2], "changed": text.replace("near", "away"),
                     "of another parser": text, "no JSON": "a\nb\n"}[damage])  # fmt: skip
    found, count = facts(project, monkeypatch)
    assert count == 1
    assert (found.digest, found.imports) == (first.digest, first.imports)


def test_a_folder_that_is_no_project_is_not_written_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "params.yaml").unlink()
    facts(project, monkeypatch)
    assert not kept_file(project).exists()
