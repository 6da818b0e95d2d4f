"""One addition of each kind, in a project with a copy of the code: one new file or one row each."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import support
from PIL import Image
from support import PARAMS, ROOT, make_project

RUN = ("run", "--method", "small", "--mix", "tiny", "--seed", "0")
METRIC = """\
        Metric("specificity", "Specificity", "higher", "share",
               lambda m: m.tally.counts.tn / (m.tally.counts.tn + m.tally.counts.fp)),
"""
ANALYSIS = '''\
"""How bright the maps are."""

from benchmark.analyses.kit.contract import Analysis
from benchmark.analyses.kit.show import Measure, grid


def _grids(measured):
    return (grid(measured, "brightness", "Brightness", [Measure("level", "Level", best="")]),)


ANALYSIS = Analysis(
    name="brightness", title="Brightness", short="Brightness", about="how bright the maps are",
    module="benchmark/analyses/measures/brightness.py", grids=_grids,
)
'''
MEASURE = '''\
"""The mean level of a map."""

import pandas as pd

from benchmark.analyses.kit.maps import stored


def measure(job, part):
    """A row a case."""
    rows = [
        {**case.about(), "level": case.levels.mean() / 65535} for case in stored(job, job.seeds[0])
    ]
    return pd.DataFrame(rows)
'''

EXECUTOR = '''\
"""One run after the other, in a process of its own."""

from benchmark.runs.executors.kit.child import Child
from benchmark.runs.executors.kit.contract import Executor, Outcome, Room


def room(order):
    """One place."""
    return Room(1, "nearby", False, None)


def run(order, watch):
    """Executes the runs."""
    root, options = order.paths.root, order.options
    return [Outcome(spec, Child(root, spec, options, {}).wait()) for spec in order.specs]


EXECUTOR = Executor("nearby", room, run)
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run and a copy of the code."""
    root = tmp_path_factory.mktemp("additions")
    make_project(root)
    (root / "params.yaml").write_text(PARAMS.replace("epochs: 3", "epochs: 1"))
    shutil.copytree(
        ROOT / "benchmark", root / "benchmark", ignore=shutil.ignore_patterns("__pycache__")
    )
    mixseg(root, "sync")
    mixseg(root, *RUN)
    return root


def mixseg(root: Path, *words: str) -> str:
    """What a command of the project's own copy prints."""
    done = support.mixseg(root, *words, PYTHONPATH=str(root), COLUMNS="200")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def test_a_metric_is_one_row_and_trains_nothing(project: Path) -> None:
    weights = project / "artefacts/tiny/small/seed-0/weights.safetensors"
    before = weights.stat().st_mtime_ns
    last = '        Metric("foreground",'
    replace(project / "benchmark/statistics/schema.py", last, METRIC + last)
    mixseg(project, *RUN)
    with (project / "results/tiny/main/small/seed-0/scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        tn, fp = float(row["tn"]), float(row["fp"])
        assert float(row["specificity"]) == pytest.approx(tn / (tn + fp), abs=1e-6)
    mixseg(project, "tables", "--mix", "tiny")
    assert "Specificity" in (project / "reports/tiny/tables/errors.md").read_text()
    assert weights.stat().st_mtime_ns == before


def test_an_analysis_is_a_file_and_its_measure(project: Path) -> None:
    (project / "benchmark/analyses/brightness.py").write_text(ANALYSIS)
    (project / "benchmark/analyses/measures/brightness.py").write_text(MEASURE)
    assert "how bright the maps are" in mixseg(project, "analyse", "--list")
    mixseg(project, "analyse", "brightness", "--mix", "tiny")
    path = project / "results/tiny/analyses/brightness/small/seed-0/measured.csv"
    with path.open() as file:
        levels = [float(row["level"]) for row in csv.DictReader(file)]
    assert len(levels) == 8
    assert all(0 <= level <= 1 for level in levels)
    mixseg(project, "report", "--mix", "tiny")
    assert "Brightness" in (project / "reports/tiny/index.html").read_text()


def test_a_row_is_a_line_of_method_yaml(project: Path) -> None:
    declaration = project / "baselines/small/method.yaml"
    declaration.write_text(declaration.read_text() + "  other: {title: Other}\n")
    mixseg(project, "sync")
    assert "other" in mixseg(project, "status", "--mix", "tiny")


def test_a_mix_is_an_entry_of_params_yaml(project: Path) -> None:
    lines = (project / "params.yaml").read_text().split("  tiny:\n")[1]
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(f"{text}  second:\n{lines}")
    mixseg(project, "sync")
    assert "second: " in mixseg(project, "status", "--mix", "second")
    mixseg(project, "prepare", "--mix", "second")


def test_a_dataset_is_a_file_of_its_own(project: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for k in range(12):
        pixels = draw.integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{k}.png")
        mask = np.zeros((40, 40), np.uint8)
        mask[5 : 10 + k, 5:20] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{k}.png")
    words = ("new-dataset", "clinic", "--from", str(tmp_path), "--modality", "dermoscopy")
    mixseg(project, *words)
    assert (project / "data/own/clinic/dataset.yaml").is_file()
    assert "clinic" in mixseg(project, "data", "--dataset", "clinic")


def test_an_executor_is_a_file(project: Path) -> None:
    (project / "benchmark/runs/executors/nearby.py").write_text(EXECUTOR)
    said = mixseg(project, "run", "--all", "--mix", "tiny", "--executor", "nearby")
    assert "0 failed" in said
    run = json.loads((project / "results/tiny/main/small/seed-1/run.json").read_text())
    assert run["seed"] == 1
