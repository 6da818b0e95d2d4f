"""The README's map from equations to lines: each line holds the equation, each O-number its row."""

import re

from support import ROOT

FOLDER = ROOT / "mmsnet"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(.+)` \| .+ \| \[(\w+\.py):(\d+)\]\(\2#L\3\) \|$", re.M)


def test_equations_stand_where_the_readme_says() -> None:
    rows = ROW.findall(README)
    assert len(rows) > 25
    for equation, file, line in rows:
        text = (FOLDER / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert text.strip().startswith("#"), f"{file}:{line}"
        assert equation.replace("\\|", "|") in text, f"{file}:{line}: {text.strip()}"


def test_every_open_point_of_the_code_has_a_row() -> None:
    listed = {int(n) for n in re.findall(r"^\| O(\d+) \|", README, re.M)}
    assert listed == set(range(1, 29))
    code = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("**/*.py"))
    named = {int(n) for n in re.findall(r"\bO(\d+)\b", code)}
    assert len(named) > 10
    assert named <= listed
