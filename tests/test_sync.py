"""The rendered files: the same bytes each time, what DVC makes of them, and named errors."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made_plugins import declare, method, write_plugin
from support import command_environment, forked

from benchmark.core.errors import MethodError
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.methods.discover import cards, folders, method_entry
from benchmark.methods.sync import build_anywhere, render, sync


@pytest.fixture
def root(project: Paths) -> Path:
    return project.root


def test_renders_once_and_then_changes_nothing(root: Path) -> None:
    folder = root / "baselines/small"
    assert sync(root) == [folder / "card.json", folder / "dvc.yaml"]
    before = [path.stat().st_mtime_ns for path in folder.iterdir()]
    assert sync(root) == []
    assert sync(root, "small") == []
    assert [path.stat().st_mtime_ns for path in folder.iterdir()] == before


def test_what_was_counted_stands_beside_what_is_declared(root: Path) -> None:
    recipe = {"lr": 1e-4, "why": "faster"}
    made = method("foo", "self.network[0].requires_grad_(False)",
                  pretrained_on=["b", "a"], recipe=recipe, unused={"x": "y"})  # fmt: skip
    write_plugin(root, "baselines/foo", made)
    sync(root)
    told = read_json(root / "baselines/foo/card.json")["rows"]["foo"]
    assert told["parameters"] == {"total": 117, "trainable": 5}  # 3*4*9 + 4, 4 + 1
    read = next(card for card in cards(root) if card.name == "foo")
    assert (read.recipe.lr, read.pretrained_on) == (1e-4, {"a", "b"})
    assert (read.folder, read.class_name, read.unused) == ("baselines/foo", "Foo", {"x": "y"})
    assert read.parameters.trainable == 5


def test_a_title_is_read_from_the_declaration_and_builds_no_network(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", "print('built')"))
    sync(root)
    path = root / "baselines/foo/method.yaml"
    path.write_text(path.read_text().replace("title: T", "title: Other"))
    assert next(card.title for card in cards(root) if card.name == "foo") == "Other"


def test_variants_of_one_network_have_one_structure(root: Path) -> None:
    wider = "self.network[2] = nn.Conv2d(4, 1, 3, padding=1)"
    source = method("foo") + method("foo-point", prompt="point") + method("wide", init=wider)
    write_plugin(root, "baselines/foo", source)
    sync(root)
    found = {card.name: card.structure for card in cards(root)}
    assert found["foo"] == found["foo-point"] != found["wide"]


def test_one_stage_a_row_and_mix_and_the_same_file_in_every_folder(root: Path) -> None:
    params = (root / "params.yaml").read_text()
    more = params[params.index("  tiny:") :].replace("  tiny:", "  more:")
    (root / "params.yaml").write_text(params + more)
    write_plugin(root, "mmsnet", method("foo") + method("zero", mixes=["more"]))
    sync(root)
    runs = read_json(root / "mmsnet/card.json")["runs"]
    assert runs == {
        "foo-on-tiny": {"method": "foo", "mix": "tiny", "group": "main"},
        "foo-on-more": {"method": "foo", "mix": "more", "group": "main"},
        "zero-on-more": {"method": "zero", "mix": "more", "group": "main"},
    }
    here, there = (root / name / "dvc.yaml" for name in ("mmsnet", "baselines/small"))
    assert here.read_text() == there.read_text().replace("wdir: ../..", "wdir: ..")
    stage = yaml.safe_load(here.read_text())["stages"]["run"]["do"]
    assert stage["cmd"] == "mixseg run --method ${item.method} --mix ${item.mix}"
    (told,) = [each["data/code.json"] for each in stage["params"] if "data/code.json" in each]
    assert told[:2] == ["rows.${item.method}", "mixes.${item.mix}"]
    assert told[2:] == ["training", "prediction", "scoring", "cost"]


def test_an_unknown_mix_and_an_unknown_base_name_the_nearest(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", mixes=["tinny"]))
    write_plugin(root, "baselines/bar", method("bar", base="smal"))
    with pytest.raises(MethodError, match=r"no mix 'tinny'.*Did you mean 'tiny'"):
        sync(root, "foo")
    with pytest.raises(MethodError, match=r"no row 'smal'.*Did you mean 'small'"):
        sync(root, "bar")
    with pytest.raises(MethodError, match="2 folders"):
        sync(root)
    assert not (root / "baselines/foo/card.json").exists()
    assert (root / "baselines/small/card.json").exists()  # the others are synced


def test_a_taken_name_is_told_with_both_folders(root: Path) -> None:
    write_plugin(root, "baselines/thief", method("small"))
    with pytest.raises(MethodError, match=r"baselines/thief/.*'small', which baselines/small/"):
        sync(root)


def test_several_broken_folders_are_all_told(root: Path) -> None:
    for name in ("bad", "worse"):
        write_plugin(root, f"baselines/{name}", "import nothere\n")
    with pytest.raises(MethodError, match=r"(?s)2 folders: .*baselines/bad.*\n.*baselines/worse"):
        sync(root)


def test_an_unknown_name_is_told(root: Path) -> None:
    sync(root)
    with pytest.raises(MethodError, match=r"Did you mean 'small'\?"):
        sync(root, "smal")


def test_a_network_that_cannot_be_built_is_told(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", init='raise OSError("no weights")'))
    with pytest.raises(MethodError, match=r"Foo\(size=352\), row 'foo': OSError: no weights"):
        sync(root, "foo")


def test_a_network_of_one_size_is_counted_at_that_size(root: Path) -> None:
    init = "if size != 224:\n    raise ValueError(size)\nself.side = size"
    write_plugin(root, "baselines/foo", method("foo", init=init))
    sync(root, "foo")
    assert next(card.parameters.total for card in cards(root) if card.name == "foo") == 117


def test_a_torch_free_reader_needs_no_plugin_code(root: Path) -> None:
    sync(root)
    (root / "baselines/small/plugin.py").write_text("raise RuntimeError\n")
    assert [card.title for card in cards(root)] == ["Small"]


COMMAND = """\
import json, pathlib, sys
root = pathlib.Path(".")
if sys.argv[1] == "code":
    (root / "data").mkdir(exist_ok=True)
    (root / "data/code.json").write_text((root / "digests.json").read_text())
else:
    where = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    for kind in ("results/tiny/main", "artefacts/tiny"):
        path = root / kind / where["--method"] / "ran"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(sys.argv[1:]))
"""
ROOT_STAGES = """\
stages:
  code:
    cmd: mixseg code
    always_changed: true
    outs:
      - data/code.json: {cache: false}
  report:
    foreach: ${mixes}
    do:
      cmd: ls results/${key}/main > listed
      deps: [results/tiny/main]
      params:
        - data/code.json: [declared]
      outs:
        - listed: {cache: false}
"""


def dvc(root: Path, *words: str) -> list[str]:
    """Runs DVC, and gives the stages that ran."""
    environment = command_environment(
        PATH=f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}", DVC_NO_ANALYTICS="1"
    )
    done = subprocess.run(
        [forked() / "dvc", *words], cwd=root, text=True, capture_output=True, env=environment,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    return [line.split("'")[1].split(":")[-1] for line in lines]


@pytest.mark.slow  # tests/pipeline does so with the real stages
def test_dvc_runs_joins_and_rests(root: Path) -> None:
    """First repro runs all, the second nothing; what is edited runs, and nothing else does."""
    digests = {"training": "a", "prediction": "a", "scoring": "a", "cost": "a", "declared": "a",
               "mixes": {"tiny": "a"},
               "rows": {"small": "a", "foo": "a"}}  # fmt: skip

    def repro(**changes: object) -> list[str]:
        digests.update(changes)
        (root / "digests.json").write_text(json.dumps(digests))
        return sorted(dvc(root, "repro", "report@tiny"))

    (root / "bin").mkdir()
    (root / "bin/mixseg").write_text(f"#!{sys.executable}\n{COMMAND}")
    (root / "bin/mixseg").chmod(0o755)
    (root / "dvc.yaml").write_text(ROOT_STAGES)
    (root / ".dvcignore").write_text("__pycache__/\n*.pyc\n")
    (root / "results/tiny").mkdir(parents=True)
    (root / "results/tiny/data.json").write_text('{"content": "x"}')
    dvc(root, "init", "-q", "--no-scm")
    sync(root)
    small, report = "run@small-on-tiny", "report@tiny"
    assert repro() == ["code", report, small]
    ran = root / "results/tiny/main/small/ran"
    assert ran.read_text() == "run --method small --mix tiny"
    assert repro() == ["code"]
    write_plugin(root, "baselines/foo", method("foo"))
    sync(root)
    assert repro() == ["code", report, "run@foo-on-tiny"]
    assert repro(declared="b") == ["code", report]  # a title
    assert repro(rows={"small": "b", "foo": "a"}) == ["code", small]  # one recipe value
    assert repro(scoring="b") == ["code", "run@foo-on-tiny", small]
    assert repro(mixes={"tiny": "b"}) == ["code", "run@foo-on-tiny", small]  # one more seed
    shutil.rmtree(root / "baselines/foo")
    assert repro() == ["code"]


def test_rendering_does_not_depend_on_who_asks(root: Path) -> None:
    (folder,) = folders(root)
    texts = [render(folder, load_params(root)) for _ in range(2)]
    assert texts[0] == texts[1]


def test_build_anywhere_gives_the_method(root: Path) -> None:
    assert type(build_anywhere(method_entry(root, "small"))).__name__ == "Small"


def test_a_changed_row_is_measured_again(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", "self.more = nn.Linear(n, 1)", "", "n=1"))
    sync(root)
    declare(root, "baselines/foo", {"foo": {"title": "T", "arguments": {"n": 9}}})
    sync(root)
    assert next(card.parameters.total for card in cards(root) if card.name == "foo") == 117 + 10
