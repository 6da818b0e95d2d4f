"""A new folder runs at once, and a name that cannot be is refused before anything is written."""

from pathlib import Path

import pytest

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods.conformance.kit import check
from benchmark.methods.discover import cards, method_entry, not_synced
from benchmark.methods.new import new


@pytest.fixture
def root(project: Paths) -> Path:
    return project.root


def test_a_new_method_is_synced_and_keeps_every_rule(root: Path) -> None:
    folder = root / "baselines/my-net"
    assert new(root, "my-net") == [folder / "method.yaml", folder / "plugin.py"]
    assert "my-net" in [card.name for card in cards(root)]
    assert "baselines/my-net" not in [item.folder for item in not_synced(root)]
    entry = method_entry(root, "my-net")
    assert (entry.cls.__name__, entry.card.title) == ("MyNet", "my-net")
    assert load_params(root).mixes_of(entry.card) == ["tiny"]
    broken = [result for result in check(root, "my-net", Silent()) if not result.ok]
    assert broken == []


@pytest.mark.parametrize(
    ("name", "cls"),
    [("3d-net", "Net3dNet"), ("none", "NoneNet"), ("tensor", "TensorNet"), ("f", "FNet")],
)
def test_names_that_python_or_the_file_already_uses(root: Path, name: str, cls: str) -> None:
    new(root, name)
    assert method_entry(root, name).cls.__name__ == cls


@pytest.mark.parametrize("name", ["My Net", "a/b", "../x", "", "-x", "é", "x" * 61, "a_b"])
def test_a_name_against_the_rule_writes_nothing(root: Path, name: str) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(MethodError, match="lower-case letters, digits and hyphens"):
        new(root, name)
    assert sorted(root.rglob("*")) == before


def test_the_nearest_name_that_follows_the_rule_is_offered(root: Path) -> None:
    with pytest.raises(MethodError, match="Take 'my-net', say"):
        new(root, "My Net")


@pytest.mark.parametrize("name", ["small", "sma-ll"])
def test_a_taken_name_and_one_that_looks_like_it_are_refused(root: Path, name: str) -> None:
    plugin = root / "baselines/small/plugin.py"
    before = plugin.read_text()
    with pytest.raises(MethodError, match=r"baselines/small holds 'small'"):
        new(root, name)
    assert plugin.read_text() == before
    assert [path.name for path in (root / "baselines").iterdir()] == ["small"]


def test_a_folder_without_plugin_is_not_overwritten(root: Path) -> None:
    (root / "baselines/notes").mkdir()
    with pytest.raises(MethodError, match="baselines/notes"):
        new(root, "notes")
