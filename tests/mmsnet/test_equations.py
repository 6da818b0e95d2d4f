"""The README's map from equations to functions: each holds its equation, each O-number its row."""

import ast
import re
from pathlib import Path

from support import ROOT

FOLDER = ROOT / "mmsnet"
SHARED = ROOT / "baselines" / "_shared"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(.+)` \| .+ \| \[`([\w.]+)`\]\(([\w./]+\.py)\) \|$", re.M)


def functions(path: Path) -> dict[str, str]:
    """The source of each function of a file; those of a class are named Class.method."""
    text = path.read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(text).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                of = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                found[of + function.name] = ast.get_source_segment(text, function) or ""
    return found


def test_equations_stand_where_the_readme_says() -> None:
    rows = ROW.findall(README)
    assert len(rows) > 25
    for equation, name, file in rows:
        source = functions((FOLDER / file).resolve())
        assert name in source, f"{file}: no function {name}"
        comments = [line for line in source[name].splitlines() if line.strip().startswith("#")]
        wanted = equation.replace("\\|", "|")
        assert any(wanted in line for line in comments), f"{file}: {name}: no comment {wanted}"


def test_every_row_of_the_table_is_read() -> None:
    table = README.split("## Equations")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(table)) > 25


def test_every_open_point_of_the_code_has_a_row() -> None:
    listed = {int(n) for n in re.findall(r"^\| O(\d+) \|", README, re.M)}
    assert listed == set(range(1, 29))
    files = [*FOLDER.glob("**/*.py"), FOLDER / "method.yaml", *SHARED.glob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    named = {int(n) for n in re.findall(r"\bO(\d+)\b", code)}
    assert len(named) > 10
    assert named <= listed
