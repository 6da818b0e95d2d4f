"""The rendered files: the same bytes each time, what DVC makes of them, and named errors."""

import os
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml
from made_plugins import method, write_plugin
from support import PARAMS

from benchmark.core.errors import MethodError
from benchmark.core.files import Places, read_json, write_text
from benchmark.core.params import load_params
from benchmark.methods.discover import cards, evaluation_code_files, training_code_files
from benchmark.methods.sync import build_anywhere, render, sync


@pytest.fixture
def root(project: Places) -> Path:
    return project.root


def stages(root: Path, folder: str) -> dict[str, dict[str, object]]:
    return yaml.safe_load((root / folder / "dvc.yaml").read_text())["stages"]


def test_renders_once_and_then_changes_nothing(root: Path) -> None:
    folder = root / "baselines/small"
    assert sync(root) == [folder / "card.json", folder / "dvc.yaml"]
    before = [path.stat().st_mtime_ns for path in folder.iterdir()]
    assert sync(root) == []
    assert sync(root, "small") == []
    assert [path.stat().st_mtime_ns for path in folder.iterdir()] == before


def test_the_card_holds_what_the_plugin_says_and_what_was_counted(root: Path) -> None:
    card = 'pretrained_on={"b", "a", "c"}, recipe=Recipe(lr=1e-4, why="faster"), unused={"x": "y"}'
    frozen = "self.network[0].requires_grad_(False)"
    write_plugin(root, "baselines/foo", method("foo", card, frozen))
    sync(root)
    told = read_json(root / "baselines/foo/card.json")["methods"][0]
    assert told["pretrained_on"] == ["a", "b", "c"]
    assert told["recipe"] == {"lr": 1e-4, "why": "faster"}
    assert told["parameters"] == {"total": 117, "trainable": 5}  # 3*4*9 + 4, 4 + 1
    read = next(card for card in cards(root) if card.name == "foo")
    assert read.recipe.lr == 1e-4
    assert (read.folder, read.class_name, read.unused) == ("baselines/foo", "Foo", {"x": "y"})
    assert read.files == ("baselines/foo/plugin.py",)


def test_variants_of_one_network_have_one_structure(root: Path) -> None:
    wider = "self.network[2] = nn.Conv2d(4, 1, 3, padding=1)"
    source = method("foo") + method("foo-point", 'prompt="point"') + method("wide", init=wider)
    write_plugin(root, "baselines/foo", source)
    sync(root)
    found = {card.name: card.structure for card in cards(root)}
    assert found["foo"] == found["foo-point"] != found["wide"]


def test_one_stage_a_mix_and_group(root: Path) -> None:
    alone = 'group="single", modality="fundus"'
    source = method("foo") + method("zero", "recipe=AS_RELEASED") + method("one", alone)
    write_plugin(root, "mmsnet", source)
    sync(root)
    told = stages(root, "mmsnet")
    runs = [name for name in told if not name.endswith("-cost")]
    assert runs == ["tiny-main", "tiny-main-once", "tiny-single"]
    assert told["tiny-main"]["matrix"] == {"method": ["foo"], "seed": "${mixes.tiny.seeds}"}
    assert told["tiny-main-once"]["matrix"]["seed"] == ["${mixes.tiny.seeds[0]}"]
    assert told["tiny-single"]["wdir"] == ".."
    assert {"mmsnet/plugin.py", "data/prepared/tiny/manifest.json"} <= set(
        told["tiny-main"]["deps"]
    )
    run = "tiny/main/${item.method}/seed-${item.seed}"
    assert told["tiny-main"]["outs"][0] == {f"results/{run}": {"cache": False}}
    assert told["tiny-main"]["outs"][1] == "artefacts/tiny/${item.method}/seed-${item.seed}"


def test_one_stage_of_cost_a_mix_and_group(root: Path) -> None:
    params = (root / "params.yaml").read_text()
    more = params[params.index("  tiny:") :].replace("  tiny:", "  more:")
    (root / "params.yaml").write_text(params + more)
    for name in ("card", "method", "networks", "evaluation/cost"):  # a project with its own code
        write_text(root / "benchmark" / f"{name}.py", "")
    for path in [*training_code_files(root), *chain(*evaluation_code_files(root))]:
        write_text(path, "")
    released = method("zero", "recipe=AS_RELEASED").replace('("tiny",)', '("tiny", "more")')
    other = method("one", 'group="single", modality="fundus"')
    write_plugin(root, "mmsnet", method("foo") + released + other)
    sync(root)
    told = {k: v for k, v in stages(root, "mmsnet").items() if k.endswith("-cost")}
    assert list(told) == [
        "more-main-cost",
        "tiny-main-cost",
    ]  # group single costs what its base does
    stage = told["tiny-main-cost"]
    assert stage["matrix"] == {"method": ["foo", "zero"]}  # whatever the seeds
    assert stage["cmd"] == "mixseg cost --method ${item.method} --mix tiny"
    assert stage["wdir"] == ".."
    assert stage["deps"] == [
        "mmsnet/plugin.py",
        "benchmark/evaluation/cost.py",
        "benchmark/methods/declaration.py",
        "benchmark/methods/layers.py",
        "benchmark/methods/method.py",
    ]
    assert stage["params"] == ["mixes.tiny.size"]
    assert stage["outs"] == [
        {"results/tiny/main/${item.method}/cost": {"cache": False, "persist": True}}
    ]
    assert told["more-main-cost"]["matrix"] == {"method": ["zero"]}


def test_an_unknown_mix_names_the_nearest(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo").replace('("tiny",)', '("tinny",)'))
    with pytest.raises(
        MethodError, match=r"no mix 'tinny', expected some of tiny\. Did you mean tiny"
    ):
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
    with pytest.raises(MethodError, match=r"2 folders: baselines/bad.*; baselines/worse"):
        sync(root)


def test_an_unknown_name_is_told(root: Path) -> None:
    sync(root)
    with pytest.raises(MethodError, match=r"Did you mean small\?"):
        sync(root, "smal")


def test_a_network_that_cannot_be_built_is_told(root: Path) -> None:
    write_plugin(root, "baselines/foo", method("foo", init='raise OSError("no weights")'))
    with pytest.raises(MethodError, match=r"Foo\(size=352\): OSError: no weights"):
        sync(root, "foo")


def test_a_network_of_one_size_is_counted_at_that_size(root: Path) -> None:
    init = "if size != 224:\n    raise ValueError(size)\nself.side = size"
    write_plugin(root, "baselines/foo", method("foo", init=init))
    sync(root, "foo")
    assert next(card.parameters.total for card in cards(root)) == 117


def test_a_torch_free_reader_needs_no_plugin_code(root: Path) -> None:
    sync(root)
    (root / "baselines/small/plugin.py").write_text("raise RuntimeError\n")
    assert [card.title for card in cards(root)] == ["Small"]


COMMAND = """\
import pathlib, sys
where = dict(zip(sys.argv[2::2], sys.argv[3::2]))
cost = sys.argv[1] == "cost"
run = where["--method"] + ("/cost" if cost else "/seed-" + where["--seed"])
for kind in ("results/tiny/main", "artefacts/tiny"):
    path = pathlib.Path(kind) / run / "ran"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(sys.argv[1:]))
"""
ROOT_STAGES = """\
stages:
  report:
    foreach: ${mixes}
    do:
      cmd: ls results/${key}/main > listed
      deps:
        - baselines
        - results/${key}
      outs:
        - listed:
            cache: false
"""


def dvc(root: Path, *words: str) -> str:
    path = (
        f"{root / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=root, text=True, capture_output=True,
        env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dvc_runs_joins_and_rests(root: Path) -> None:
    """First repro runs all, the second nothing; a new folder joins, a removed one reruns."""
    (root / "params.yaml").write_text(PARAMS.replace("seeds: [0, 1]", "seeds: [3, 1]"))
    (root / "bin").mkdir()
    (root / "bin/mixseg").write_text(f"#!{sys.executable}\n{COMMAND}")
    (root / "bin/mixseg").chmod(0o755)
    (root / "dvc.yaml").write_text(ROOT_STAGES)
    (root / ".dvcignore").write_text("__pycache__/\n*.pyc\n")
    dvc(root, "init", "-q", "--no-scm")
    sync(root)
    dvc(root, "repro", "report@tiny")
    ran = root / "results/tiny/main/small/seed-3/ran"
    assert ran.read_text() == "run --method small --mix tiny --seed 3"
    assert (root / "artefacts/tiny/small/seed-1/ran").is_file()
    cost = root / "results/tiny/main/small/cost/ran"
    assert cost.read_text() == "cost --method small --mix tiny"
    assert "Running stage" not in dvc(root, "repro", "report@tiny")
    write_plugin(root, "baselines/foo", method("foo") + method("zero", "recipe=AS_RELEASED"))
    sync(root)
    told = dvc(root, "repro", "report@tiny")
    assert told.count("Running stage") == 6  # foo twice, zero once, the cost of each, the report
    assert not (root / "results/tiny/main/zero/seed-1").exists()
    assert (root / "listed").read_text().split() == ["foo", "small", "zero"]
    assert "Running stage" not in dvc(root, "repro", "report@tiny")
    shutil.rmtree(root / "baselines/foo")
    assert dvc(root, "repro", "report@tiny").count("Running stage") == 1


def test_rendering_does_not_depend_on_who_asks(root: Path) -> None:
    plugin = root / "baselines/small/plugin.py"
    texts = [render(root, plugin, load_params(root)) for _ in range(2)]
    assert texts[0] == texts[1]


def test_build_anywhere_gives_the_method(root: Path) -> None:
    from benchmark.methods.discover import method_entry

    assert type(build_anywhere(method_entry(root, "small"))).__name__ == "Small"
