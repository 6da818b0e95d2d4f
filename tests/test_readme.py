"""The README says what is so: its commands exist, its table is the report's, its links resolve."""

import re
import shlex

import pytest
import typer.main
from support import ROOT

from benchmark.cli.app import app
from benchmark.methods.discover import folders

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "baselines" / "README.md",
         ROOT / "mmsnet" / "README.md",         *sorted((ROOT / "docs").glob("*.md"))]  # fmt: skip
WORDS = {"MIX": "mix0", "NAME": "some-name", "N": "1", "DIR": "."}


def commands(text: str) -> list[list[str]]:
    """Every `mixseg ...` of the code in a page, comments and continuations taken out."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"```\n(.*?)```", text, re.S) + re.findall(r"`([^`\n]+)`", text)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|,", line)]
    return [shlex.split(part)[1:] for part in parts if part.startswith("mixseg ")]


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ALL = sorted({tuple(words) for page in PAGES for words in commands(page.read_text())})


def test_commands_were_found() -> None:
    assert len(ALL) > 12


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_commands_and_their_options_exist(words: tuple[str, ...]) -> None:
    command = COMMANDS[words[0]]
    known = {name for part in command.params for name in (*part.opts, *part.secondary_opts)}
    options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    assert options <= known | {"--help"}


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"^make ([a-z-]+)", page.read_text(), re.M):
            assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_table_is_the_reports() -> None:
    table = README.split("<!-- table -->")[1].split("<!-- /table -->")[0].strip()
    written = (ROOT / "reports" / "open128" / "tables" / "headline.md").read_text(encoding="utf-8")
    assert table == written.strip()


def test_the_tree_is_the_tree() -> None:
    tree = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8").split("```")[1]
    for line in tree.strip().splitlines():
        for name in re.findall(r"^\s*((?:[\w./-]+(?: (?=[\w./]+(?:/|\.py|\.yaml)))?)+)", line):
            for part in name.split():
                if "NAME" in part or not re.search(r"[/.]", part):
                    continue
                inside = line.startswith("  ")
                assert (ROOT / ("benchmark" if inside else "") / part).exists(), part


def test_the_number_of_rows_is_right() -> None:
    found = folders(ROOT)
    rows = sum(len(folder.cards) for folder in found)
    assert f"{rows} rows in {len(found)} folders" in README


def test_no_blank_is_left_to_fill() -> None:
    assert "{{" not in README
