"""`--log`: each row of history.csv reaches the tracker once, and a tracker stops no training."""

import csv
import os
import signal
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import PARAMS, mixseg, start

from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods.sync import sync
from benchmark.runs import trackers
from benchmark.runs.execute import execute, look_up
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import WEIGHTS, RunOptions
from benchmark.runs.store import RunDirectory, run_directory
from benchmark.runs.trackers import TRACKED, About, Following

SPEC = RunSpec("small", "tiny", 0)


class Said(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def say(self, line: str) -> None:
        self.lines.append(line)


class Kept:
    """A tracker that keeps its rows; `fails` and `hangs` say at which row."""

    def __init__(self, fails: int = 99, hangs: int = 99) -> None:
        self.rows, self.fails, self.hangs = list[Mapping[str, float]](), fails, hangs
        self.closed = False

    def row(self, row: Mapping[str, float]) -> None:
        if len(self.rows) == self.fails:
            raise ConnectionError("no\nserver")
        if len(self.rows) == self.hangs:
            time.sleep(60)
        self.rows.append(dict(row))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A tracker `kept`, whose package is one that is always there."""
    tracker = Kept()
    monkeypatch.setitem(trackers.TRACKERS, "kept", ("numpy", lambda about: tracker))
    monkeypatch.setattr(trackers, "SECONDS_BETWEEN_LOOKS", 0.02)
    return tracker


def trained(project: Paths, log: str, said: Silent | None = None) -> Path:
    sync(project.root)
    options = RunOptions("cpu", 1, log=log)
    assert execute(project, SPEC, options, said or Silent()) == "done"
    return project.run("tiny", "main", "small", 0)


def history(project: Paths) -> list[dict[str, str]]:
    path = project.run("tiny", "main", "small", 0) / "history.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def in_order(project: Paths, rows: list[Mapping[str, float]]) -> None:
    """Compares rows with history.csv, which holds six digits."""
    wanted = history(project)
    assert [{k: f"{v:.6g}" for k, v in row.items()} for row in rows] == wanted


def test_the_rows_of_the_history_come_in_order(project: Paths, kept: Kept) -> None:
    trained(project, "kept")
    assert len(kept.rows) == 3
    in_order(project, kept.rows)
    assert kept.closed
    assert not list(project.store.rglob(TRACKED))


def test_a_tracker_changes_no_byte_of_weights_maps_and_scores(
    project: Paths, kept: Kept, tmp_path: Path
) -> None:
    folder = trained(project, "kept")
    names = {"weights.safetensors", "probs.npz", "scores.csv"}
    with_log = {n: s for n, s in read_json(folder / "run.json")["files"].items() if n in names}
    for path in (project.store, project.root / "results", project.root / "artefacts"):
        path.rename(path.with_name(f"{path.name}-before"))
    without = read_json(trained(project, "") / "run.json")["files"]
    assert with_log == {name: without[name] for name in names}
    assert len(with_log) == 3


@pytest.mark.parametrize("fails", [0, 1])
def test_a_tracker_that_fails_is_told_once(project: Paths, kept: Kept, fails: int) -> None:
    kept.fails, said = fails, Said()
    folder = trained(project, "kept", said)
    assert said.lines == ["WARNING --log kept: no server; the run goes on without it"]
    assert (folder / "scores.csv").is_file()
    assert len(history(project)) == 3


def test_a_tracker_that_cannot_begin_is_told_once(
    project: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(about: About) -> trackers.Tracker:
        raise PermissionError("no key")

    monkeypatch.setitem(trackers.TRACKERS, "kept", ("numpy", refuse))
    said = Said()
    trained(project, "kept", said)
    assert said.lines == ["WARNING --log kept: no key; the run goes on without it"]


def test_a_tracker_that_hangs_is_left(
    project: Paths, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "PATIENCE", 0.2)
    kept.hangs, said = 1, Said()
    trained(project, "kept", said)
    assert said.lines == [
        "WARNING --log kept: it did not answer for 0 s; the run goes on without it"
    ]


def test_rows_are_read_while_training_goes_on(tmp_path: Path, kept: Kept) -> None:
    from benchmark.training.checkpoint import save_checkpoint

    directory, rows = RunDirectory(tmp_path), [{"epoch": 1, "step": 5, "loss": 0.5}]
    told = {"method": "m", "mix": "x", "seed": 0}
    with Following("kept", About(tmp_path, "run", told), directory, Silent()) as tracking:
        save_checkpoint(directory.checkpoint, {"identity": "another", "history": rows * 3})
        time.sleep(0.2)
        assert kept.rows == []
        save_checkpoint(directory.checkpoint, {"identity": "run", "history": rows})
        until = time.monotonic() + 20
        while not kept.rows and time.monotonic() < until:
            time.sleep(0.02)
        assert kept.rows == rows
        tracking.finish([*rows, {"epoch": 2, "step": 10, "loss": 0.25}])
    assert [row["step"] for row in kept.rows] == [5, 10]


def test_a_resumed_run_sends_each_row_once(tmp_path: Path, kept: Kept) -> None:
    from benchmark.training.checkpoint import save_checkpoint

    directory, told = RunDirectory(tmp_path), {"method": "m", "mix": "x", "seed": 0}
    rows = [{"epoch": k, "step": 5 * k, "loss": 1 / k} for k in (1, 2, 3)]
    save_checkpoint(directory.checkpoint, {"identity": "run", "history": rows[:2]})
    write_json(tmp_path / TRACKED, {"kept": 1})
    with Following("kept", About(tmp_path, "run", told), directory, Silent()) as tracking:
        tracking.finish(rows)
    assert [row["step"] for row in kept.rows] == [10, 15]
    directory.checkpoint.unlink()
    with Following("kept", About(tmp_path, "run", told), directory, Silent()) as tracking:
        tracking.finish(rows)  # begun anew
    assert [row["step"] for row in kept.rows] == [10, 15, 5, 10, 15]


def test_a_package_that_is_not_there_is_told_before_training(
    project: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers.TRACKERS, "gone", ("no_such_package", Kept))
    sync(project.root)
    with pytest.raises(Exception, match=r"--log gone: no package no_such_package.*pip install"):
        execute(project, SPEC, RunOptions("cpu", 1, log="gone"), Silent())
    assert not project.store.exists()


def logged(project: Paths, name: str, **environment: str) -> None:
    pytest.importorskip(trackers.TRACKERS[name][0], reason="pip install -e '.[engines]'")
    sync(project.root)
    words = ("run", "--method", "small", "--mix", "tiny", "--seed", "0", "--log", name)
    done = mixseg(project.root, *words, **environment)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    for line in done.stderr.splitlines():  # the progress alone
        assert line.startswith(("training", "predicting", "score")), done.stderr


@pytest.mark.engines
def test_tensorboard(project: Paths) -> None:
    logged(project, "tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = project.root / "work" / "trackers" / "tensorboard" / "tiny" / "small" / "seed-0"
    events = EventAccumulator(str(folder)).Reload()
    rows = history(project)
    for name in ("loss", "lr", "images_per_s"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        wanted = [(int(row["step"]), pytest.approx(float(row[name]), rel=1e-5)) for row in rows]
        assert found == wanted


@pytest.mark.engines
def test_mlflow(project: Paths) -> None:
    logged(project, "mlflow")
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.root / 'work/trackers/mlflow.db'}")
    place = client.get_experiment_by_name("mixseg tiny").experiment_id
    (run,) = client.search_runs([place])
    assert (run.info.run_name, run.info.status) == ("small seed 0", "FINISHED")
    assert run.data.params["method"] == "small"
    assert run.data.params["epochs"] == "3"
    found = client.get_metric_history(run.info.run_id, "loss")
    wanted = [(int(row["step"]), pytest.approx(float(row["loss"]), rel=1e-5))
              for row in history(project)]  # fmt: skip
    assert sorted((one.step, one.value) for one in found) == wanted
    assert list(project.root.glob("mlruns")) == []


def log_records(log: bytes) -> Iterator[bytes]:
    """The records of an offline run: blocks of 32 KiB; a CRC, a length and a kind before a part."""
    at, parts = 7, b""  # after the head of the file
    while at + 7 <= len(log):
        left = 2**15 - at % 2**15
        if left < 7:  # no room for another part in this block
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", log, at)
        parts += log[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.engines
def test_wandb(project: Paths) -> None:
    logged(project, "wandb", WANDB_MODE="offline")
    from wandb.proto import wandb_internal_pb2

    (path,) = (project.root / "work" / "trackers").rglob("run-*.wandb")
    losses = []
    for data in log_records(path.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        told = {"/".join(item.nested_key) or item.key: item.value_json
                for item in record.history.item}  # fmt: skip
        if "loss" in told:
            losses.append((int(told["_step"]), float(told["loss"])))
    wanted = [(int(row["step"]), pytest.approx(float(row["loss"]), rel=1e-5))
              for row in history(project)]  # fmt: skip
    assert losses == wanted


@pytest.mark.engines
def test_a_killed_run_goes_on_in_the_same_run_of_mlflow(project: Paths) -> None:
    pytest.importorskip("mlflow", reason="pip install -e '.[engines]'")
    text = PARAMS.replace("epochs: 3", "epochs: 250").replace("seeds: [0, 1]", "seeds: [0]")
    (project.root / "params.yaml").write_text(text)
    sync(project.root)
    words = ("run", "--method", "small", "--mix", "tiny", "--seed", "0", "--log", "mlflow")
    plan = look_up(project, load_params(project.root), SPEC)
    folder = run_directory(project.store, plan.identity.run).folder
    process = start(project.root, *words)
    until = time.monotonic() + 120
    while not (folder / TRACKED).is_file() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (folder / WEIGHTS).is_file() is False
    assert mixseg(project.root, *words).returncode == 0
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.root / 'work/trackers/mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("mixseg tiny").experiment_id])
    steps = [one.step for one in client.get_metric_history(run.info.run_id, "loss")]
    wanted = [int(row["step"]) for row in history(project)]
    assert sorted(set(steps)) == wanted
    assert len(steps) <= len(wanted) + 1  # the row that was under way may come twice
