"""What is found, what is told as broken, and what makes code the same code."""

import subprocess
import sys
from pathlib import Path

import pytest
from made_plugins import HEAD, method, write_plugin
from support import ROOT

from benchmark.core.errors import MethodError
from benchmark.core.files import Places
from benchmark.methods.discover import (
    cards,
    code_digest,
    code_files,
    discover,
    evaluation_code_files,
    method_class,
    not_synced,
    training_code_files,
)
from benchmark.methods.sync import sync


@pytest.fixture
def root(project: Places) -> Path:
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


def test_a_method_has_a_card_of_its_own_in_its_own_file(root: Path) -> None:
    body = method("parent") + "\nclass Child(Parent):\n    pass\n"
    write_plugin(root, "baselines/parent", body + "\nfrom .more import Imported\n")
    (root / "baselines/parent/more.py").write_text(HEAD + method("imported"))
    assert list(discover(root).methods) == ["parent", "small"]


BROKEN = {
    "import nothere\n": "baselines/bad/plugin.py:4: ModuleNotFoundError: No module named 'nothere'",
    "raise SystemExit(3)\n": "baselines/bad/plugin.py:4: SystemExit: 3",
    "1 / 0\n": "baselines/bad/plugin.py:4: ZeroDivisionError: division by zero",
    "def f(:\n": "baselines/bad/plugin.py:4: no Python",
    "x = 1\n": "baselines/bad/plugin.py: no method",
    method("bad", 'group="mian"'): "baselines/bad/plugin.py:6: Card.group is 'mian'",
    method("bad", "recipe=Recipe(lr=1e-4)"): "without a reason",
    method("bad", 'colour="red"'): "Card.colour is 'red'",
    method("bad").replace("Card(", "dict("): "baselines/bad/plugin.py: Bad.card: a dict",
    method("small"): "'small', which baselines/small/plugin.py has taken",
    method("bad") + method("other").replace('"other"', '"bad"'): "'bad', which baselines/bad",
    "from .sub import y\n": "baselines/bad/sub.py:1: NameError",
}


@pytest.mark.parametrize(("source", "cause"), BROKEN.items())
def test_a_broken_plugin_is_named_and_stops_nobody(root: Path, source: str, cause: str) -> None:
    where = "baselines/bad" if source != method("small") else "baselines/thief"
    write_plugin(root, where, source)
    (root / where / "sub.py").write_text("y = z\n")
    write_plugin(root, "baselines/zebra")
    found = discover(root)
    assert list(found.methods) == ["small", "zebra"]
    assert [item.folder for item in found.broken] == [where]
    assert cause in found.broken[0].cause


def test_one_class_of_its_name(root: Path) -> None:
    assert method_class(root, "small").__name__ == "Small"
    sync(root)
    assert method_class(root, "small") is method_class(root, "small")


def test_only_the_asked_folder_is_imported_once_it_is_synced(root: Path) -> None:
    write_plugin(root, "baselines/other")
    sync(root)
    (root / "baselines/other/plugin.py").write_text("raise RuntimeError('imported')\n")
    assert method_class(root, "small").__name__ == "Small"
    with pytest.raises(MethodError, match="RuntimeError: imported"):
        method_class(root, "other")


def test_an_unknown_name_names_the_nearest(root: Path) -> None:
    with pytest.raises(MethodError, match=r"no method 'smal'.*Did you mean small\?"):
        method_class(root, "smal")


def test_a_broken_folder_without_card_names_its_cause(root: Path) -> None:
    write_plugin(root, "baselines/bad", "import nothere\n")
    with pytest.raises(MethodError, match="No module named 'nothere'"):
        method_class(root, "bad")


def test_the_second_of_one_name_stays_out_and_the_first_is_used(root: Path) -> None:
    write_plugin(root, "baselines/thief", method("small", 'group="single"'))
    found = discover(root)
    assert found.methods["small"].folder == "baselines/small"
    assert method_class(root, "small").card.group == "main"


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


def test_a_changed_plugin_is_imported_anew(root: Path) -> None:
    plugin = write_plugin(root, "mmsnet/ablations", "from mmsnet.net import W\n" + method("abl"))
    (root / "mmsnet/net.py").write_text("W = 1\n")
    first = method_class(root, "abl")
    (root / "mmsnet/net.py").write_text("W = 2\n")
    second = method_class(root, "abl")
    assert [sys.modules[second.__module__].W, first is second] == [2, False]
    plugin.write_text(plugin.read_text() + "# a comment\n")
    assert method_class(root, "abl") is second


def test_code_files_are_the_folder_and_what_it_imports_of_ours(root: Path) -> None:
    plugin = write_plugin(root, "baselines/big", "from .network import Net\nimport torch\n")
    write_plugin(root, "baselines/big/inner")  # a method of its own
    folder = root / "baselines/big"
    for name in ("network.py", "tests/x.py", "test_it.py", "conftest.py", "parts/a.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x = 1\n")
    (folder / "network.py").write_text("from mmsnet.msfg import A\nfrom mmsnet import dct\n")
    (root / "mmsnet").mkdir()
    (root / "mmsnet/__init__.py").write_text("")
    (root / "mmsnet/msfg.py").write_text("from . import deep\nfrom .more import b\n")
    for name in ("dct", "deep", "more", "unrelated", "plugin"):
        (root / f"mmsnet/{name}.py").write_text("from benchmark.methods.losses import bce_dice\n")
    told = [file.relative_to(root).as_posix() for file in code_files(plugin, root)]
    ours = ["network.py", "parts/a.py", "plugin.py"]
    theirs = ["__init__.py", "dct.py", "deep.py", "more.py", "msfg.py"]
    assert told == [*(f"baselines/big/{n}" for n in ours), *(f"mmsnet/{n}" for n in theirs)]


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
    golden = "08698db476a90317"
    assert code_digest([tmp_path / "a.py"])[:16] == golden


def test_a_missing_code_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=r"gone\.py: no file"):
        code_digest([tmp_path / "gone.py"])


def test_what_training_and_scores_depend_on_is_there() -> None:
    training, (maps, scores) = training_code_files(ROOT), evaluation_code_files(ROOT)
    assert {"loop.py", "method.py", "augment.py"} <= {file.name for file in training}
    assert all(file.is_file() for file in [*training, *maps, *scores])


def test_shared_parts_belong_to_the_methods_that_import_them(root: Path) -> None:
    blocks = root / "baselines" / "_shared"
    blocks.mkdir(parents=True)
    (blocks / "net.py").write_text("from baselines._shared.part import PART\n")
    (blocks / "part.py").write_text("PART = 1\n")
    body = "from baselines._shared.net import PART\nfrom benchmark.methods import losses\n"
    plugin = write_plugin(root, "baselines/user", body + method("user"))
    names = [path.relative_to(root).as_posix() for path in code_files(plugin, root)]
    own = [f"baselines/_shared/{part}.py" for part in ("net", "part")]
    own.append("baselines/user/plugin.py")
    assert names == own


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
    assert told() == [("no card.json", command)]
    assert cards(root) == []
    sync(root)
    assert told() == []
    plugin = root / "baselines/small/plugin.py"
    plugin.write_text(plugin.read_text() + "# a comment\n")
    assert told() == []
    plugin.write_text(plugin.read_text() + "x = 1\n")
    assert told() == [("its code has changed since", command)]
    assert [card.name for card in cards(root)] == ["small"]
    (root / "baselines/small/dvc.yaml").unlink()
    assert told() == [("no dvc.yaml", command)]
    (root / "baselines/small/card.json").write_text("{")
    assert told() == [("card.json unreadable", command)]


def test_reading_cards_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from benchmark.methods import discover, sync;"
        "discover.cards(Path('.')); discover.not_synced(Path('.'));"
        "discover.training_code_files(Path('.')); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
