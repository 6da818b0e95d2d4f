"""Writes docs/errors.md from the code: every error that a user can cause, with its cure.

python docs/errors.py            # writes the page
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "errors.md"
BASE = "MixSegError"
USAGE = "BadParameter"
# The parts of the page in order: title, and the folders whose errors it lists.
PARTS = {
    "Commands": ("benchmark/cli",),
    "The project and its files": ("benchmark/core",),
    "Data": ("benchmark/data",),
    "Methods": ("benchmark/methods", "baselines", "mmsnet"),
    "Training, prediction and runs": ("benchmark/training", "benchmark/runs", "benchmark/speed"),
    "Scores and analyses": ("benchmark/evaluation", "benchmark/analyses", "benchmark/statistics"),
    "Reports": ("benchmark/reports",),
    "Claims and audit": ("benchmark/claims", "benchmark/audit"),
}
HEAD = """\
# Errors

This page lists the errors that `mixseg` tells in one line. `python docs/errors.py` writes it from
the code, and a test fails when it is older than the code.

A line reads: where, what was found, what was expected, what to do. For example:

```
error: params.yaml: no mix 'opem128', expected one of open, open128. Did you mean 'open128'?
```

Search this page for the words that do not change. Words in capitals stand for what your case fills
in, such as PATH or NAME; … stands for a list or a number. Every command takes `--debug`, which also
shows the traceback. An error of any other form is a fault of the program, or of a library: please
report it with that traceback.
"""


FIELDS = ("where", "found", "expected", "do")
VARIES = "… (varies)"
VAGUE = ("found", "expected", "wanted", "how", "said", "why", "text", "where", "here", "problem")
DEPTH, ALTERNATIVES = 3, 3  # how far texts are followed, and into how many branches
Known = dict[str, list[ast.expr]]  # by name, the texts that it may stand for
Answers = dict[str, list[ast.expr]]


@dataclass(frozen=True, order=True)
class Told:
    """One error: what the line says, with placeholders for what varies."""

    found: str
    where: str
    expected: str
    do: str


@dataclass
class _Reader:
    """Reads the texts of the errors of one file.

    Attributes:
        kinds: the names of the error classes.
        answers: by function, the texts that it may return.
        calls: by function of the file, the calls of it.
    """

    tree: ast.Module
    kinds: set[str]
    answers: Answers

    def __post_init__(self) -> None:
        self.calls: dict[str, list[ast.Call]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                self.calls.setdefault(_called(node), []).append(node)

    def all(self) -> Iterator[Told]:
        """Every error of the file."""
        yield from self._below(self.tree, _assigned(self.tree.body))

    def _below(self, node: ast.AST, known: Known) -> Iterator[Told]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                inside = {**known, **_assigned(ast.walk(child))}
                for given in self._given(child):
                    yield from self._below(child, {**inside, **given})
                continue
            if isinstance(child, ast.Call):
                yield from self._error(child, known)
            yield from self._below(child, known)

    def _given(self, function: ast.FunctionDef) -> list[Known]:
        """What the calls in this file give for the arguments of a function of it."""
        names = [each.arg for each in function.args.args if each.arg != "self"]
        found: list[Known] = []
        for call in self.calls.get(function.name, ()) if function.name.startswith("_") else ():
            given = dict(zip(names, call.args, strict=False))
            given |= {each.arg: each.value for each in call.keywords if each.arg}
            texts = {
                k: [v] for k, v in given.items() if isinstance(v, ast.Constant | ast.JoinedStr)
            }
            found += [texts] if texts not in found else []
        return found or [{}]

    def _error(self, call: ast.Call, known: Known) -> Iterator[Told]:
        name = _called(call)
        texts = [self._text(each, known) for each in call.args]
        named = {each.arg: self._text(each.value, known) for each in call.keywords}
        texts += [named[key] for key in FIELDS[len(texts) :] if key in named]
        if name == USAGE and texts and texts[0].strip("… "):
            yield Told(texts[0], "", "", "")
        elif name in self.kinds and len(texts) == len(FIELDS):
            where, found, expected, do = texts
            yield Told(found if found.strip("… ") else VARIES, where, expected, do)

    def _text(self, node: ast.expr, known: Known, depth: int = 0) -> str:
        """A text with placeholders for what varies."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._text(each, known, depth) for each in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._text(node.value, known, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            left = self._text(node.left, known, depth) if isinstance(node.op, ast.Add) else ""
            return left + self._text(node.right, known, depth)
        if isinstance(node, ast.IfExp):
            return self._either([node.body, node.orelse], known, depth)
        if isinstance(node, ast.BoolOp) and isinstance(node.values[0], ast.Call):
            advice = self._text(node.values[0], known, depth)  # of a helper that may have none
            return self._either(node.values, known, depth) if advice.strip("… ") else "…"
        if isinstance(node, ast.Call):
            return self._either(self.answers.get(_called(node), []), {}, depth + 1)
        if isinstance(node, ast.Name):
            told = self._either(known.get(node.id, []), known, depth + 1)
            return told if told.strip("… ") else _placeholder(node.id)
        return _placeholder(node.attr) if isinstance(node, ast.Attribute) else "…"

    def _either(self, nodes: list[ast.expr], known: Known, depth: int) -> str:
        """The texts of some alternatives."""
        if depth > DEPTH or len(nodes) > ALTERNATIVES:
            return "…"
        texts = dict.fromkeys(self._text(each, known, depth) for each in nodes)
        return " or ".join(text for text in texts if text.strip("… ")) or "…"


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _assigned(nodes: Iterable[ast.AST]) -> Known:
    """The texts that names are given."""
    found: Known = {}
    for node in nodes:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            texts = ast.Constant | ast.JoinedStr | ast.IfExp | ast.BinOp | ast.BoolOp | ast.Call
            if isinstance(target, ast.Name) and isinstance(node.value, texts):
                found.setdefault(target.id, []).append(node.value)
    return found


def _answers(trees: Iterable[ast.Module]) -> Answers:
    """What each function returns, where it returns text."""
    found: Answers = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and getattr(node.returns, "id", "") == "str":
                back = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
                found.setdefault(node.name, []).extend(each for each in back if each)
    return found


def _placeholder(name: str) -> str:
    short = name.strip("_").split("_")[-1]
    if len(short) < 3 or short in VAGUE:
        return "…"
    return "REASON" if short == "error" else short.upper()


def _kinds(trees: Mapping[Path, ast.Module]) -> set[str]:
    """The names of the error classes."""
    kinds, before = {BASE}, 0
    while before != len(kinds):
        before = len(kinds)
        for tree in trees.values():
            classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
            kinds |= {c.name for c in classes if {getattr(b, "id", "") for b in c.bases} & kinds}
    return kinds


def found(root: Path) -> dict[str, list[Told]]:
    """The errors of the code by part of the page."""
    paths = [p for names in PARTS.values() for name in names for p in (root / name).rglob("*.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(paths)}
    kinds, answers = _kinds(trees), _answers(trees.values())
    told: dict[str, list[Told]] = {}
    for title, names in PARTS.items():
        every = set()
        for path, tree in trees.items():
            if any(path.is_relative_to(root / name) for name in names):
                every |= set(_Reader(tree, kinds, answers).all())
        told[title] = sorted(
            every, key=lambda one: (one.found == VARIES, one.found.casefold(), one)
        )
    return told


def page(root: Path) -> str:
    """The whole page."""
    lines = [HEAD]
    for title, every in found(root).items():
        lines += [f"## {title}", ""]
        usage = [one for one in every if not one.do]
        full = [one for one in every if one.do]
        if usage:
            lines += ["Options that do not go together, or a value that cannot be read:", ""]
            lines += [f"- {_cell(one.found)}" for one in usage] + [""]
        if full:
            lines += ["| found | where | expected | what to do |", "|---|---|---|---|"]
            for one in full:
                cells = (one.found, one.where, one.expected, one.do)
                lines.append(f"| {' | '.join(map(_cell, cells))} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    """Text that Markdown shows as it is; `code` stays code."""
    text = re.sub(r"…(\W{0,2}…)+", "…", " ".join(text.split()))
    parts = re.split(r"(`[^`]*`)", text)
    safe = [p if p.startswith("`") else re.sub(r"([\\*_<>\[\]`])", r"\\\1", p) for p in parts]
    return "".join(safe).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(ROOT), encoding="utf-8")
    count = sum(map(len, found(ROOT).values()))
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}: {count} errors\n")
