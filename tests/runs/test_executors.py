"""Executors behind one interface: found, refused, what a run gets, what is said of it."""

import json
import re
import time
from pathlib import Path

import pytest
from filelock import FileLock
from support import mixseg

from benchmark.cli.options import seconds_of
from benchmark.core.errors import ParamsError
from benchmark.core.files import Paths, read_json, write_json
from benchmark.core.params import load_params
from benchmark.core.progress import Silent
from benchmark.methods.sync import sync
from benchmark.runs.execute import look_up
from benchmark.runs.executors import local
from benchmark.runs.executors.kit.contract import Order, Outcome, Resources, Room
from benchmark.runs.executors.kit.costs import measure_costs
from benchmark.runs.executors.kit.estimate import estimate
from benchmark.runs.executors.kit.find import executor, executors
from benchmark.runs.identity import RunSpec
from benchmark.runs.noted import Noted
from benchmark.runs.settings import RunOptions
from benchmark.runs.status import states
from benchmark.runs.store import PROGRESS, run_directory

ALL = ("run", "--all", "--mix", "tiny")
SPECS = (RunSpec("small", "tiny", 0), RunSpec("small", "tiny", 1))


def test_executors_are_found_by_their_files() -> None:
    files = Path(local.__file__).parent.glob("*.py")
    assert set(executors()) == {path.stem for path in files if path.stem != "__init__"}
    assert "local" in executors()
    with pytest.raises(ParamsError, match=r"no executor 'locl'.*Did you mean 'local'\?"):
        executor("locl")


def test_no_run_that_is_held_starts_again(project: Paths) -> None:
    assert mixseg(project.root, "sync").returncode == 0
    first = mixseg(project.root, *ALL, "--jobs", "2")
    assert "2 runs done, 0 failed" in first.stdout
    assert re.search(r"^time: (about \d|less than 1 s)", first.stderr, re.MULTILINE)
    assert "small on tiny, seed 1: done" in first.stderr
    cost = project.results("tiny") / "main/small/cost/cost.json"
    assert read_json(cost)["macs"] > 0
    begun = [path.stat().st_mtime_ns for path in (*project.root.rglob("run.json"), cost)]
    again = mixseg(project.root, *ALL)
    assert again.stdout.strip() == "2 runs done, 0 failed"
    assert again.stderr.strip() == "2 runs are done already"
    assert begun == [path.stat().st_mtime_ns for path in (*project.root.rglob("run.json"), cost)]
    order = Order(project, SPECS, RunOptions("cuda"))  # a cost that cannot be measured here
    failed = list(measure_costs(order, [Outcome(spec) for spec in SPECS], Silent()))
    assert [line.split(":")[0] for line in failed] == ["FAILED  cost of small on tiny"]
    assert "no CUDA device" in failed[0]


def test_a_run_that_another_machine_asked_for_is_that_run_or_none(project: Paths) -> None:
    words = ("run", "--method", "small", "--mix", "tiny", "--seed", "0")
    other = mixseg(project.root, *words, MIXSEG_RUN="f" * 64)
    assert other.returncode == 1
    assert re.match(
        r"error: small on tiny, seed 0, on this machine: identity [0-9a-f]{16}, expected f{16}, as",
        other.stderr,
    )
    assert not project.store.exists()
    plan = look_up(project, load_params(project.root), SPECS[0])
    assert mixseg(project.root, *words, MIXSEG_RUN=plan.identity.run).returncode == 0


def test_a_run_that_takes_too_long_stops_with_a_checkpoint(project: Paths) -> None:
    params = project.root / "params.yaml"
    text = params.read_text().replace("seeds: [0, 1]", "seeds: [0]")
    params.write_text(text.replace("epochs: 3", "epochs: 20000"))
    sync(project.root)
    for seconds in (12, 30, 120):  # a busy machine has no checkpoint after the first
        done = mixseg(project.root, *ALL, "--time", f"{seconds}s")
        assert done.returncode == 1
        assert f"stopped after {seconds} s (--time)" in done.stderr
        if states(project)[0].state == "stopped":
            break
    assert states(project)[0].state == "stopped"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--executor", "local", "--partition", "gpu"), "--partition is not for the executor"),
        (("--detach",), "--detach is not for the executor 'local'"),
        (("--time", "soon"), "no time such as 90m"),
        (("--gpus-per-run", "2"), "one run uses one GPU at most"),
        (("--memory", "100000"), "for one run"),
        (("--executor", "lokal"), "Did you mean 'local'?"),
    ],
)
def test_what_cannot_be_given_is_refused(project: Paths, words: tuple[str, ...], said: str) -> None:
    sync(project.root)
    done = mixseg(project.root, *ALL, *words)
    assert done.returncode != 0
    told = re.sub(r"[\s│]+", " ", done.stderr).lower()
    assert said.lower() in told
    assert not list(project.root.rglob("run.json"))


def order(project: Paths, **wants: float) -> Order:
    return Order(project, SPECS, RunOptions(), Resources(**wants))  # type: ignore[arg-type]


def test_what_a_run_gets(project: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "usable_cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert local.slots(order(project)) == local.Slots(("",), RunOptions(threads=8))
    assert local.slots(order(project, jobs=4)) == local.Slots(("",) * 4, RunOptions(threads=2))
    assert local.slots(order(project, cpus=3)) == local.Slots(("",) * 2, RunOptions(threads=3))
    with pytest.raises(ParamsError, match="no GPU here"):
        local.slots(order(project, gpus=1))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert local.slots(order(project)).gpus == ("2", "5")
    assert local.slots(order(project, gpus=0.5)).gpus == ("2", "5", "2", "5")
    assert local.slots(order(project, gpus=0.5, jobs=3)).gpus == ("2", "5", "2")
    assert local.slots(order(project, gpus=0)) == local.Slots(("",), RunOptions("cpu", 8))


def test_times_are_read() -> None:
    assert [seconds_of(text) for text in ("90m", "8h", "1d12h", None)] == [
        5400,
        28800,
        129600,
        None,
    ]


def test_the_estimate_takes_finished_runs_of_the_row(project: Paths) -> None:
    sync(project.root)
    room = Room(1, "here", gpu=False, options=None)
    assert "not known" in estimate(order(project), room, Silent()).lines[1]
    plan = look_up(project, load_params(project.root), SPECS[0])
    record = {
        "size": 32, "hardware": {"device": "cpu"}, "times": {"train_s": 90.0, "predict_s": 10.0},
        "parameters": {"trainable": 1000}, "data": {"test": {"a": 5}},
        "identity": {"recipe": json.loads(json.dumps(plan.identity.recipe))},
    }  # fmt: skip
    path = project.run("tiny", "main", "small", 0) / "run.json"
    write_json(path, record)
    told = estimate(order(project), room, Silent())
    assert told.seconds == 200  # two runs of 100 s, one after the other
    assert told.lines[1] == "time: about 3 min 20 s (2 as earlier runs of their rows)"
    # Twice 4 bytes a weight and a byte a pixel, and one checkpoint of three times the weights.
    assert told.lines[2].startswith(
        f"disk: about {round((2 * (4000 + 5 * 1024) + 12000) / 1000)} kB"
    )
    write_json(path, {**record, "size": 64})
    assert "not known" in estimate(order(project), room, Silent()).lines[1]


def test_the_store_says_how_far_a_run_is(project: Paths) -> None:
    sync(project.root)
    plan = look_up(project, load_params(project.root), SPECS[0])
    directory = run_directory(project.store, plan.identity.run)
    with directory.locked():
        with Noted(Silent(), directory).task("training", 40, "steps", 10) as task:
            time.sleep(0.1)
            task.advance(10, "loss 0.312  90 images/s")
        assert read_json(directory.folder / PROGRESS)["done"] == 20
        found = states(project)[0]
        assert found.state == "running"
        assert found.why.startswith("20/40 steps, loss 0.312, 90 images/s, less than 1 s left, on ")
        said = mixseg(project.root, "status").stdout
        assert "small on tiny, seed 0: running: 20/40 steps" in said
    assert not (directory.folder / PROGRESS).exists()
    with FileLock(directory.folder / "lock"):
        assert states(project)[0].why == ""
