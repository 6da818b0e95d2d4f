"""`dvc repro` on a made project: what each edit runs, and that nothing else runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_plugins import declare
from support import DECLARATION, PARAMS, PLUGIN, ROOT, command_environment, forked, mixseg

BIN = Path(sys.executable).parent
LOOKS = {"code", "data@tiny"}  # the stages that run each time, and only look
OWN = {"prepare@tiny", "leaks@tiny", "controls@tiny", "report@tiny"}
SMALL, REPORT = "run@small-on-tiny", "report@tiny"
RUN = f"baselines/small/dvc.yaml:{SMALL}"  # as `dvc repro` wants it


def run(root: Path, *words: str, fails: bool = False) -> str:
    path = f"{forked()}:{BIN}:{os.environ['PATH']}"
    environment = command_environment(DVC_NO_ANALYTICS="1", PATH=path)
    environment["PYTHONPATH"] = str(root)  # the project's own copy of the code
    done = subprocess.run(
        words, cwd=root, env=environment, text=True, capture_output=True, timeout=400
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own with a copy of the code, in Git and DVC; its first repro is made."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(
        ROOT / "benchmark", root / "benchmark", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    (root / "params.yaml").write_text(PARAMS.replace("seeds: [0, 1]", "seeds: [0]"))
    (root / "baselines" / "small").mkdir(parents=True)
    (root / "baselines" / "small" / "plugin.py").write_text(PLUGIN)
    (root / "baselines" / "small" / "method.yaml").write_text(DECLARATION)
    for words in (("init", "-q"), ("config", "user.email", "a@b"), ("config", "user.name", "t")):
        run(root, "git", *words)
    run(root, "dvc", "init", "-q")
    run(root, "mixseg", "sync")
    assert repro(root) == OWN | LOOKS | {SMALL}
    assert repro(root) == LOOKS  # a second time there is nothing to do
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "first")
    return root


@pytest.fixture
def pipeline(made: Path, tmp_path: Path) -> Path:
    """A copy of the made project for one test, which may change it."""
    return Path(shutil.copytree(made, tmp_path / "project", symlinks=True))


def repro(root: Path, target: str = REPORT) -> set[str]:
    """Reproduces a stage and what it needs; the names of the stages that ran."""
    return stages(run(root, "dvc", "repro", target))


def stages(said: str) -> set[str]:
    lines = [line for line in said.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1].split(":")[-1] for line in lines}


def page(root: Path) -> str:
    return (root / "reports" / "tiny" / "index.html").read_text(encoding="utf-8")


def record(root: Path, method: str = "small") -> dict[str, object]:
    path = root / f"results/tiny/main/{method}/seed-0/run.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """The file with a change, which is taken back at the end."""
    text = path.read_text()
    change(path, old, new)
    try:
        yield
    finally:
        path.write_text(text)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new))


def trained(root: Path) -> str:
    """When the run was trained: it stays while it is only scored or predicted again."""
    return str(record(root)["finished"])


DECLARED, CODE = "baselines/small/method.yaml", "baselines/small/plugin.py"
HOOK, WHY, LAST = "    def embedder(", "    why: str", '    "clip_value": 0.0,\n'
SAID = {
    "title": [(DECLARED, "title: Small", "title: Other")],
    "licence": [(DECLARED, "Apache-2.0", "MIT")],
}
SILENT = {
    "docstring": [(CODE, '"""Two convolutions."""', '"""Other."""  # why')],
    "comment": [("benchmark/training/loop.py", "import time\n", "import time  # a comment\n")],
    "text of a report's code": [
        ("benchmark/reports/page/sections.py", '"""The', '"""Other words: the'),
    ],
    "new hook": [
        ("benchmark/methods/method.py", HOOK, f"    def new_hook(self) -> None: ...\n\n{HOOK}"),
    ],
    "new recipe field at its default": [
        ("benchmark/core/recipe.py", LAST, f'{LAST}    "new_field": 0,\n'),
        ("benchmark/core/recipe.py", WHY, f"    new_field: int | None = None\n{WHY}"),
    ],
    "optional code that no row uses": [
        ("benchmark/training/multiscale.py", "MULTIPLE = 32", "MULTIPLE = 16"),
    ],
}  # fmt: skip
Edits = dict[str, list[tuple[str, str, str]]]


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param(SAID, {REPORT}, id="all that is said"),
        pytest.param(SILENT, set(), id="all that changes nothing"),
        *(pytest.param({name: edit}, expected, id=name, marks=pytest.mark.slow)
          for edits, expected in ((SAID, {REPORT}), (SILENT, set()))
          for name, edit in edits.items()),
    ],
)  # fmt: skip
def test_what_is_only_said_trains_and_scores_nothing(
    pipeline: Path, edits: Edits, expected: set[str]
) -> None:
    before = trained(pipeline)
    for file, old, new in (part for edit in edits.values() for part in edit):
        change(pipeline / file, old, new)
    assert repro(pipeline) - LOOKS == expected
    assert trained(pipeline) == before


def test_one_recipe_value_of_one_row_runs_that_row(pipeline: Path) -> None:
    rows = {"small": {"title": "Small"}, "slow": {"title": "Slow"}}
    text = (pipeline / DECLARED).read_text()
    declare(pipeline, "baselines/small", rows)
    run(pipeline, "mixseg", "sync")
    assert repro(pipeline) - LOOKS == {"run@slow-on-tiny", REPORT}  # a row added
    assert "Slow" in page(pipeline)
    rows["slow"]["recipe"] = {"lr": 0.002, "why": "test"}
    declare(pipeline, "baselines/small", rows)
    assert repro(pipeline) - LOOKS == {"run@slow-on-tiny", REPORT}
    assert record(pipeline, "slow")["deviations"] == {"lr": 0.002}
    (pipeline / DECLARED).write_text(text)
    run(pipeline, "mixseg", "sync")
    assert repro(pipeline) - LOOKS == {REPORT}


def test_a_new_folder_joins_and_a_removed_one_leaves(pipeline: Path) -> None:
    before = page(pipeline)
    run(pipeline, "mixseg", "new", "another")
    assert repro(pipeline) - LOOKS == {"run@another-on-tiny", REPORT}
    assert "another" in page(pipeline)
    shutil.rmtree(pipeline / "baselines" / "another")
    assert repro(pipeline) - LOOKS == {REPORT}
    assert "removed" in page(pipeline)
    shutil.rmtree(pipeline / "results" / "tiny" / "main" / "another")
    repro(pipeline)
    assert page(pipeline) == before


def test_scoring_and_prediction_code_and_the_threshold_train_nothing(pipeline: Path) -> None:
    before, scores = trained(pipeline), record(pipeline)["files"]
    metrics = pipeline / "benchmark/evaluation/metrics.py"
    with edited(metrics, "import numpy as np\n", "import numpy as np\n\nADDED = 1\n"):
        assert repro(pipeline) - LOOKS == {SMALL, "controls@tiny", REPORT}
        assert trained(pipeline) == before
    with edited(pipeline / "params.yaml", "threshold: 0.5", "threshold: 0.4"):
        assert repro(pipeline) - LOOKS == {SMALL, "controls@tiny", REPORT}
        assert record(pipeline)["files"] != scores
    predict = pipeline / "benchmark/evaluation/predict.py"
    with edited(predict, "import numpy as np\n", "import numpy as np\n\nADDED = 1\n"):
        assert SMALL in repro(pipeline, RUN)
        assert trained(pipeline) == before
    assert SMALL in repro(pipeline, RUN)
    assert record(pipeline)["files"] == scores


def test_training_code_and_a_methods_own_code_train(pipeline: Path) -> None:
    before = trained(pipeline)
    loop = pipeline / "benchmark/training/loop.py"
    with edited(loop, "import time\n", "import time\n\nADDED = 1\n"):
        assert SMALL in repro(pipeline, RUN)
        assert trained(pipeline) != before
    plugin = pipeline / "baselines/small/plugin.py"
    with edited(plugin, "Dropout2d(0.1)", "Dropout2d(0.2)"):
        assert SMALL in repro(pipeline, RUN)
        told = run(pipeline, "mixseg", "why", "--method", "small", "--mix", "tiny", "--seed", "0")
        assert "nothing changed" in told
    told = run(pipeline, "mixseg", "why", "--method", "small", "--mix", "tiny", "--seed", "0")
    assert "the method's code changed" in told
    repro(pipeline, RUN)
    assert trained(pipeline) == before  # the store still has it


def test_a_clone_with_an_empty_store_adopts_artefacts_and_scores_them_again(
    pipeline: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    run(pipeline, "dvc", "remote", "add", "-f", "-d", "r", str(remote))
    run(pipeline, "dvc", "push", "-q")
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(pipeline), str(clone))
    shutil.copytree(pipeline / "results", clone / "results", dirs_exist_ok=True)
    run(clone, "dvc", "remote", "add", "-f", "-d", "r", str(remote))
    before = trained(clone)
    # Without data, weights and maps the report comes from the committed results.
    said = run(clone, "dvc", "repro", "--allow-missing", "report@tiny")
    assert stages(said) <= LOOKS | {REPORT}
    assert page(clone) == page(pipeline)
    words = ("mixseg", "run", "--method", "small", "--mix", "tiny")
    run(clone, "mixseg", "prepare", "--mix", "tiny")
    assert "its weights and maps are not here" in run(clone, *words)
    told = json.loads(run(clone, "mixseg", "status", "--mix", "tiny", "--json"))
    assert [row["state"] for row in told] == ["results"]
    metrics = clone / "benchmark/evaluation/metrics.py"
    with edited(metrics, "import numpy as np\n", "import numpy as np\n\nADDED = 1\n"):
        assert "cannot be scored again here" in run(clone, *words, fails=True)
        told = json.loads(run(clone, "mixseg", "status", "--mix", "tiny", "--json"))
        assert [row["state"] for row in told] == ["earlier-scores"]
        run(clone, "dvc", "pull", "-q", "artefacts/tiny/small")
        assert SMALL in repro(clone, RUN)
        assert trained(clone) == before
    (clone / "artefacts/tiny/small/seed-0/weights.safetensors").unlink()
    shutil.rmtree(clone / "work/store")
    scored = run(clone, *words, "--seed", "0")  # by the present code again, from the maps alone
    assert scored.strip().endswith("seed 0: done")
    assert "retrain" in run(clone, *words, "--seed", "0")
    assert trained(clone) == before
    run(clone, *words, "--seed", "0", "--retrain")
    assert trained(clone) != before


def test_a_failed_seed_fails_the_stage_and_keeps_the_others(pipeline: Path) -> None:
    before = trained(pipeline)
    plugin = pipeline / "baselines/small/plugin.py"
    fails = "        import torch\n        if torch.initial_seed() == 1: raise ValueError('seed')\n"
    start = "        super().__init__()\n"
    with (
        edited(pipeline / "params.yaml", "seeds: [0]", "seeds: [0, 1]"),
        edited(plugin, start, start + fails),
    ):
        said = run(pipeline, "dvc", "repro", "-k", "report@tiny", fails=True)
        assert "FAILED  small on tiny, seed 1: " in said
        assert (pipeline / "results/tiny/main/small/seed-0/run.json").is_file()
        report = run(pipeline, "mixseg", "report", "--mix", "tiny")
        assert "index.html" in report
        finished = trained(pipeline)
        plugin.write_text(plugin.read_text().replace("== 1: raise", "== 99: raise"))
    with edited(pipeline / "params.yaml", "seeds: [0]", "seeds: [0, 1]"):
        assert SMALL in repro(pipeline, RUN)
        assert trained(pipeline) == before != finished
        assert (pipeline / "results/tiny/main/small/seed-1/run.json").is_file()


def test_a_change_that_moves_no_number_is_adopted(pipeline: Path) -> None:
    before = trained(pipeline)
    loop = pipeline / "benchmark/training/loop.py"
    with edited(loop, "import time\n", "import time\n\nADDED = 1\n"):
        told = run(pipeline, "mixseg", "adopt", "--mix", "tiny")
        assert "training code" in told
        assert "same bytes" in told
        assert repro(pipeline) - LOOKS == set()
        assert trained(pipeline) == before
        (pair,) = json.loads((pipeline / "results/adoptions.json").read_text())
        assert pair["kind"] == "training"
        assert set(pair["proof"]["files"]) == {"weights.safetensors", "probs.npz", "scores.csv"}
    with edited(pipeline / "baselines/small/plugin.py", "Dropout2d(0.1)", "Dropout2d(0.3)"):
        said = run(pipeline, "mixseg", "adopt", "--mix", "tiny", "--method", "small", fails=True)
        assert "differ between the two states of the code" in said


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
