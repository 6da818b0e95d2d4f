"""YAML files are read as before, and a file that expands beyond a bound is refused at once."""

import time
from pathlib import Path

import pytest
import yaml
from support import PARAMS, ROOT, mixseg

from benchmark.claims.spec import load_claims
from benchmark.core.errors import CatalogError, ParamsError
from benchmark.core.params import load_params
from benchmark.core.yaml_files import MOST_VALUES, read_yaml
from benchmark.data.catalog import load_catalog

WIDTH, LEVELS = 10, 9
LISTS = "a0: &a0 [x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * WIDTH)}]\n" for k in range(1, LEVELS)
)
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * WIDTH)}]}}\n" for k in range(1, LEVELS)
)
TEXT = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 20)}]\n"
BOMBS = {
    "lists": (LISTS, "its aliases stand for"),
    "merges": (MERGES, "its aliases stand for"),
    "text": (TEXT, "2000000 characters"),
    "itself": ("a: &a [*a]\n", "holds itself, line 1"),
    "itself in a mapping": ("a: &a\n  b: {c: *a}\n", "holds itself"),
    "deep": ("[" * 2000, "nested too deeply"),
    "deep in blocks": ("\n".join("  " * k + "- a:" for k in range(1500)), "nested too deeply"),
    "no date": ("a: 2001-99-99\n", "month"),
    "a very long number": (f"a: {'9' * 5000}\n", "4300 digits"),
}


@pytest.mark.parametrize("path", ["params.yaml", "dvc.yaml", "benchmark/data/catalog.yaml",
                                  "benchmark/claims/claims.yaml"])  # fmt: skip
def test_files_of_the_project_are_read_as_by_yaml(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert read_yaml(ROOT / path) == yaml.safe_load(text)


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("r: &r {a: 1, b: 2}\nm: {<<: *r, b: 3}\nl: [*r, *r]\n")
    rows = {"a": 1, "b": 2}
    assert read_yaml(path) == {"r": rows, "m": {"a": 1, "b": 3}, "l": [rows, rows]}


def test_a_large_file_without_aliases_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    numbers = list(range(MOST_VALUES // 10))
    path.write_text(f"a: &a [1]\nb: {numbers}\nc: *a\n")
    assert read_yaml(path) == {"a": [1], "b": numbers, "c": [1]}


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n"])
def test_an_empty_file_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert read_yaml(tmp_path / "a.yaml") is None


def test_no_objects_are_made(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_expands_without_bound_is_refused_at_once(tmp_path: Path, bomb: str) -> None:
    text, said = BOMBS[bomb]
    path = tmp_path / "params.yaml"
    path.write_text(text)
    begun = time.process_time()
    with pytest.raises(yaml.YAMLError, match=said):
        read_yaml(path)
    with pytest.raises(ParamsError, match=f"unreadable .*{said}"):
        load_params(tmp_path)
    with pytest.raises(CatalogError, match=f"unreadable .*{said}"):
        load_catalog(path)
    with pytest.raises(ParamsError, match=f"unreadable .*{said}"):
        load_claims(path)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("where", ["unknown", "defaults"])
def test_a_bomb_under_any_key_of_params_is_one_line(tmp_path: Path, where: str) -> None:
    indented = "".join(f"  {line}\n" for line in LISTS.splitlines())
    (tmp_path / "params.yaml").write_text(f"{PARAMS}{where}:\n{indented}")
    done = mixseg(tmp_path, "data", "--dataset", "busi")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "its aliases stand for" in done.stderr


def test_a_long_value_under_an_unknown_key_is_shown_in_part(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(f"{PARAMS}unknown: {'x' * 10_000}\n")
    with pytest.raises(ParamsError, match=r"unknown: .*xxx\.\.\.\)") as error:
        load_params(tmp_path)
    assert len(str(error.value)) < 300
