"""A value chosen on val: what it is trained and scored on, what is done twice, what is refused."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_plugins import method, write_plugin
from support import MODALITIES, TRAIN, mixseg, start

from benchmark.core.errors import ParamsError, TrainingError
from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.progress import Silent
from benchmark.data.manifest import sealed
from benchmark.methods.discover import method_entry
from benchmark.runs import tuning_report as tuned
from benchmark.runs.candidates import Candidate, Choice, parse_set
from benchmark.runs.settings import RunOptions
from benchmark.runs.status import states
from benchmark.runs.store import run_directory
from benchmark.runs.tuning import Tried, tune
from benchmark.statistics.table import Entry, read_table

CPU = RunOptions(device="cpu")
WORDS = ("tune", "--method", "small", "--mix", "tiny", "--set")
WEIGHED = """
def loss(self, inputs, mask):
    return {"total": self.weight * super().loss(inputs, mask)["total"]}
"""


def tried(paths: Paths, field: str, *texts: str, name: str = "small") -> list[Tried]:
    return tune(paths, Choice(name, "tiny", field, texts), CPU, Silent())[1]


def folders(found: list[Tried], paths: Paths) -> list[Path]:
    runs = [each.candidate.plan.identity.run for each in found]
    return [run_directory(paths.store, run).folder for run in runs]


def record(paths: Paths, name: str = "small-lr") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paths.results("tiny") / f"tuning/{name}.json").read_text())
    return found


@pytest.fixture
def weighed(project: Paths) -> Paths:
    write_plugin(
        project.root,
        "baselines/weighed",
        method("weighed", "self.weight = weight", WEIGHED, "weight=1.0, shown=True"),
    )
    return project


def test_the_command_its_table_and_its_record(project: Paths) -> None:
    done = mixseg(project.root, *WORDS, "lr=0.01,1e-7", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "value 2 of 2, about" in done.stderr
    assert "best: lr = 0.01, 0." in done.stdout
    assert "above lr = 1e-07; small has it already" in done.stdout  # 0.01 is the mix's
    told = record(project)
    assert (told["field"], told["seed"], told["scored_on"]) == ("lr", 0, "val")
    first, second = told["values"]
    assert [row["dataset"] for row in first["datasets"]] == [f"phantom-{m}" for m in MODALITIES]
    assert {row["n"] for row in first["datasets"]} == {1}
    mean = sum(row["dsc"] for row in first["datasets"]) / 4
    assert first["mean_over_modalities"] == pytest.approx(mean, abs=1e-6)
    assert told["best"] == {
        "value": 0.01,
        "above": 1e-7,
        "by": pytest.approx(mean - second["mean_over_modalities"], abs=2e-6),
        "standard_error": None,  # a single case a dataset
    }
    assert first["train"] == 4 * TRAIN
    assert {"commit", "hardware", "versions", "finished"} <= set(first)


def test_it_sees_train_and_val_alone(project: Paths) -> None:
    """Other pixels of the test cases change nothing; other pixels of val change scores alone."""
    whole = tried(project, "lr", "0.01")[0]
    for split, changed in (("test", False), ("val", True)):
        shutil.rmtree(project.store)
        for folder in project.prepared("tiny").glob("phantom-*"):
            rows = pd.read_csv(folder / "cases.csv")["split"].to_numpy() == split
            for name in ("images", "masks"):
                pixels = np.load(folder / f"{name}.npy")
                pixels[rows] = 1 - (pixels[rows] > 0)
                np.save(folder / f"{name}.npy", pixels)
        manifest = project.prepared("tiny") / "manifest.json"
        write_json(manifest, sealed(read_json(manifest), manifest.parent))
        again = tried(project, "lr", "0.01")[0]
        assert again.scores is not None
        assert whole.scores is not None
        assert again.scores.equals(whole.scores) != changed


def test_what_is_finished_is_not_done_again(project: Paths) -> None:
    first = tried(project, "lr", "0.01", "0.001")
    before = [(f / "done.json").stat().st_mtime_ns for f in folders(first, project)]
    more = tried(project, "lr", "0.001", "0.02", "0.01")
    kept = [more[2], more[0]]
    assert folders(kept, project) == folders(first, project)
    assert [(f / "done.json").stat().st_mtime_ns for f in folders(kept, project)] == before
    assert len({*folders(more, project)}) == 3
    assert not list(project.store.glob("*/checkpoint.pt"))


def test_killed_and_resumed_equals_uninterrupted(project: Paths) -> None:
    """All three by the command, so on one thread: another number of them rounds otherwise."""
    words = (*WORDS, "epochs=60", "--device", "cpu")
    assert mixseg(project.root, *words).returncode == 0
    folder = next(project.store.glob("*/probs.npz")).parent
    expected = (folder / "probs.npz").read_bytes()
    shutil.rmtree(folder)
    process = start(project.root, *words)
    until = time.monotonic() + 60
    while not (folder / "checkpoint.pt").exists():
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert (folder / "checkpoint.pt").exists()
    assert not (folder / "probs.npz").exists()
    assert mixseg(project.root, *words).returncode == 0
    assert (folder / "probs.npz").read_bytes() == expected


def test_a_number_among_the_arguments(weighed: Paths) -> None:
    found = tried(weighed, "weight", "-1", "1", name="weighed")
    assert [each.candidate.value for each in found] == [-1.0, 1.0]
    best = tuned.best_of(found)
    assert best.tried.candidate.value == 1.0
    assert best.by > 0
    assert method_entry(weighed.root, "weighed").build(32).weight == 1.0  # as it was
    told = tuned.text(found[0].candidate.plan, found)
    assert "write it into the arguments of weighed in method.yaml: weight: 1.0" in told


def test_a_loss_that_is_not_finite_stops_no_other_value(weighed: Paths) -> None:
    plan, found = tune(
        weighed, Choice("weighed", "tiny", "lr", ("1e30", "0.01")), CPU, Silent()
    )  # fmt: skip
    assert found[0].scores is None
    assert "finite numbers" in found[0].record["failed"]
    tuned.write(weighed, plan, found)
    told = record(weighed, "weighed-lr")
    assert set(told["values"][0]) == {"value", "run", "failed"}
    assert told["best"]["value"] == 0.01
    assert told["best"]["above"] is None
    assert "FAILED  lr = 1e+30" in tuned.text(plan, found)
    with pytest.raises(TrainingError, match="a value that trains"):
        tried(weighed, "lr", "1e30", name="weighed")


def test_the_folder_of_tunings_is_no_group_of_runs(project: Paths) -> None:
    assert mixseg(project.root, "sync").returncode == 0
    before = [state.row() for state in states(project)]
    plan, found = tune(project, Choice("small", "tiny", "lr", ("0.01",), seed=7), CPU, Silent())
    path = tuned.write(project, plan, found)
    assert path == project.results("tiny") / "tuning" / "small-lr-seed-7.json"
    assert [state.row() for state in states(project)] == before
    entry = Entry("small", "Small", "main", "none", (0,), True)
    table = read_table(project.results("tiny"), [entry], {"phantom-fundus": 2})
    assert table.ignored == ()
    assert next(run.why for run in table.missing) == "not run"


def case(dataset: str, modality: str, name: str, dsc: float) -> dict[str, object]:
    return {"dataset": dataset, "modality": modality, "case": name, "dsc": dsc}


def test_means_and_the_error_of_a_lead_by_hand(project: Paths) -> None:
    """Two datasets of one modality weigh as much as the one dataset of another."""
    plan = tried(project, "lr", "0.01")[0].candidate.plan
    rows = [("a", "x", "1", 0.5), ("a", "x", "2", 0.7), ("b", "x", "1", 0.2), ("b", "x", "2", 0.2),
            ("c", "y", "1", 0.9), ("c", "y", "2", 0.5)]  # fmt: skip
    high = pd.DataFrame([case(*row) for row in rows])
    less = (0.1, 0.3, 0.0, 0.0, 0.2, 0.0)
    low = high.assign(dsc=high["dsc"] - less)
    # x: (0.6 + 0.2) / 2 = 0.4, y: 0.7
    assert tuned.mean_over_modalities(high) == pytest.approx(0.55)
    both = [
        Tried(Candidate("lr", lr, False, plan), scores, {})
        for lr, scores in ((1.0, low), (2.0, high))
    ]
    best = tuned.best_of(both)
    assert best.tried is both[1]
    # a: 0.2, b: 0, so x: 0.1; y: 0.1
    assert best.by == pytest.approx(0.1)
    # variances 0.02 / 2 cases (a), 0 (b), 0.02 / 2 (c); x: (0.01 + 0) / 2², y: 0.01; / 2 modalities
    assert best.error == pytest.approx((0.01 / 4 + 0.01) ** 0.5 / 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weigh=1,2", "Did you mean 'weight'"),
        ("shown=1,0", "no field 'shown'"),
        ("weight=1,x", "'x', expected a finite number"),
        ("weight=1,inf", "expected a finite number"),
        ("weight=1,1.0", "a value twice"),
        ("lr=0.1,-1", "greater than 0"),
        ("optimiser=adam,lion", "'adamw', 'adam' or 'sgd'"),
        ("batch=4,0", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_tried(weighed: Paths, text: str, says: str) -> None:
    with pytest.raises(ParamsError, match=says):
        tried(weighed, parse_set(text)[0], *parse_set(text)[1], name="weighed")
    assert not weighed.store.exists()


@pytest.mark.parametrize("text", ["lr", "lr=", "=1", "lr=1,,2"])
def test_a_set_of_another_form(text: str) -> None:
    with pytest.raises(ParamsError, match="FIELD=V1,V2"):
        parse_set(text)


def test_a_method_that_takes_no_step(project: Paths) -> None:
    write_plugin(project.root, "baselines/still", method("still", recipe="as-released"))
    with pytest.raises(ParamsError, match="takes no step"):
        tried(project, "lr", "1", "2", name="still")


def test_more_epochs_than_the_mix_allows(project: Paths) -> None:
    params = project.root / "params.yaml"
    params.write_text(
        params.read_text().replace("    size: 32\n", "    size: 32\n    max_epochs: 4\n")
    )
    with pytest.raises(ParamsError, match="max_epochs"):
        tried(project, "epochs", "4", "5")
