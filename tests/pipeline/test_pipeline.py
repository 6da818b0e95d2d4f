"""The pipeline from `dvc repro` to the report: once, again, with a method more, with one less."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import PARAMS, PLUGIN, ROOT, command_environment, mixseg

BIN = Path(sys.executable).parent


def run(root: Path, *words: str) -> str:
    environment = command_environment(DVC_NO_ANALYTICS="1", PATH=f"{BIN}:{os.environ['PATH']}")
    environment["PYTHONPATH"] = str(root)  # the project's own copy of the code
    done = subprocess.run(
        words, cwd=root, env=environment, text=True, capture_output=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own with a copy of the code, in Git and DVC."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT / "benchmark", root / "benchmark", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    (root / "params.yaml").write_text(PARAMS)
    (root / "mmsnet").mkdir()
    (root / "baselines" / "small").mkdir(parents=True)
    (root / "baselines" / "small" / "plugin.py").write_text(PLUGIN)
    run(root, "git", "init", "-q")
    run(root, "dvc", "init", "-q")
    run(root, "mixseg", "sync")
    return root


def repro(root: Path) -> list[str]:
    """Reproduces the report; the names of the stages that ran."""
    said = run(root, "dvc", "repro", "report@tiny")
    lines = [line for line in said.splitlines() if line.startswith("Running stage")]
    return [line.split("'")[1] for line in lines]


def page(root: Path) -> str:
    return (root / "reports" / "tiny" / "index.html").read_text(encoding="utf-8")


def test_the_pipeline(pipeline: Path) -> None:
    first = repro(pipeline)
    own = {
        "download@tiny",
        "prepare@tiny",
        "leaks@tiny",
        "controls@tiny",
        "report@tiny",
    }
    runs = {name for name in first if name.startswith("baselines/small")}
    assert own <= set(first)
    assert len(runs) == 3  # two seeds, and the cost
    before = page(pipeline)
    assert "Small" in before

    assert repro(pipeline) == []  # a second time there is nothing to do

    run(pipeline, "mixseg", "new", "another")
    second = repro(pipeline)
    assert {name for name in second if name.startswith("baselines/small")} == set()
    assert len([name for name in second if name.startswith("baselines/another")]) == 3
    assert "another" in page(pipeline)
    assert repro(pipeline) == []

    source = pipeline / "benchmark" / "reports" / "document.py"
    source.write_text(source.read_text() + "\n# an edit\n")
    assert set(repro(pipeline)) == {"report@tiny"}

    shutil.rmtree(pipeline / "baselines" / "another")
    assert set(repro(pipeline)) == {"report@tiny"}
    assert "removed" in page(pipeline)
    assert "another" in page(pipeline)

    shutil.rmtree(pipeline / "results" / "tiny" / "main" / "another")
    repro(pipeline)
    assert page(pipeline) == before


def test_prepare_depends_on_every_module_that_it_runs() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    deps = set(stages["prepare"]["do"]["deps"])
    code = "import sys, benchmark.data.prepare, benchmark.data.phantoms.draw; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    used = {name for name in done.stdout.split() if name.startswith("benchmark.data.")}
    free = {"catalog", "status"}  # what there is to read lies in catalog.yaml; status tells of it
    for name in sorted(used - {f"benchmark.data.{part}" for part in free}):
        assert f"{name.replace('.', '/')}.py" in deps, name


def test_a_mix_without_its_raw_data_names_sets_and_folders(project) -> None:
    params = project.root / "params.yaml"
    text = params.read_text().replace("drawn: {train: 8, test: 2, seed: 0}", "drawn: null")
    text = text.replace("train: [phantom-fundus,", "train: [busi,").replace(
        "test: [phantom-fundus,", "test: [busi,"
    )
    params.write_text(
        text.replace("phantom-colonoscopy, phantom-ultrasound, phantom-dermoscopy", "isic2018")
    )
    done = mixseg(project.root, "prepare", "--mix", "tiny")
    assert done.returncode == 1
    for word in ("busi", "isic2018", "data/raw/busi", "data/raw/isic2018"):
        assert word in done.stderr
    assert not list(project.root.rglob("*.tmp"))
