"""What is found, what is told as broken, and which files make code the same code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_plugins import HEAD, declare, method, write_plugin
from support import ROOT, mixseg

from benchmark.cli.text import problems
from benchmark.core.errors import MethodError
from benchmark.core.files import Paths
from benchmark.methods import code
from benchmark.methods.code import closure, code_digest, method_files
from benchmark.methods.discover import cards, damaged_cards, discover, method_entry, not_synced
from benchmark.methods.sync import sync


@pytest.fixture
def root(project: Paths) -> Path:
    return project.root


def test_finds_plugins_one_and_two_folders_down_and_nowhere_else(root: Path) -> None:
    write_plugin(root, "mmsnet")
    write_plugin(root, "mmsnet/ablations", method("mmsnet-r8") + method("mmsnet-r4"))
    for elsewhere in (
        ".hidden/x",
        ".venv/x",
        "tests/x",
        "benchmark/x",
        "data/x",
        "work/x",
        "a/b/c",
    ):
        write_plugin(root, elsewhere)
    found = discover(root)
    assert list(found.methods) == ["small", "mmsnet", "mmsnet-r8", "mmsnet-r4"]
    assert not found.broken
    assert found.methods["mmsnet-r4"].folder == "mmsnet/ablations"


def test_a_class_of_another_file_is_no_method_of_the_folder(root: Path) -> None:
    write_plugin(root, "baselines/parent", method("parent") + "\nfrom .more import Imported\n")
    (root / "baselines/parent/more.py").write_text(HEAD + method("imported"))
    assert method_entry(root, "parent").cls.__name__ == "Parent"


def test_rows_hand_their_arguments_to_one_class(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", "self.width = width", "", "width=1"))
    declare(root, "baselines/foo", {
        "foo": {"title": "Foo"}, "wide": {"title": "Wide", "arguments": {"width": 9}},
    })  # fmt: skip
    built = [method_entry(root, name).build(32) for name in ("foo", "wide")]
    assert [(net.width, net.card.name) for net in built] == [(1, "foo"), (9, "wide")]


BROKEN = [
    (
        "import nothere\n",
        "baselines/bad/plugin.py:4: ModuleNotFoundError: No module named 'nothere'",
    ),
    ("raise SystemExit(3)\n", "baselines/bad/plugin.py:4: SystemExit: 3"),
    ("1 / 0\n", "baselines/bad/plugin.py:4: ZeroDivisionError: division by zero"),
    ("def f(:\n", "baselines/bad/plugin.py:4: no Python"),
    ("x = 1\n", "baselines/bad/plugin.py: no method"),
    ("from .sub import y\n", "baselines/bad/sub.py:1: NameError"),
    (method("bad", **{"class": "Bed"}), "no class 'Bed' in plugin.py; did you mean 'Bad'?"),
    (
        method("bad", arguments={"widht": 2}, parameters="width=1"),
        "unknown argument 'widht'; did you mean 'width'?",
    ),
    (method("bad", parameters="*, width"), "no argument 'width'"),
    (method("bad", requires=["not-installed"]), "needs not-installed, not installed"),
]


@pytest.mark.parametrize(("source", "cause"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_plugin_is_named_and_stops_nobody(root: Path, source: str, cause: str) -> None:
    write_plugin(root, "baselines/bad", source)
    (root / "baselines/bad/sub.py").write_text("y = z\n")
    write_plugin(root, "baselines/zebra")
    found = discover(root)
    assert list(found.methods) == ["small", "zebra"]
    assert [item.folder for item in found.broken] == ["baselines/bad"]
    assert cause in found.broken[0].cause
    told = {item.folder: item.cause for item in not_synced(root)}
    assert cause in told["baselines/bad"]
    with pytest.raises(MethodError, match="bad"):
        method_entry(root, "bad")


def test_one_class_of_its_name(root: Path) -> None:
    entry = method_entry(root, "small")
    assert entry.cls.__name__ == "Small"
    assert entry.cls is method_entry(root, "small").cls


def test_only_the_asked_folder_is_imported(root: Path) -> None:
    write_plugin(root, "baselines/other")
    (root / "baselines/other/plugin.py").write_text("raise RuntimeError('imported')\n")
    assert method_entry(root, "small").cls.__name__ == "Small"
    with pytest.raises(MethodError, match="RuntimeError: imported"):
        method_entry(root, "other")


def test_an_unknown_name_names_the_nearest(root: Path) -> None:
    with pytest.raises(MethodError, match=r"no method 'smal'.*Did you mean 'small'\?"):
        method_entry(root, "smal")


def test_the_second_of_one_name_stays_out_and_the_first_is_used(root: Path) -> None:
    write_plugin(root, "baselines/thief", method("small"))
    found = discover(root)
    assert found.methods["small"].folder == "baselines/small"
    (broken,) = found.broken
    assert "row 'small', which baselines/small/method.yaml has taken" in broken.cause


def test_modules_of_two_roots_do_not_mix(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    for place, width in ((root, 3), (other, 5)):
        write_plugin(place, "mmsnet", "from .network import width\n" + method("mmsnet"))
        write_plugin(
            place, "mmsnet/ablations", "from mmsnet.network import width\n" + method("abl")
        )
        (place / "mmsnet/network.py").write_text(f"width = {width}\n")
    for place, width in ((root, 3), (other, 5), (root, 3)):
        for entry in discover(place).methods.values():
            if entry.card.name != "small":
                assert sys.modules[entry.cls.__module__].width == width


def test_modules_of_a_root_come_back_when_it_is_used_again(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    for place in (root, other):
        write_plugin(place, "mmsnet", "from mmsnet.network import width\n" + method("mmsnet"))
        (place / "mmsnet/network.py").write_text("width = 3\n")
    discover(root)
    first = sys.modules["mmsnet.network"]
    discover(other)
    assert sys.modules["mmsnet.network"] is not first
    discover(root)
    assert sys.modules["mmsnet.network"] is first


def test_a_path_that_stood_there_before_stays(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    monkeypatch.syspath_prepend(str(root))
    for place in (root, other, root, other):
        write_plugin(place, "mmsnet", method("mmsnet"))
        discover(place)
    assert sys.path.count(str(root)) == 1


def test_a_changed_plugin_is_imported_anew(root: Path) -> None:
    plugin = write_plugin(root, "mmsnet/ablations", "from mmsnet.net import W\n" + method("abl"))
    (root / "mmsnet/net.py").write_text("W = 1\n")
    first = method_entry(root, "abl").cls
    (root / "mmsnet/net.py").write_text("W = 2\n")
    second = method_entry(root, "abl").cls
    assert [sys.modules[second.__module__].W, first is second] == [2, False]
    plugin.write_text(plugin.read_text() + "# a comment\n")
    assert method_entry(root, "abl").cls is second


def test_the_code_of_a_method_is_what_its_module_imports(root: Path) -> None:
    plugin = write_plugin(root, "baselines/big", "from .network import Net\nimport torch\n")
    folder = root / "baselines/big"
    for name in ("network.py", "bench.py", "test_it.py", "unused.py"):
        (folder / name).write_text("x = 1\n")
    (folder / "network.py").write_text(
        "from typing import TYPE_CHECKING\nfrom mmsnet.msfg import A\nfrom mmsnet import dct\n"
        "from benchmark.methods import losses\nif TYPE_CHECKING:\n    from .unused import x\n"
    )
    (root / "mmsnet").mkdir()
    (root / "mmsnet/__init__.py").write_text("")
    (root / "mmsnet/msfg.py").write_text("from . import deep\nfrom .more import b\n")
    for name in ("dct", "deep", "more", "unrelated", "plugin"):
        (root / f"mmsnet/{name}.py").write_text("x = 1\n")
    found = method_files(root, plugin)
    told = [file.relative_to(root).as_posix() for file in found if root in file.parents]
    ours = ["network.py", "plugin.py"]
    theirs = ["__init__.py", "dct.py", "deep.py", "more.py", "msfg.py"]
    assert told == [*(f"baselines/big/{n}" for n in ours), *(f"mmsnet/{n}" for n in theirs)]
    assert ROOT / "benchmark/methods/losses.py" in found


SAME = ["x = 1  # why\n", '"""Module."""\n\nx = (\n    1\n)\n']


@pytest.mark.parametrize("source", SAME)
def test_comments_docstrings_and_line_breaks_do_not_change_the_digest(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text(source)
    assert code_digest([tmp_path / "a.py"]) == code_digest([tmp_path / "b.py"])


@pytest.mark.parametrize("source", ["x = 2\n", "y = 1\n", "x = 1.0\n", "x = '1'\n", "x: int = 1\n"])
def test_code_changes_the_digest(tmp_path: Path, source: str) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.py").write_text(source)
    assert code_digest([tmp_path / "a.py"]) != code_digest([tmp_path / "b.py"])


def test_the_digest_is_the_same_under_every_python(tmp_path: Path) -> None:
    """Golden: later versions of Python add fields to the tree, empty in old code."""
    (tmp_path / "a.py").write_text(
        "class A(B):\n    @c\n    def f(self): ...\n"
        "async def g(x, *y, z=None): return f'{x!r:>3}' if y else [i for i in z]\n"
    )
    golden = "6eb01e76e127f6d0"
    assert code_digest([tmp_path / "a.py"])[:16] == golden


def test_a_missing_code_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=r"gone\.py: no file"):
        code_digest([tmp_path / "gone.py"])


def test_the_digest_is_the_same_wherever_the_project_lies(tmp_path: Path) -> None:
    package = tmp_path / "m" / "benchmark"
    shutil.copytree(ROOT / "benchmark", package, ignore=shutil.ignore_patterns("__pycache__"))
    look = (
        "import sys; from pathlib import Path; from benchmark.methods import code\n"
        "files = code.method_files(*map(Path, sys.argv[1:]))\n"
        "print(code.code_digest(files), *(file.name for file in files))"
    )
    found = set()
    for place in (tmp_path / "a", tmp_path / "z"):  # before and after the package, sorted by name
        plugin = write_plugin(place, "mine", "import benchmark.methods.losses\n" + method("mine"))
        done = subprocess.run(
            [sys.executable, "-c", look, str(place), str(plugin)],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(package.parent)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1, found
    assert "losses.py" in found.pop()


def test_shared_parts_belong_to_the_methods_that_import_them(root: Path) -> None:
    shared = root / "baselines" / "_shared"
    shared.mkdir(parents=True)
    (shared / "net.py").write_text("from baselines._shared.part import PART\n")
    (shared / "part.py").write_text("PART = 1\n")
    body = "from baselines._shared.net import PART\n"
    plugin = write_plugin(root, "baselines/user", body + method("user"))
    found = [path for path in method_files(root, plugin) if root in path.parents]
    names = [path.relative_to(root).as_posix() for path in found]
    assert names == [*(f"baselines/_shared/{part}.py" for part in ("net", "part")),
                     "baselines/user/plugin.py"]  # fmt: skip


# The closures of the three entry points, by hand, to see what they are: a module that appears in
# one, or leaves it, is a decision. Package files hold docstrings alone and are not listed.
TRAINS = """
data/augment data/cases data/prompting data/prompts methods/defaults methods/inputs
methods/layers methods/losses methods/pickles methods/statefile methods/weights runs/train
training/batches training/checkpoint training/distributed training/features training/loop
training/optimiser training/precision training/weights_file
""".split()  # noqa: SIM905
PREDICTS = """
data/augment data/cases data/prompting data/prompts evaluation/maps evaluation/predict
methods/defaults methods/inputs methods/layers methods/losses methods/pickles methods/statefile
methods/weights runs/predict training/distributed training/features training/weights_file
""".split()  # noqa: SIM905
SCORES = """
data/cases evaluation/boundary evaluation/maps evaluation/metrics evaluation/protocols
evaluation/score statistics/schema
""".split()  # noqa: SIM905


@pytest.mark.parametrize(
    ("entry", "expected"),
    [(code.TRAINING, TRAINS), (code.PREDICTION, PREDICTS), (code.SCORING, SCORES)],
)
def test_what_training_prediction_and_scoring_depend_on(entry: str, expected: list[str]) -> None:
    found = [path.relative_to(ROOT / "benchmark") for path in code.entry_files(ROOT, entry)]
    names = [path.with_suffix("").as_posix() for path in found if path.name != "__init__.py"]
    assert names == expected


def test_what_is_ignored_is_there_and_holds_what_its_reason_says() -> None:
    for name in (*code.IGNORED, *code.ENDS, *code.OPTIONAL.values()):
        assert (ROOT / name).exists(), name


def test_the_contract_holds_no_behaviour() -> None:
    """Each hook of method.py is at most one line: a constant, an error, or a call."""
    import ast

    tree = ast.parse((ROOT / "benchmark/methods/method.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert len(functions) > 5
    for function in functions:
        body = function.body[1:] if ast.get_docstring(function) else function.body
        assert len(body) <= 1, function.name
        for node in body:
            simple = isinstance(node, ast.Raise) or (
                isinstance(node, ast.Return)
                and isinstance(node.value, ast.Constant | ast.Name | ast.Call | ast.Dict)
            )
            assert simple, function.name


def test_declarations_touch_no_tensor() -> None:
    found = closure(ROOT, [ROOT / "benchmark/methods/declaration.py"])
    assert {path.name for path in found} == {
        "__init__.py"
    }  # it imports only what is ignored, and is ignored itself
    assert "torch" not in (ROOT / "benchmark/methods/declaration.py").read_text().split("\n\n")[1]


def test_optional_code_counts_only_for_recipes_that_use_it() -> None:
    plain, scaled = code.training_files(ROOT), code.training_files(ROOT, ["scales", "lr"])
    assert set(scaled) - set(plain) == {ROOT / "benchmark/training/multiscale.py"}


def test_a_namespace_package_of_another_root_is_forgotten_whole(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for place in (root, other):
        (place / "ours" / "inner").mkdir(parents=True)
        (place / "ours" / "inner" / "deep.py").write_text("x = 1\n")
        body = "from ours.inner import deep\nPLACE = deep.__file__\n"
        write_plugin(place, "ours", body + method("small-two"))
        write_plugin(place, "ours/inner", method("small-three"))
        assert not discover(place).broken
        deep = sys.modules["ours.inner.deep"]
        assert Path(str(deep.__file__)).is_relative_to(place)


def test_not_synced_tells_the_cause_and_the_command(root: Path) -> None:
    def told() -> list[tuple[str, str]]:
        return [(item.cause, item.command) for item in not_synced(root)]

    command = "mixseg sync small"
    assert told() == [("card.json is missing", command)]
    assert cards(root) == []
    sync(root)
    assert told() == []
    plugin = root / "baselines/small/plugin.py"
    plugin.write_text(plugin.read_text() + "# a comment\n")
    assert told() == []
    plugin.write_text(plugin.read_text() + "x = 1\n")
    changed = "its declaration or its code has changed since it was synced"
    assert told() == [(changed, command)]
    assert [card.name for card in cards(root)] == ["small"]
    sync(root)
    (root / "baselines/small/dvc.yaml").unlink()
    assert told() == [("no dvc.yaml", command)]
    (root / "baselines/small/card.json").write_text("{")
    assert told() == [("card.json is unreadable", command)]


def test_one_changed_digit_of_a_card_is_told_and_is_not_used(root: Path) -> None:
    sync(root)
    path = root / "baselines/small/card.json"
    whole = path.read_text()
    assert damaged_cards(root) == []
    places = [match.start() for match in re.finditer(r"\d", whole)]
    assert len(places) > 50
    for at in places:
        path.write_text(f"{whole[:at]}{(int(whole[at]) + 1) % 10}{whole[at + 1 :]}")
        (told,) = damaged_cards(root)
        assert (told.cause, told.command) == (
            "card.json was edited since it was written",
            "mixseg sync small",
        )
        assert not_synced(root) == [told]
        assert cards(root) == []
    done = mixseg(root, "cards", "--to", "made")
    assert done.returncode == 1
    assert "baselines/small: card.json was edited since it was written, expected" in done.stderr
    assert not (root / "made").exists()
    sync(root)  # counts the network again
    assert path.read_text() == whole


def test_what_is_not_synced_is_one_sentence_and_its_cure(root: Path) -> None:
    sync(root)
    (root / "baselines/small/method.yaml").write_text("rows: [")
    (line,) = problems(root)
    assert line.startswith("not synced: baselines/small: ")
    assert ".." not in line
    assert line.endswith(" Correct it, then run `mixseg sync small`.")


def test_reading_cards_imports_no_torch() -> None:
    text = (
        "import sys; from pathlib import Path; from benchmark.methods import discover, sync;"
        "discover.cards(Path('.')); discover.not_synced(Path('.'));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True)
